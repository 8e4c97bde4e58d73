import assert from "node:assert/strict";
import { test } from "node:test";
import { serverStats } from "../../src/cache/index.ts";
import { sharedCaches } from "../support/cache.ts";

const shared = sharedCaches();

test("serverStats sums what INFO tells; 0 without look-ups", async () => {
  const { redis } = shared;
  assert.deepEqual({ ...(await serverStats(redis)), opsPerSec: 0 }, { hits: 0, misses: 0, hitRate: 0, opsPerSec: 0 });
  await redis.set("a", "1");
  await Promise.all([redis.get("a"), redis.get("a"), redis.get("a"), redis.get("b")]);
  const { hits, misses, hitRate } = await serverStats(redis);
  assert.deepEqual({ hits, misses, hitRate }, { hits: 3, misses: 1, hitRate: 0.75 });
});
