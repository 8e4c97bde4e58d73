import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDue } from "../../src/cache/entries.ts";
import { sharedCaches } from "../support/cache.ts";
import { until } from "../support/wait.ts";

const { cacheOf } = sharedCaches();

const down = (): Promise<never> => Promise.reject(new Error("down"));

test("grace: an old value is served when the loader fails", async () => {
  await using cache = cacheOf<number>({ ttl: 0.05, jitter: 0 });
  assert.equal(await cache.getOrSet("a", () => 1, { grace: 60, awaitWrite: true }), 1);
  await sleep(80);
  assert.equal(await cache.get("a"), undefined, "it is no fresh one");
  assert.equal(await cache.getOrSet("a", down, { grace: 60 }), 1);
  assert.equal(await cache.getOrSet("a", () => 2, { grace: 60 }), 2);
  const { staleHits, misses, hits } = cache.stats();
  assert.deepEqual({ staleHits, misses, hits }, { staleHits: 1, misses: 3, hits: 0 });
});

test("grace: who finds another process at it waits for the new value", async () => {
  await using cache = cacheOf<number>({ namespace: "grace", ttl: 0.05, jitter: 0, grace: 60 });
  await using theirs = cacheOf<number>({ namespace: "grace", ttl: 60, grace: 60 });
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  await sleep(80);
  let started = false;
  const slow = async (): Promise<number> => {
    started = true;
    await sleep(100);
    return 2;
  };
  const first = theirs.getOrSet("a", slow);
  await until(() => started);
  assert.equal(await cache.getOrSet("a", down), 2);
  assert.equal(await first, 2);
});

test("staleWhileRevalidate: an old value is served at once, and a new one is made", async () => {
  await using cache = cacheOf<number>({ ttl: 0.05, jitter: 0, staleWhileRevalidate: 60 });
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  await sleep(80);
  assert.equal(await cache.getOrSet("a", () => 2), 1);
  await until(async () => (await cache.getOrSet<number>("a", () => 3)) === 2);
  assert.equal(cache.stats().refreshes, 1);
});

test("a loader that fails in the background rests longer each time, whoever asks meanwhile", async () => {
  const errors: unknown[] = [];
  await using cache = cacheOf<number>({
    ttl: 0.05,
    jitter: 0,
    staleWhileRevalidate: 60,
    onError: (error) => errors.push(error),
  });
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  await sleep(80);
  let loads = 0;
  const failing = async (): Promise<number> => {
    loads++;
    throw new Error("down");
  };
  const end = performance.now() + 1000;
  while (performance.now() < end) {
    assert.equal(await cache.getOrSet("a", failing), 1);
    await sleep(1);
  }
  await sleep(50);
  // 100 ms and more, doubled each time: within a second there is room for four.
  assert.ok(loads >= 2 && loads <= 5, `${loads} loads`);
  assert.equal(errors.length, loads);
  assert.equal(cache.stats().refreshes, 0);
});

test("while another process makes an entry anew, it is asked now and then, and not at each hit", async () => {
  await using cache = cacheOf<number>({ namespace: "busy", ttl: 0.05, jitter: 0, staleWhileRevalidate: 60 });
  await using theirs = cacheOf<number>({ namespace: "busy", ttl: 60, staleWhileRevalidate: 60 });
  await cache.getOrSet("a", () => 1, { awaitWrite: true });
  await sleep(80);
  let finish: (value: number) => void = () => {};
  const made = new Promise<number>((resolve) => (finish = resolve));
  assert.equal(await theirs.getOrSet("a", () => made), 1);
  let loads = 0;
  const end = performance.now() + 500;
  while (performance.now() < end) {
    assert.equal(await cache.getOrSet("a", () => ++loads), 1);
    await sleep(1);
  }
  finish(2);
  await until(async () => (await cache.getOrSet("a", () => ++loads)) === 2);
  assert.equal(loads, 0);
});

test("an entry is made anew before its end", async () => {
  await using cache = cacheOf<number>({ ttl: 2, jitter: 0, earlyRefresh: 1 });
  let loads = 0;
  const slow = async (): Promise<number> => {
    await sleep(50);
    return ++loads;
  };
  const end = performance.now() + 2500;
  while (performance.now() < end) {
    await cache.getOrSet("a", slow);
    await sleep(2);
  }
  assert.ok(cache.stats().refreshes >= 1);
  assert.equal(cache.stats().misses, 1, "nobody has had to wait for the second one");
});

test("the earlier the longer it takes, and the more eager it is", () => {
  const entry = (cost: number): Parameters<typeof isDue>[0] => ({
    value: 1,
    timing: { createdAt: 0, freshFor: 1000, cost },
    tags: [],
    isEmpty: false,
  });
  /** The share of readers at that time who would make it anew. */
  const share = (now: number, cost: number, eagerness = 1): number => {
    const draws = Array.from({ length: 1000 }, (_, index) => index / 1000);
    return draws.filter((random) => isDue(entry(cost), now, eagerness, random)).length / 1000;
  };
  // -cost * ln(1 - random) >= rest: a share of e^(-rest / cost).
  assert.ok(Math.abs(share(900, 100) - Math.exp(-1)) < 0.01);
  assert.ok(Math.abs(share(800, 100) - Math.exp(-2)) < 0.01);
  assert.ok(Math.abs(share(800, 200) - Math.exp(-1)) < 0.01);
  assert.ok(Math.abs(share(800, 100, 2) - Math.exp(-1)) < 0.01);
  assert.equal(share(0, 1), 0);
  assert.equal(share(999, 1000, 0), 0);
  assert.equal(share(1000, 0), 1);
});
