import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

/** What cannot be an argument, whatever the types say. */
const bad: readonly string[] = [
  undefined,
  null,
  {},
  true,
  Symbol("s"),
  Number.NaN,
  () => 1,
  ["nested", ["deeper"]],
  new Date(),
] as unknown[] as string[];

test("a failing encoder leaves no half command behind among many commands of one tick", async () => {
  await using redis = new Redis({ port: server().port });
  const results = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const value = i % 3 === 0 ? (bad[(i / 3) % bad.length] as string) : `value ${i}`;
      // The bad argument is the first, a middle or the last one, after others that were fine.
      const sent =
        i % 2 === 0 ? redis.call("SET", `key:${i}`, value) : redis.call("MSET", "a", "1", `key:${i}`, value, "b", "2");
      return sent.then(
        () => "ok",
        (error: { code: string; outcome: string }) => `${error.code} ${error.outcome}`,
      );
    }),
  );
  for (const [i, result] of results.entries())
    assert.equal(result, i % 3 === 0 ? "ERR_OPTIONS not-sent" : "ok", `${i}`);
  for (let i = 0; i < 200; i++) assert.equal(await redis.get(`key:${i}`), i % 3 === 0 ? null : `value ${i}`);
  assert.equal(Object.values(redis.stats().nodes)[0]?.created, 1, "the connection was never out of step");
});

test("a bad argument in the middle of a pipeline or a transaction throws there, and nothing of the batch is sent", async () => {
  await using redis = new Redis({ port: server().port });
  await redis.flushall();
  for (const value of bad) {
    for (const chain of [redis.pipeline(), redis.multi()]) {
      chain.set("before", "1");
      assert.throws(() => chain.set("broken", value), { code: "ERR_OPTIONS", outcome: "not-sent" });
      assert.throws(() => chain.call("SET", "broken", value), { code: "ERR_OPTIONS" });
    }
  }
  assert.equal(await redis.dbsize(), 0);
  // A chain that goes on after the refusal holds only what was accepted.
  const chain = redis.pipeline().set("first", "1");
  assert.throws(() => chain.set("broken", bad[0] as string));
  assert.deepEqual(await chain.get("first").exec(), ["OK", "1"]);
});

test("an argument that fails while it is read leaves no half command behind", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  const trap: string = {
    toString(): string {
      throw new Error("read");
    },
  } as unknown as string;
  const throwing = new Proxy<string[]>([], {
    get() {
      throw new Error("iterated");
    },
  });
  await pool.use(async (lease) => {
    const all = [
      lease.set("a", "1"),
      lease.call("SET", "b", trap),
      lease.del(["x", trap]),
      lease.mset({ c: "1", d: trap }),
      lease.del(throwing),
      lease.get("a"),
    ];
    const settled = await Promise.allSettled(all);
    assert.deepEqual(
      settled.map((one) => one.status),
      ["fulfilled", "rejected", "rejected", "rejected", "rejected", "fulfilled"],
    );
    assert.deepEqual(await lease.mget("a", "b", "c", "d"), ["1", null, null, null]);
  });
  assert.equal(pool.stats().created, 1);
});

test("any text and any bytes arrive as they are, however many are sent in one tick", async () => {
  await using redis = new Redis({ port: server().port });
  const around = (limit: number): fc.Arbitrary<string> =>
    fc
      .tuple(fc.integer({ min: -3, max: 3 }), fc.constantFrom("a", "é", "€", "😀", "\ud800", "\0", "\r\n"))
      .map(([off, unit]) => unit.repeat(Math.max(0, Math.floor(limit / unit.length) + off)));
  const text = fc.oneof(
    fc.string({ unit: "binary-ascii" }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
    around(24),
    around(1024),
    around(4096),
    fc.string(),
  );
  const value = fc.oneof(
    text,
    fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 12 }), async (values) => {
      const echoed = await Promise.all(values.map((one) => redis.buffers.echo(one)));
      for (const [i, one] of values.entries()) {
        assert.deepEqual(echoed[i], Buffer.isBuffer(one) ? one : Buffer.from(one, "utf8"));
      }
    }),
    { numRuns: 150 },
  );
  assert.equal(Object.values(redis.stats().nodes)[0]?.created, 1);
});
