import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cache, v8, type CacheOptions } from "../../src/cache/index.ts";
import { Keys } from "../../src/cache/keys.ts";
import { Memory } from "../../src/cache/memory.ts";
import { Redis, type KeyTracking, type TrackingOptions } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";

let server: TestServer;
let redis: Redis;
/** Another program. */
let other: Redis;
let count = 0;
before(async () => {
  server = await startServer();
  redis = new Redis({ host: server.host, port: server.port });
  other = new Redis({ host: server.host, port: server.port });
});
after(async () => {
  await redis.close();
  await other.close();
  await server.stop();
});

function cacheOf<T = unknown>(options: Partial<CacheOptions<T>> = {}, client = redis): Cache<T> {
  return new Cache<T>(client, {
    namespace: `m${++count}`,
    memory: true,
    readTimeout: 1000,
    writeTimeout: 1000,
    ...options,
  });
}

/** Reads until it comes from memory. */
async function warm(cache: Cache<never>, id: string): Promise<void> {
  await until(async () => {
    const before = cache.stats().memory?.hits ?? 0;
    await cache.get(id);
    return (cache.stats().memory?.hits ?? 0) > before;
  });
}

async function commands(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await other.info("stats"))?.[1]);
}

for (const tracking of ["broadcast", "reads"] as const) {
  describe(`with tracking by ${tracking}`, () => {
    test("what was read once is read from memory, until another program changes it", async () => {
      await using cache = cacheOf<number>({ memory: { tracking } });
      await using theirs = cacheOf<number>({ namespace: `m${count}`, memory: false }, other);
      await theirs.set("a", 1);
      await warm(cache as Cache<never>, "a");
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
      await warm(cache as Cache<never>, "a");
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
      await using cache = cacheOf<number>({ memory: { tracking } });
      await using theirs = cacheOf<number>({ namespace: `m${count}`, memory: false }, other);
      await cache.set("a", 1, { tags: ["t"] });
      await cache.set("b", 2, { tags: ["u"] });
      await warm(cache as Cache<never>, "a");
      await warm(cache as Cache<never>, "b");
      await theirs.invalidateTag("t");
      await until(async () => (await cache.get("a")) === undefined);
      assert.equal(await cache.get("b"), 2);
      await cache.invalidateTag("u");
      assert.equal(await cache.get("b"), undefined);
    });

    test("when the connection that tells is killed, nothing old is served, and it begins anew", async () => {
      await using cache = cacheOf<number>({ memory: { tracking } });
      await using theirs = cacheOf<number>({ namespace: `m${count}`, memory: false }, other);
      for (let round = 1; round <= 5; round++) {
        await theirs.set("a", round);
        await until(async () => (await cache.get("a")) === round);
        await warm(cache as Cache<never>, "a");
        const flushes = cache.stats().memory?.flushes ?? 0;
        for (const line of String(await other.call("CLIENT", "LIST")).split("\n")) {
          const [, id] = /\bid=(\d+)/.exec(line) ?? [];
          const [, flags = ""] = /\bflags=(\w+)/.exec(line) ?? [];
          if (id !== undefined && flags.includes("t")) await other.call("CLIENT", "KILL", "ID", id);
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
  const tracking = { isLive: true, close: async () => {} } as unknown as KeyTracking;
  const client = {
    trackKeys: async ({ onInvalidate }: TrackingOptions) => {
      tell = onInvalidate;
      return tracking;
    },
  } as unknown as Redis;
  const settings = { maxEntries: 10, maxBytes: 10_000, maxAge: 60_000, mode: "broadcast", copies: false } as const;
  const memory = new Memory(settings, new Keys("n"), client, (error) => assert.fail(String(error)));
  assert.equal(memory.begin("n:a"), null);
  await until(() => memory.isLive);
  const [first, second] = [memory.begin("n:a"), memory.begin("n:a")];
  assert.ok(first !== null && second !== null);
  const entry = { value: "old", timing: null, tags: [], isEmpty: false };
  memory.keep("n:a", first, Buffer.from('"old"'), entry);
  assert.equal(memory.get("n:a"), memory.get("n:a"));
  tell(["n:a"]);
  // Read before the change, and late.
  memory.keep("n:a", second, Buffer.from('"old"'), entry);
  assert.equal(memory.get("n:a"), undefined);
  const third = memory.begin("n:a");
  assert.ok(third !== null);
  memory.keep("n:a", third, Buffer.from('"new"'), { ...entry, value: "new" });
  assert.deepEqual(memory.get("n:a"), { ...entry, value: "new" });
  await memory.close();
});

test("plain values are shared and frozen; others, and copies where asked for, are each caller's own", async () => {
  await using plain = cacheOf<{ list: number[] }>();
  await plain.set("a", { list: [1] });
  await warm(plain as Cache<never>, "a");
  const value = await plain.get("a");
  assert.equal(await plain.get("a"), value);
  assert.throws(() => value?.list.push(2), TypeError);
  await using copies = cacheOf<{ list: number[] }>({ memory: { copies: true } });
  await copies.set("a", { list: [1] });
  await warm(copies as Cache<never>, "a");
  (await copies.get("a"))?.list.push(2);
  assert.deepEqual(await copies.get("a"), { list: [1] });
  await using dates = cacheOf<Map<string, Date>>({ codec: v8() });
  await dates.set("a", new Map([["x", new Date(0)]]));
  await warm(dates as Cache<never>, "a");
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
  await warm(cache as Cache<never>, "a");
  const hits = cache.stats().memory?.hits;
  await sleep(250);
  assert.equal(await cache.get("a"), 1);
  assert.equal(cache.stats().memory?.hits, hits);
});

test("without the right to track, or with RESP2, it is not in use, and everything else works", async () => {
  const errors: Error[] = [];
  await using old = new Redis({ host: server.host, port: server.port, protocol: 2 });
  await using cache = cacheOf<number>({ onError: (error) => errors.push(error as Error) }, old);
  await cache.set("a", 1);
  assert.equal(await cache.get("a"), 1);
  await until(() => errors.length > 0);
  assert.match(errors[0]?.message ?? "", /key tracking needs RESP3/);
  assert.equal(await cache.get("a"), 1);
  assert.equal(cache.stats().memory?.isLive, false);
});
