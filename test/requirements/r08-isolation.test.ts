import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis, ServerError, WatchError } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";

const server = sharedServer();

test("R8: hundreds of pipelines, transactions and single commands at once each get their own replies", async () => {
  await using redis = new Redis(server().url);
  await redis.set("r8:shared", "shared");
  const one = async (index: number): Promise<void> => {
    const [a, b] = [`r8:a:${index}`, `r8:b:${index}`];
    const pipeline = redis.pipeline().set(a, index).get(a).get("r8:shared").incrby(a, 1).exec();
    const multi = redis.multi().set(b, index).incrby(b, 10).get(b).exec();
    const single = redis.get("r8:shared");
    assert.deepEqual(await pipeline, ["OK", String(index), "shared", index + 1]);
    assert.deepEqual(await multi, ["OK", index + 10, String(index + 10)]);
    assert.equal(await single, "shared", "a command between MULTI and EXEC would have been QUEUED");
  };
  await Promise.all(Array.from({ length: 400 }, (_, index) => one(index)));
  assert.equal(statsOf(redis).created, 1, "they share one connection all the same");
});

test("R8: the commands of one MULTI run with nobody's in between, on the connection of all", async () => {
  await using redis = new Redis(server().url);
  const noise = Array.from({ length: 300 }, () => redis.incr("r8:n"));
  const results = await Promise.all(
    Array.from({ length: 100 }, () => redis.multi().incr("r8:n").incr("r8:n").incr("r8:n").exec()),
  );
  await Promise.all(noise);
  for (const [first] of results) assert.equal(typeof first, "number");
  for (const [first, second, third] of results)
    assert.deepEqual([second, third], [Number(first) + 1, Number(first) + 2]);
  assert.equal(await redis.get("r8:n"), "600");
});

test("R8: in a pipeline a failed command is an error in its place, and the others have their results", async () => {
  await using redis = new Redis(server().url);
  await redis.set("r8:text", "x");
  const [before, failed, after] = await redis.pipeline().get("r8:text").incr("r8:text").get("r8:text").exec();
  assert.deepEqual([before, after], ["x", "x"]);
  assert.ok(failed instanceof ServerError && failed.command === "INCR" && failed.outcome === "rejected");
});

test("R8: a MULTI whose command is refused applies nothing, and leaves the connection as it was", async () => {
  await using redis = new Redis(server().url);
  await redis.del("r8:m");
  await assert.rejects(redis.multi().set("r8:m", 1).call("SET", "r8:m").exec(), { code: "ERR", outcome: "rejected" });
  assert.equal(await redis.get("r8:m"), null);
  assert.deepEqual(await redis.multi().set("r8:m", 2).get("r8:m").exec(), ["OK", "2"]);
  assert.equal(statsOf(redis).created, 1);
});

test("R8: WATCH belongs to one borrower: other borrowers' commands and transactions neither see nor end it", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 3 });
  await using redis = new Redis({ pool });
  await redis.set("r8:w", 1);
  await using mine = await pool.lease();
  await mine.watch("r8:w");
  // Somebody else's WATCH, EXEC and UNWATCH …
  await pool.use(async (other) => {
    await other.watch("r8:other");
    await other.multi().set("r8:other", 1).exec();
    await other.unwatch();
  });
  await redis.multi().set("r8:third", 1).exec();
  // … leave mine in force, and unbroken as long as the key is not touched.
  assert.deepEqual(await mine.multi().incr("r8:w").exec(), [2]);
  await mine.watch("r8:w");
  await redis.set("r8:w", 10);
  await assert.rejects(mine.multi().incr("r8:w").exec(), (error) => error instanceof WatchError);
  assert.equal(await redis.get("r8:w"), "10");
});

test("R8: a lease given back with WATCH, MULTI or another database pending is clean before it is lent again", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  using raw = await connectRaw(server());
  const id = await pool.use((lease) => lease.client.id());
  await pool.use((lease) => lease.watch("r8:dirty"));
  await raw.command("SET", "r8:dirty", 1);
  assert.deepEqual(await pool.use((lease) => lease.multi().get("r8:dirty").exec()), ["1"]);
  await pool.use((lease) => lease.call("MULTI"));
  assert.equal(await pool.use((lease) => lease.get("r8:dirty")), "1");
  await pool.use((lease) => lease.select(5));
  assert.equal(await pool.use((lease) => lease.get("r8:dirty")), "1");
  assert.equal(await pool.use((lease) => lease.client.id()), id, "it was repaired, not replaced");
});

test("R8: 50 transactions at once on one counter apply each exactly once, by watching and trying again", async () => {
  await using redis = new Redis(server().url, { acquireTimeout: 10_000 });
  await redis.set("r8:counter", 0);
  let attempts = 0;
  const raise = (): Promise<unknown> =>
    redis.transaction("r8:counter", async (tx) => {
      attempts++;
      const value = Number(await tx.get("r8:counter"));
      return tx.multi().set("r8:counter", value + 1);
    });
  await Promise.all(Array.from({ length: 50 }, raise));
  assert.equal(await redis.get("r8:counter"), "50");
  assert.ok(attempts > 50, "there were conflicts");
});

test("R8: a transaction that always loses ends with a WatchError and has applied nothing", async () => {
  await using redis = new Redis(server().url);
  await redis.set("r8:busy", 0);
  const losing = redis.transaction(
    ["r8:busy"],
    async (tx) => {
      await redis.incr("r8:busy");
      return tx.multi().set("r8:busy", "won").set("r8:more", "won");
    },
    { attempts: 3 },
  );
  await assert.rejects(losing, (error) => {
    assert.ok(error instanceof WatchError);
    assert.deepEqual([error.code, error.outcome, error.attempts], ["ERR_WATCH", "rejected", 3]);
    assert.match(error.message, /watch fewer keys, or raise attempts/);
    return true;
  });
  assert.deepEqual(await redis.mget("r8:busy", "r8:more"), ["3", null]);
});

test("R8: a callback that throws, or decides against it, applies nothing and frees the connection", async () => {
  await using redis = new Redis(server().url, { maxConnections: 2 });
  await redis.set("r8:keep", "old");
  const failure = new Error("changed my mind");
  await assert.rejects(
    redis.transaction("r8:keep", (tx) => {
      tx.multi().set("r8:keep", "new");
      throw failure;
    }),
    failure,
  );
  assert.equal(
    await redis.transaction("r8:keep", async (tx) => `${await tx.get("r8:keep")}, as it was`),
    "old, as it was",
  );
  assert.equal(await redis.get("r8:keep"), "old");
  assert.equal(statsOf(redis).leased, 0);
});
