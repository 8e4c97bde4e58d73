import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { CacheReadError, json, msgpack, raw, v8, type CacheErrorPlace } from "../../src/cache/index.ts";
import { sharedCaches } from "../support/cache.ts";

const shared = sharedCaches();
const { cacheOf } = shared;

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
  assert.equal(await shared.redis.get("plain:7"), '{"a":[1,"ü"]}');
  const left = await shared.redis.pttl("plain:7");
  assert.ok(left > 299_000 && left <= 300_000, String(left));
  await cache.set(7, 1, { ttl: 20 });
  assert.ok((await shared.redis.pttl("plain:7")) <= 20_000);
});

test("times to live differ by up to the jitter", async () => {
  await using cache = cacheOf<number>({ namespace: "jitter", ttl: 1000, jitter: 0.5 });
  await cache.setMany(Array.from({ length: 100 }, (_, id) => [id, id] as const));
  const left = await Promise.all(Array.from({ length: 100 }, (_, id) => shared.redis.pttl(`jitter:${id}`)));
  assert.ok(Math.min(...left) >= 499_000 && Math.max(...left) <= 1_000_000);
  assert.ok(Math.max(...left) - Math.min(...left) > 200_000);
});

test("what others have written is read: JSON, and gzip of it", async () => {
  await using cache = cacheOf<unknown>({ namespace: "others" });
  await shared.redis.set("others:a", '{"by":"another"}');
  await shared.redis.set("others:b", gzipSync('{"by":"another"}'));
  assert.deepEqual(await cache.getMany(["a", "b"]), [{ by: "another" }, { by: "another" }]);
});

test("values over 1,024 bytes are compressed where that saves a tenth, and read by whoever", async () => {
  const text = "respool ".repeat(200);
  for (const name of ["gzip", "brotli"] as const) {
    await using cache = cacheOf<string>({ namespace: `compressed-${name}`, compress: { with: name } });
    await cache.set("long", text);
    await cache.set("short", "x");
    assert.ok((await shared.redis.strlen(`compressed-${name}:long`)) < 200);
    assert.equal(await shared.redis.strlen(`compressed-${name}:short`), 3);
    await using reader = cacheOf<string>({ namespace: `compressed-${name}`, compress: false });
    assert.equal(await reader.get("long"), text);
    const { bytesBefore, bytesAfter } = cache.stats();
    assert.ok(bytesBefore === text.length + 2 && bytesAfter < 200);
  }
  await using random = cacheOf<Uint8Array>({ namespace: "random", codec: raw() });
  const bytes = crypto.getRandomValues(new Uint8Array(5000));
  await random.set("a", bytes);
  assert.ok((await shared.redis.strlen("random:a")) < 5030, "kept as it was");
  assert.deepEqual(new Uint8Array((await random.get("a")) as Uint8Array), bytes);
});

test("large values are compressed on other threads, and come back", async () => {
  await using cache = cacheOf<{ items: number[] }>();
  const value = { items: Array.from({ length: 100_000 }, (_, index) => index % 1000) };
  await cache.set("large", value);
  assert.deepEqual(await cache.get("large"), value);
});

test("bytes that the caller changes while they are compressed are stored as they were", async () => {
  await using cache = cacheOf<Uint8Array>({ namespace: "own-bytes", codec: raw() });
  const bytes = Buffer.alloc(200_000, "abc");
  const before = Buffer.from(bytes);
  assert.equal(await cache.getOrSet<Uint8Array>("a", () => bytes), bytes);
  bytes.fill(0);
  await cache.close();
  await using reader = cacheOf<Uint8Array>({ namespace: "own-bytes", codec: raw() });
  assert.deepEqual(await reader.get("a"), before);
});

test("each codec reads its own, and no other one unless it is told to", async () => {
  const value = { at: new Date(0), n: 5n };
  await using writer = cacheOf<typeof value>({ namespace: "codecs", codec: v8() });
  await writer.set("a", value);
  assert.deepEqual(await writer.get("a"), value);
  const told: unknown[] = [];
  const onError = (error: unknown, place: CacheErrorPlace): unknown => told.push(error, place);
  await using stranger = cacheOf<typeof value>({ namespace: "codecs", codec: msgpack(), onError });
  assert.equal(await stranger.get("a"), undefined);
  assert.equal(stranger.stats().unreadable, 1);
  const [error, place] = told;
  assert.ok(error instanceof CacheReadError && error.kind === "foreign" && error.code === "ERR_CACHE_READ");
  assert.match(error.message, /codec "v8".*add it to accept/);
  assert.deepEqual(place, { namespace: "codecs", id: "a" });
  const other = v8<typeof value>();
  await using friend = cacheOf<typeof value>({ namespace: "codecs", codec: msgpack(), accept: [other] });
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
  assert.match(String(await shared.redis.get("own:a")), /reversed.*cba/s);
  assert.equal(await cache.get("a"), "abc");
});

test("what cannot be read is a miss, counted and told, and no error quotes it", async () => {
  const errors: Error[] = [];
  await using cache = cacheOf<unknown>({ namespace: "damaged", onError: (error) => errors.push(error as Error) });
  for (const bytes of [
    '{"secret": 12345',
    "\u0000",
    Buffer.from([0xc1]),
    Buffer.from([0xc1, 9]),
    Buffer.from([0x1f, 0x8b, 8]),
    Buffer.from([0xff]),
  ]) {
    await shared.redis.set("damaged:a", bytes);
    assert.equal(await cache.get("a"), undefined);
  }
  assert.equal(cache.stats().unreadable, 6);
  assert.equal(errors.length, 6);
  assert.ok(errors.every((error) => error instanceof CacheReadError));
  assert.ok(!/secret|12345/.test(errors.map((error) => `${error.stack} ${String(error.cause)}`).join()));
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  assert.equal(cache.stats().unreadable, 7, "one more look-up, counted once");
});

test("a bomb is refused: 100 MB behind a few KB", async () => {
  const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024), { level: 9 });
  await using cache = cacheOf<unknown>({ namespace: "bomb" });
  await shared.redis.set("bomb:a", bomb);
  const before = process.memoryUsage().rss;
  assert.equal(await cache.get("a"), undefined);
  assert.equal(cache.stats().unreadable, 1);
  assert.ok(process.memoryUsage().rss - before < 90 * 1024 * 1024);
});

test("a value that the codec cannot keep is refused before anything is stored", async () => {
  const places: CacheErrorPlace[] = [];
  await using cache = cacheOf<unknown>({ namespace: "refused", onError: (_error, place) => places.push(place) });
  await assert.rejects(cache.set("a", { when: new Date() }), { code: "ERR_CACHE_VALUE", path: "$.when" });
  await assert.rejects(cache.set("a", undefined), { code: "ERR_CACHE_VALUE", path: "$" });
  assert.equal(await shared.redis.exists("refused:a"), 0);
  // From a loader it is served all the same: the next one makes it again.
  const value = { when: new Date() };
  assert.equal(await cache.getOrSet("a", () => value), value);
  assert.equal(cache.stats().refused, 3);
  assert.deepEqual(places, [{ namespace: "refused", id: "a" }]);
});

test("json is the default codec, and given explicitly the same", async () => {
  await using cache = cacheOf<unknown>({ namespace: "explicit", codec: json() });
  await cache.set("a", null);
  assert.equal(await shared.redis.get("explicit:a"), "null");
  assert.equal(await cache.get("a"), null);
});

test("a client that gives Buffers serves a cache as well", async () => {
  const client = shared.another({ decodeResponses: false });
  await using cache = cacheOf<number>({ namespace: "bytes" }, client);
  let loads = 0;
  const load = (): number => ++loads;
  for (let n = 0; n < 3; n++) assert.equal(await cache.getOrSet("a", load, { tags: ["t"], awaitWrite: true }), 1);
  assert.equal(cache.stats().waits, 0);
  const ids: string[] = [];
  for await (const id of cache.ids()) ids.push(id);
  assert.deepEqual(ids, ["a"]);
  await cache.invalidateTag("t");
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.clear(), 1);
});

test("clear deletes the namespace's entries, and no others; what is being made is not stored behind it", async () => {
  await using cache = cacheOf<number>({ namespace: "cleared" });
  await shared.redis.set("cleared-not:1", "x");
  await cache.setMany(Array.from({ length: 1500 }, (_, id) => [id, id] as const));
  await cache.set("{7}", 7, { tags: ["kept"] });
  let finish: (value: number) => void = () => {};
  const made = new Promise<number>((resolve) => (finish = resolve));
  let started = 0;
  const load = (): Promise<number> => {
    started++;
    return made;
  };
  const pending = ["new", "{new}"].map((id) => cache.getOrSet(id, load, { awaitWrite: true }));
  while (started < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(await cache.clear(), 1501);
  finish(1);
  await Promise.all(pending);
  assert.deepEqual(await cache.getMany([1, "{7}", "new", "{new}"]), [undefined, undefined, undefined, undefined]);
  assert.equal(cache.stats().lostLocks, 2);
  assert.equal(await shared.redis.exists("cleared-not:1", "cleared#tag:kept"), 2);
});

test("clear and ids with a prefix", async () => {
  await using cache = cacheOf<number>();
  await cache.setMany(["a:1", "a:2", "b:1", "*:1"].map((id) => [id, 1] as const));
  const ids = async (prefix?: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const id of cache.ids(prefix)) found.push(id);
    return found.toSorted();
  };
  assert.deepEqual(await ids(), ["*:1", "a:1", "a:2", "b:1"]);
  assert.deepEqual(await ids("a:"), ["a:1", "a:2"]);
  assert.deepEqual(await ids("*"), ["*:1"]);
  assert.equal(await cache.clear("a:"), 2);
  assert.deepEqual(await ids(), ["*:1", "b:1"]);
});
