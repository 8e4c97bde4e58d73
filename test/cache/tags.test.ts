import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedCaches } from "../support/cache.ts";

const shared = sharedCaches();
const { cacheOf } = shared;

const DAY = 24 * 3600 * 1000;

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
  assert.equal(await shared.redis.pttl("endless:a"), -1);
  assert.equal(await cache.getOrSet("b", () => 2, { tags: ["t"], awaitWrite: true }), 2);
  assert.deepEqual(await cache.getMany(["a", "b"]), [1, 2]);
  await cache.invalidateTag("t");
  assert.deepEqual(await cache.getMany(["a", "b"]), [undefined, undefined]);
});

test("a tag whose key was evicted makes its entries invalid for good", async () => {
  await using cache = cacheOf<number>({ namespace: "evicted" });
  await cache.set("a", 1, { tags: ["t"] });
  await shared.redis.del("evicted#tag:t");
  assert.equal(await cache.get("a"), undefined);
  await cache.set("b", 2, { tags: ["t"] });
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.get("b"), 2);
});

test("a version lasts at least as long as what may be served with it, and is never shortened", async () => {
  await using cache = cacheOf<number>({ namespace: "lasts" });
  const left = (): Promise<number> => shared.redis.pttl("lasts#tag:t");
  await cache.set("a", 1, { tags: ["t"] });
  assert.ok((await left()) > 1.9 * DAY, "at least a day");
  const week = 7 * 24 * 3600;
  await cache.getOrSet("b", () => 2, { ttl: 60, grace: week, tags: ["t"], awaitWrite: true });
  assert.ok((await left()) > 13.9 * DAY);
  await cache.set("c", 3, { ttl: 1, tags: ["t"] });
  assert.ok((await left()) > 13.9 * DAY);
  assert.deepEqual(await cache.getMany(["a", "b", "c"]), [1, 2, 3]);
});

for (const ttl of [300, Infinity])
  test(`who makes an entry with a tag disturbs nobody who has others of it in memory, ttl ${ttl}`, () => calm(ttl));

async function calm(ttl: number): Promise<void> {
  const namespace = shared.namespace();
  await using cache = cacheOf<number>({ namespace, ttl, memory: true });
  await using theirs = cacheOf<number>({ namespace, ttl }, shared.another());
  await theirs.set("a", 1, { tags: ["t"] });
  while ((cache.stats().memory?.hits ?? 0) === 0) await cache.get("a");
  const before = cache.stats().memory?.invalidations ?? 0;
  for (let id = 0; id < 20; id++) await theirs.set(`b${id}`, id, { tags: ["t"] });
  const { memory } = cache.stats();
  assert.equal(await cache.get("a"), 1);
  assert.equal(cache.stats().memory?.hits, (memory?.hits ?? 0) + 1, "still in memory");
  assert.ok((cache.stats().memory?.invalidations ?? 0) - before <= 20, "the new entries alone");
}
