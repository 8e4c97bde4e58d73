import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { msgpack, v8, type Cache, type CacheOptions, type MemoryOptions } from "../../src/cache/index.ts";
import { Keys } from "../../src/cache/keys.ts";
import { Memory, type Tracker } from "../../src/cache/memory.ts";
import type { Redis } from "../../src/index.ts";
import { sharedCaches } from "../support/cache.ts";
import { until } from "../support/wait.ts";

const shared = sharedCaches();
let theirClient: Redis | undefined;
/** The client of another program. */
const other = (): Redis => (theirClient ??= shared.another());

/** With a first level. */
function cacheOf<T = unknown>(options: Partial<CacheOptions<T>> = {}, client?: Redis): Cache<T> {
  return shared.cacheOf<T>({ memory: true, ...options }, client);
}

/** One with a first level, and one of another program without, in the same namespace. */
function pairOf(memory: MemoryOptions): { cache: Cache<number>; theirs: Cache<number> } {
  const namespace = shared.namespace();
  return { cache: cacheOf({ namespace, memory }), theirs: shared.cacheOf({ namespace }, other()) };
}

/** Reads until it comes from memory. */
async function warm<T>(cache: Cache<T>, id: string): Promise<void> {
  await until(async () => {
    const before = cache.stats().memory?.hits ?? 0;
    await cache.get(id);
    return (cache.stats().memory?.hits ?? 0) > before;
  });
}

async function commands(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await other().info("stats"))?.[1]);
}

for (const tracking of ["broadcast", "reads"] as const) {
  describe(`with tracking by ${tracking}`, () => {
    test("what was read once is read from memory, until another program changes it", async () => {
      const { cache: mine, theirs: others } = pairOf({ tracking });
      await using cache = mine;
      await using theirs = others;
      await theirs.set("a", 1);
      await warm(cache, "a");
      const before = await commands();
      for (let index = 0; index < 1000; index++) assert.equal(await cache.get("a"), 1);
      assert.ok((await commands()) - before < 50, "they did not come from the server");
      await theirs.set("a", 2);
      await until(async () => (await cache.get("a")) === 2);
      await theirs.delete("a");
      await until(async () => (await cache.get("a")) === undefined);
    });

    test("who has changed something reads it at once", async () => {
      await using cache = cacheOf<number>({ memory: { tracking } });
      await cache.set("a", 0);
      await warm(cache, "a");
      for (let value = 1; value <= 300; value++) {
        // Readers all the time, who may bring an old value.
        const reading = Promise.all(Array.from({ length: 5 }, () => cache.get("a")));
        await cache.set("a", value);
        assert.equal(await cache.get("a"), value);
        await reading;
        assert.equal(await cache.get("a"), value);
      }
    });

    test("an invalidated tag reaches what is in memory", async () => {
      const { cache: mine, theirs: others } = pairOf({ tracking });
      await using cache = mine;
      await using theirs = others;
      await cache.set("a", 1, { tags: ["t"] });
      await cache.set("b", 2, { tags: ["u"] });
      await warm(cache, "a");
      await warm(cache, "b");
      await theirs.invalidateTag("t");
      await until(async () => (await cache.get("a")) === undefined);
      assert.equal(await cache.get("b"), 2);
      await cache.invalidateTag("u");
      assert.equal(await cache.get("b"), undefined);
    });

    test("when the connection that tells is killed, nothing old is served, and it begins anew", async () => {
      const { cache: mine, theirs: others } = pairOf({ tracking });
      await using cache = mine;
      await using theirs = others;
      for (let round = 1; round <= 5; round++) {
        await theirs.set("a", round);
        await until(async () => (await cache.get("a")) === round);
        await warm(cache, "a");
        const flushes = cache.stats().memory?.flushes ?? 0;
        for (const line of String(await other().call("CLIENT", "LIST")).split("\n")) {
          const [, id] = /\bid=(\d+)/.exec(line) ?? [];
          const [, flags = ""] = /\bflags=(\w+)/.exec(line) ?? [];
          if (id !== undefined && flags.includes("t")) await other().call("CLIENT", "KILL", "ID", id);
        }
        await theirs.set("a", -round);
        await until(() => (cache.stats().memory?.flushes ?? 0) > flushes);
        assert.equal(await cache.get("a"), -round);
        await until(() => cache.stats().memory?.isLive === true);
      }
    });
  });
}

test("of several reads at once none brings back what has changed after another one has ended", async () => {
  let tell: (keys: readonly string[] | null) => void = () => {};
  const track: Tracker = async ({ onInvalidate }) => {
    tell = onInvalidate;
    return { isLive: true, error: null, get: async () => null, close: async () => {} };
  };
  const settings = { maxEntries: 10, maxBytes: 10_000, maxAge: 60_000, mode: "broadcast", copies: false } as const;
  const memory = new Memory(settings, new Keys("n"), track, (error) => assert.fail(String(error)));
  assert.equal(memory.begin("n:a"), null);
  await until(() => memory.isLive);
  const [first, second] = [memory.begin("n:a"), memory.begin("n:a")];
  assert.ok(first !== null && second !== null);
  const entry = { value: "old", timing: null, tags: [], isEmpty: false };
  memory.keep(first, Buffer.from('"old"'), entry, Infinity);
  assert.notEqual(memory.get("n:a"), undefined);
  tell(["n:a"]);
  // Read before the change, and late.
  memory.keep(second, Buffer.from('"old"'), entry, Infinity);
  assert.equal(memory.get("n:a"), undefined);
  const third = memory.begin("n:a");
  assert.ok(third !== null);
  memory.keep(third, Buffer.from('"new"'), { ...entry, value: "new" }, Infinity);
  assert.deepEqual(memory.get("n:a"), { ...entry, value: "new" });
  await memory.close();
});

test("plain values are shared and frozen; others, and copies where asked for, are each caller's own", async () => {
  await using plain = cacheOf<{ list: number[] }>();
  await plain.set("a", { list: [1] });
  await warm(plain, "a");
  const value = await plain.get("a");
  assert.equal(await plain.get("a"), value);
  assert.throws(() => value?.list.push(2), TypeError);
  await using copies = cacheOf<{ list: number[] }>({ memory: { copies: true } });
  await copies.set("a", { list: [1] });
  await warm(copies, "a");
  (await copies.get("a"))?.list.push(2);
  assert.deepEqual(await copies.get("a"), { list: [1] });
  await using dates = cacheOf<Map<string, Date>>({ codec: v8() });
  await dates.set("a", new Map([["x", new Date(0)]]));
  await warm(dates, "a");
  (await dates.get("a"))?.clear();
  assert.deepEqual(await dates.get("a"), new Map([["x", new Date(0)]]));
});

test("it holds no more entries and bytes than it may", async () => {
  await using cache = cacheOf<string>({ memory: { maxEntries: 10, maxBytes: 6000 } });
  await cache.setMany(Array.from({ length: 50 }, (_, id) => [id, "x".repeat(20)] as const));
  await until(() => cache.get(0).then(() => cache.stats().memory?.isLive === true));
  for (let id = 0; id < 50; id++) await cache.get(id);
  const full = cache.stats().memory;
  assert.ok(full !== null && full.entries === 10 && full.bytes <= 6000, JSON.stringify(full));
  await cache.setMany(Array.from({ length: 50 }, (_, id) => [id, "y".repeat(900)] as const));
  for (let id = 0; id < 50; id++) await cache.get(id);
  const bytes = cache.stats().memory;
  assert.ok(bytes !== null && bytes.entries < 10 && bytes.bytes <= 6000, JSON.stringify(bytes));
});

test("nothing is served for longer than maxAge after it was read", async () => {
  await using cache = cacheOf<number>({ memory: { maxAge: 0.2 } });
  await cache.set("a", 1);
  await warm(cache, "a");
  const hits = cache.stats().memory?.hits;
  await sleep(250);
  assert.equal(await cache.get("a"), 1);
  assert.equal(cache.stats().memory?.hits, hits);
});

test("what a caller does to a value of his own changes nothing for others", async () => {
  await using cache = cacheOf<{ data: Buffer }>({ codec: msgpack() });
  await cache.set("a", { data: Buffer.from("abc") });
  (await cache.get("a"))?.data.fill(0);
  await warm(cache, "a");
  for (let n = 0; n < 3; n++) {
    const value = await cache.getOrSet<{ data: Buffer }>("a", () => assert.fail("it is cached"));
    assert.equal(String(value.data), "abc");
    value.data.fill(0);
  }
  const { hits, memory } = cache.stats();
  await cache.getOrSet<{ data: Buffer }>("a", () => assert.fail("it is cached"));
  assert.equal(cache.stats().hits, hits + 1);
  assert.equal(cache.stats().memory?.hits, (memory?.hits ?? 0) + 1, "one hit is counted once");
});

test("values that are in many places of one, or in themselves, are shared as well", async () => {
  interface Node {
    left?: Node;
    right?: Node;
  }
  const node: Node = {};
  node.left = node;
  node.right = node;
  let branching: unknown = 1;
  for (let depth = 0; depth < 60; depth++) branching = [branching, branching];
  await using cache = cacheOf<unknown>({ codec: v8() });
  for (const [id, value] of Object.entries({ node, branching })) {
    assert.equal(await cache.set(id, value), true);
    await warm(cache, id);
  }
  const found = (await cache.get("node")) as Node;
  assert.equal(found.left, found.right);
});

test("an entry without a time of its own is served from memory no longer than Redis has it", async () => {
  await using cache = cacheOf<string>();
  await cache.set("otp", "123", { ttl: 2 });
  await warm(cache, "otp");
  await sleep(2020);
  assert.equal(await cache.get("otp"), undefined);
});

test("one that is larger than the memory is read from Redis each time, and leaves no trace", async () => {
  await using cache = cacheOf<string>({ memory: { maxBytes: 1000 }, compress: false });
  await cache.set("large", "x".repeat(2000), { tags: ["t"] });
  await until(() => cache.get("large").then(() => cache.stats().memory?.isLive === true));
  for (let n = 0; n < 5; n++) assert.equal((await cache.get("large"))?.length, 2000);
  const { memory } = cache.stats();
  assert.deepEqual({ entries: memory?.entries, hits: memory?.hits }, { entries: 0, hits: 0 });
});

test("without the right to track, or with RESP2, it is not in use, and everything else works", async () => {
  const user = ["resetpass", ">pw", "~*", "&*", "+@all", "-client|tracking"];
  await shared.redis.call("ACL", "SETUSER", "untracked", "on", ...user);
  const clients = [
    [shared.another({ protocol: 2 }), /key tracking needs RESP3/],
    [shared.another({ username: "untracked", password: "pw" }), /NOPERM|no permissions/],
  ] as const;
  for (const [client, expected] of clients) {
    const errors: Error[] = [];
    await using cache = cacheOf<number>({ onError: (error) => errors.push(error as Error) }, client);
    await cache.set("a", 1);
    assert.equal(await cache.get("a"), 1);
    await until(() => errors.length > 0);
    assert.match(errors[0]?.message ?? "", expected);
    assert.equal(await cache.get("a"), 1);
    const { memory } = cache.stats();
    assert.equal(memory?.isLive, false);
    assert.equal(memory?.error, errors[0]);
  }
});
