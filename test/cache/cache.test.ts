import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Cache, json, msgpack, raw, serverStats, v8, type CacheOptions } from "../../src/cache/index.ts";
import { OptionsError, Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";

let server: TestServer;
let redis: Redis;
let count = 0;
before(async () => {
  server = await startServer();
  redis = new Redis({ host: server.host, port: server.port });
});
after(async () => {
  await redis.close();
  await server.stop();
});

/** A cache in a namespace of its own. */
function cacheOf<T = unknown>(options: Partial<CacheOptions<T>> = {}): Cache<T> {
  return new Cache<T>(redis, { namespace: `n${++count}`, readTimeout: 1000, writeTimeout: 1000, ...options });
}

test("a value is stored, read and deleted", async () => {
  await using cache = cacheOf<{ name: string }>();
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.set("a", { name: "Ada" }), true);
  assert.deepEqual(await cache.get("a"), { name: "Ada" });
  assert.equal(await cache.delete("a"), true);
  assert.equal(await cache.get("a"), undefined);
  const { hits, misses, hitRate, writes } = cache.stats();
  assert.deepEqual({ hits, misses, hitRate, writes }, { hits: 1, misses: 2, hitRate: 1 / 3, writes: 1 });
});

test("several at once, in order", async () => {
  await using cache = cacheOf<number>();
  assert.equal(
    await cache.setMany([
      ["a", 1],
      ["b", 2],
    ]),
    true,
  );
  assert.deepEqual(await cache.getMany(["b", "none", "a"]), [2, undefined, 1]);
  assert.deepEqual(await cache.getMany([]), []);
});

test("plain JSON is stored as it is, and lives for 300 s unless said otherwise", async () => {
  await using cache = cacheOf<unknown>({ namespace: "plain", jitter: 0 });
  await cache.set(7, { a: [1, "ü"] });
  assert.equal(await redis.get("plain:7"), '{"a":[1,"ü"]}');
  const left = await redis.pttl("plain:7");
  assert.ok(left > 299_000 && left <= 300_000, String(left));
  await cache.set(7, 1, { ttl: 20 });
  assert.ok((await redis.pttl("plain:7")) <= 20_000);
});

test("times to live differ by up to the jitter", async () => {
  await using cache = cacheOf<number>({ namespace: "jitter", ttl: 1000, jitter: 0.5 });
  await cache.setMany(Array.from({ length: 100 }, (_, id) => [id, id] as const));
  const left = await Promise.all(Array.from({ length: 100 }, (_, id) => redis.pttl(`jitter:${id}`)));
  assert.ok(Math.min(...left) >= 499_000 && Math.max(...left) <= 1_000_000);
  assert.ok(Math.max(...left) - Math.min(...left) > 200_000);
});

test("what others have written is read: JSON, and gzip of it", async () => {
  await using cache = cacheOf<unknown>({ namespace: "others" });
  await redis.set("others:a", '{"by":"another"}');
  await redis.set("others:b", gzipSync('{"by":"another"}'));
  assert.deepEqual(await cache.getMany(["a", "b"]), [{ by: "another" }, { by: "another" }]);
});

test("values over 1,024 bytes are compressed where that saves a tenth, and read by whoever", async () => {
  const text = "respool ".repeat(200);
  for (const name of ["gzip", "brotli"] as const) {
    await using cache = cacheOf<string>({ namespace: `compressed-${name}`, compress: { with: name } });
    await cache.set("long", text);
    await cache.set("short", "x");
    assert.ok((await redis.strlen(`compressed-${name}:long`)) < 200);
    assert.equal(await redis.strlen(`compressed-${name}:short`), 3);
    await using reader = cacheOf<string>({ namespace: `compressed-${name}`, compress: false });
    assert.equal(await reader.get("long"), text);
    const { bytesBefore, bytesAfter } = cache.stats();
    assert.ok(bytesBefore === text.length + 2 && bytesAfter < 200);
  }
  await using random = cacheOf<Uint8Array>({ namespace: "random", codec: raw() });
  const bytes = crypto.getRandomValues(new Uint8Array(5000));
  await random.set("a", bytes);
  assert.ok((await redis.strlen("random:a")) < 5030, "kept as it was");
  assert.deepEqual(new Uint8Array((await random.get("a")) as Uint8Array), bytes);
});

test("large values are compressed on other threads, and come back", async () => {
  await using cache = cacheOf<{ items: number[] }>();
  const value = { items: Array.from({ length: 100_000 }, (_, index) => index % 1000) };
  await cache.set("large", value);
  assert.deepEqual(await cache.get("large"), value);
});

test("each codec reads its own, and no other one unless it is told to", async () => {
  const value = { at: new Date(0), n: 5n };
  await using writer = cacheOf<typeof value>({ namespace: "codecs", codec: v8() });
  await writer.set("a", value);
  assert.deepEqual(await writer.get("a"), value);
  await using stranger = cacheOf<typeof value>({ namespace: "codecs", codec: msgpack() });
  assert.equal(await stranger.get("a"), undefined);
  assert.equal(stranger.stats().unreadable, 1);
  await using friend = cacheOf<typeof value>({ namespace: "codecs", codec: msgpack(), accept: [v8()] });
  assert.deepEqual(await friend.get("a"), value);
});

test("a codec of one's own is found by its name", async () => {
  const codec = {
    id: "reversed",
    encode: (text: string) => text.split("").toReversed().join(""),
    decode: (bytes: Buffer) => String(bytes).split("").toReversed().join(""),
  };
  await using cache = cacheOf<string>({ namespace: "own", codec });
  await cache.set("a", "abc");
  assert.match(String(await redis.get("own:a")), /reversed.*cba/s);
  assert.equal(await cache.get("a"), "abc");
});

test("what cannot be read is a miss, counted and told", async () => {
  const errors: unknown[] = [];
  await using cache = cacheOf<unknown>({ namespace: "damaged", onError: (error) => errors.push(error) });
  for (const bytes of [
    "{",
    "\u0000",
    Buffer.from([0xc1]),
    Buffer.from([0xc1, 9]),
    Buffer.from([0x1f, 0x8b, 8]),
    Buffer.from([0xff]),
  ]) {
    await redis.set("damaged:a", bytes);
    assert.equal(await cache.get("a"), undefined);
  }
  assert.equal(cache.stats().unreadable, 6);
  assert.equal(errors.length, 6);
});

test("a bomb is refused: 100 MB behind a few KB", async () => {
  const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024), { level: 9 });
  await using cache = cacheOf<unknown>({ namespace: "bomb" });
  await redis.set("bomb:a", bomb);
  const before = process.memoryUsage().rss;
  assert.equal(await cache.get("a"), undefined);
  assert.equal(cache.stats().unreadable, 1);
  assert.ok(process.memoryUsage().rss - before < 90 * 1024 * 1024);
});

test("a value that the codec cannot keep is refused before anything is stored", async () => {
  await using cache = cacheOf<unknown>({ namespace: "refused" });
  await assert.rejects(cache.set("a", { when: new Date() }), { code: "ERR_CACHE_VALUE", path: "$.when" });
  assert.equal(await redis.exists("refused:a"), 0);
  // From a loader it is served all the same: the next one makes it again.
  const value = { when: new Date() };
  assert.equal(await cache.getOrSet("a", () => value), value);
  assert.equal(cache.stats().refused, 2);
});

test("getOrSet runs the loader once for all who ask at the same time, and then not any more", async () => {
  await using cache = cacheOf<number>();
  let loads = 0;
  const loader = async (): Promise<number> => {
    await sleep(20);
    return ++loads;
  };
  const values = await Promise.all(
    Array.from({ length: 100 }, () => cache.getOrSet("a", loader, { awaitWrite: true })),
  );
  assert.deepEqual(new Set(values), new Set([1]));
  assert.equal(await cache.getOrSet("a", loader), 1);
  assert.equal(loads, 1);
  assert.equal(cache.stats().shared, 99);
});

test("a loader's error reaches all callers, and the next one tries again", async () => {
  await using cache = cacheOf<number>();
  const failing = (): never => {
    throw new Error("no database");
  };
  const results = await Promise.allSettled([cache.getOrSet("a", failing), cache.getOrSet("a", failing)]);
  assert.ok(
    results.every((result) => result.status === "rejected" && (result.reason as Error).message === "no database"),
  );
  assert.equal(await cache.getOrSet("a", () => 7), 7);
});

test("grace: an old value is served when the loader fails", async () => {
  await using cache = cacheOf<number>({ ttl: 0.05, jitter: 0 });
  assert.equal(await cache.getOrSet("a", () => 1, { grace: 60, awaitWrite: true }), 1);
  await sleep(80);
  assert.equal(await cache.get("a"), undefined, "it is no fresh one");
  assert.equal(await cache.getOrSet("a", () => Promise.reject(new Error("down")), { grace: 60 }), 1);
  assert.equal(await cache.getOrSet("a", () => 2, { grace: 60 }), 2);
  assert.equal(cache.stats().staleHits, 1);
});

test("staleWhileRevalidate: an old value is served at once, and a new one is made", async () => {
  await using cache = cacheOf<number>({ ttl: 0.05, jitter: 0, staleWhileRevalidate: 60 });
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  await sleep(80);
  assert.equal(await cache.getOrSet("a", () => 2), 1);
  await until(async () => (await cache.getOrSet<number>("a", () => 3)) === 2);
  assert.equal(cache.stats().refreshes, 1);
});

test("an entry is made anew before its end, the earlier the longer it takes", async () => {
  await using cache = cacheOf<number>({ ttl: 2, jitter: 0, earlyRefresh: 1 });
  let loads = 0;
  const slow = async (): Promise<number> => {
    await sleep(50);
    return ++loads;
  };
  const end = performance.now() + 2500;
  let longest = 0;
  while (performance.now() < end) {
    const began = performance.now();
    await cache.getOrSet("a", slow);
    if (loads > 0)
      longest = Math.max(
        longest,
        loads === 1 && performance.now() - began > 45 && longest === 0 ? 0 : performance.now() - began,
      );
    await sleep(2);
  }
  assert.ok(cache.stats().refreshes >= 1);
  assert.equal(cache.stats().misses, 1, "nobody has had to wait for the second one");
});

test("that there is no value is remembered where it is asked for", async () => {
  await using cache = cacheOf<number>({ negativeTtl: 60 });
  let loads = 0;
  const nothing = (): undefined => void loads++;
  assert.equal(await cache.getOrSet("a", nothing, { awaitWrite: true }), undefined);
  assert.equal(await cache.getOrSet("a", nothing), undefined);
  assert.equal(loads, 1);
  assert.equal(cache.stats().negativeHits, 1);
  await using without = cacheOf<number>();
  await without.getOrSet("a", nothing, { awaitWrite: true });
  await without.getOrSet("a", nothing);
  assert.equal(loads, 3);
});

test("a tag makes its entries invalid, also one that is being made at the time", async () => {
  await using cache = cacheOf<number>();
  await cache.set("a", 1, { tags: ["team:7", "all"] });
  await cache.set("b", 2, { tags: ["team:8", "all"] });
  assert.deepEqual(await cache.getMany(["a", "b"]), [1, 2]);
  assert.equal(await cache.invalidateTag("team:7"), true);
  assert.deepEqual(await cache.getMany(["a", "b"]), [undefined, 2]);
  let loads = 0;
  const loader = async (): Promise<number> => {
    if (++loads === 1) await cache.invalidateTag("team:7");
    return loads;
  };
  const options = { tags: ["team:7"], awaitWrite: true };
  assert.equal(await cache.getOrSet("a", loader, options), 1);
  assert.equal(await cache.getOrSet("a", loader, options), 2, "the first one was made of old data");
  assert.equal(await cache.getOrSet("a", loader, options), 2);
});

test("a value without an end can have tags", async () => {
  await using cache = cacheOf<number>({ namespace: "endless", ttl: Infinity });
  assert.equal(await cache.set("a", 1, { tags: ["t"] }), true);
  assert.equal(await redis.pttl("endless:a"), -1);
  assert.equal(await cache.getOrSet("b", () => 2, { tags: ["t"], awaitWrite: true }), 2);
  assert.deepEqual(await cache.getMany(["a", "b"]), [1, 2]);
  await cache.invalidateTag("t");
  assert.deepEqual(await cache.getMany(["a", "b"]), [undefined, undefined]);
});

test("a tag whose key was evicted makes its entries invalid for good", async () => {
  await using cache = cacheOf<number>({ namespace: "evicted" });
  await cache.set("a", 1, { tags: ["t"] });
  await redis.del("evicted#tag:t");
  assert.equal(await cache.get("a"), undefined);
  await cache.set("b", 2, { tags: ["t"] });
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.get("b"), 2);
});

test("what is set or deleted while a loader runs is not overwritten by it", async () => {
  await using cache = cacheOf<string>();
  const loading = cache.getOrSet(
    "a",
    async () => {
      await cache.set("a", "newer");
      return "older";
    },
    { awaitWrite: true },
  );
  assert.equal(await loading, "older");
  assert.equal(await cache.get("a"), "newer");
  await cache.getOrSet(
    "b",
    async () => {
      await cache.delete("b");
      return "older";
    },
    { awaitWrite: true },
  );
  assert.equal(await cache.get("b"), undefined);
  assert.equal(cache.stats().lostLocks, 2);
});

test("a loader elsewhere that hangs is not waited for for ever", async () => {
  await using cache = cacheOf<number>({ namespace: "hangs", lockTtl: 100 });
  await redis.set("{hangs:a}#lock", "somebody else's");
  const began = performance.now();
  assert.equal(await cache.getOrSet("a", () => 7, { awaitWrite: true }), 7);
  assert.ok(performance.now() - began >= 400);
  assert.ok(cache.stats().waits > 1);
  assert.equal(await cache.get("a"), undefined, "it is stored by who holds the lock, or not at all");
});

test("a server that takes no writes is still read, and what is asked of it is no failure", async () => {
  await using full = await startServer();
  await using client = new Redis({ host: full.host, port: full.port });
  await using cache = new Cache<string>(client, { namespace: "full", readTimeout: 1000, writeTimeout: 1000 });
  await cache.set("a", "kept");
  await client.call("CONFIG", "SET", "maxmemory", "1");
  for (let index = 0; index < 10; index++) assert.equal(await cache.set("b", "refused"), false);
  assert.equal(cache.stats().breaker, "closed");
  assert.equal(await cache.get("a"), "kept");
});

test("clear deletes the namespace's entries, and no others", async () => {
  await using cache = cacheOf<number>({ namespace: "cleared" });
  await redis.set("cleared-not:1", "x");
  await cache.setMany(Array.from({ length: 1500 }, (_, id) => [id, id] as const));
  assert.equal(await cache.clear(), 1500);
  assert.equal(await cache.get(1), undefined);
  assert.equal(await redis.exists("cleared-not:1"), 1);
});

test("a caller's signal ends his wait; the loader goes on for the others, and is aborted when there are none", async () => {
  await using cache = cacheOf<number>();
  const controllers = [new AbortController(), new AbortController()];
  let seen: AbortSignal | undefined;
  const loader = async (signal: AbortSignal): Promise<number> => {
    seen = signal;
    await sleep(300, undefined, { signal });
    return 1;
  };
  const calls = controllers.map(({ signal }) => cache.getOrSet("a", loader, { signal }));
  await until(() => seen !== undefined);
  controllers[0]?.abort(new Error("gone"));
  await assert.rejects(calls[0] as Promise<number>, /gone/);
  assert.equal(seen?.aborted, false);
  controllers[1]?.abort(new Error("gone, too"));
  await assert.rejects(calls[1] as Promise<number>, /gone, too/);
  assert.equal(seen?.aborted, true);
});

test("bad options and ids are told at once", async () => {
  const wrong: [object, RegExp][] = [
    [{}, /namespace must be/],
    [{ namespace: "a b" }, /namespace must be/],
    [{ namespace: "a", ttl: 0 }, /ttl must be at least/],
    [{ namespace: "a", tll: 1 }, /there is no option "tll"/],
    [{ namespace: "a", codec: {} }, /codec must be a codec/],
    [
      { namespace: "a", compress: { with: "zip" } },
      /compress\.with must be one of gzip, brotli, zstd, lz4, snappy, got "zip"/,
    ],
    [{ namespace: "a", readTimeout: 0 }, /readTimeout must be a number of ms from 1/],
    [{ namespace: "a", jitter: 1 }, /jitter must be a fraction/],
    [{ namespace: "a", breaker: { failures: 0 } }, /breaker\.failures must be a whole number/],
  ];
  for (const [options, message] of wrong)
    assert.throws(
      () => new Cache(redis, options as CacheOptions<unknown>),
      (error) => error instanceof OptionsError && message.test(error.message),
    );
  await using cache = cacheOf<number>();
  await assert.rejects(cache.get({} as never), OptionsError);
  await assert.rejects(cache.get("a}"), OptionsError);
  assert.throws(() => cache.getOrSet("a", 1 as never), /loader must be a function/);
});

test("serverStats sums what INFO tells; 0 without look-ups", async () => {
  await using fresh = await startServer();
  await using client = new Redis({ host: fresh.host, port: fresh.port });
  assert.deepEqual({ ...(await serverStats(client)), opsPerSec: 0 }, { hits: 0, misses: 0, hitRate: 0, opsPerSec: 0 });
  await client.set("a", "1");
  await Promise.all([client.get("a"), client.get("a"), client.get("a"), client.get("b")]);
  const { hits, misses, hitRate } = await serverStats(client);
  assert.deepEqual({ hits, misses, hitRate }, { hits: 3, misses: 1, hitRate: 0.75 });
});

test("json is the default codec, and given explicitly the same", async () => {
  await using cache = cacheOf<unknown>({ namespace: "explicit", codec: json() });
  await cache.set("a", null);
  assert.equal(await redis.get("explicit:a"), "null");
  assert.equal(await cache.get("a"), null);
});
