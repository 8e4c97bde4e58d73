import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cache } from "../../src/cache/index.ts";
import { Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";

/** How long the loader takes, ms. */
const LOADER = 20;
/** What `getOrSet` may take beyond the loader at p99, ms. */
const BEYOND = 60;

type Strike = (server: TestServer) => Promise<unknown>;

/** Strikes in the middle of a load; gives the time of nearly all calls, ms, and what of that the event loop was late. */
async function load(
  strike: Strike,
  heal: Strike,
): Promise<{ p99: number; late: number; calls: number; cache: Cache<number> }> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await using server = await startServer();
  await using redis = new Redis({ host: server.host, port: server.port });
  const cache = new Cache<number>(redis, { namespace: "n" });
  const times: number[] = [];
  let running = true;
  let id = 0;
  const caller = async (): Promise<void> => {
    while (running) {
      const own = id++ % 400;
      const began = performance.now();
      const value = await cache.getOrSet(own, async () => {
        await sleep(LOADER);
        return own;
      });
      assert.equal(value, own);
      times.push(performance.now() - began);
      await sleep(2);
    }
  };
  const callers = Array.from({ length: 20 }, caller);
  await sleep(1000);
  await strike(server);
  await sleep(2000);
  await heal(server);
  // The answers come from Redis again: within the longest pause of the breaker at that time, and a look-up.
  const before = cache.stats().hits;
  await until(() => cache.stats().hits > before + 100, { timeout: 20_000 });
  running = false;
  await Promise.all(callers);
  await cache.close();
  times.sort((a, b) => a - b);
  delay.disable();
  const late = Math.max(0, delay.percentile(99) / 1e6 - 5);
  return { p99: times[Math.floor(times.length * 0.99)] as number, late, calls: times.length, cache };
}

for (const [what, strike, heal] of [
  ["killed", (server: TestServer) => server.kill(), (server: TestServer) => server.restart()],
  ["paused", async (server: TestServer) => server.pause(), async (server: TestServer) => server.resume()],
] as const satisfies readonly (readonly [string, Strike, Strike])[]) {
  test(`the server is ${what} under load: callers get their values in the loader's time, and nothing throws`, async (t) => {
    const { p99, late, calls, cache } = await load(strike, heal);
    t.diagnostic(
      `p99 ${p99.toFixed(1)} ms, with a loader of ${LOADER} ms; the event loop was ${late.toFixed(1)} ms late`,
    );
    const { withoutRedis, breakerOpenings, skipped } = cache.stats();
    assert.ok(calls > 1000, String(calls));
    assert.ok(withoutRedis > 50, `${withoutRedis} loads without Redis`);
    assert.ok(breakerOpenings >= 1 && skipped > 0);
    assert.ok(p99 < LOADER + BEYOND + late, `p99 ${p99.toFixed(1)} ms`);
  });
}

test("without any Redis at all a value costs its loader, and a look only until the breaker opens", async () => {
  await using redis = new Redis({ host: "127.0.0.1", port: 1 });
  await using cache = new Cache<number>(redis, { namespace: "n", breaker: { pause: 60_000, longestPause: 60_000 } });
  for (let index = 0; index < 20; index++) assert.equal(await cache.getOrSet(index, () => index), index);
  const { errors, skipped } = cache.stats();
  assert.deepEqual({ errors, skipped }, { errors: 5, skipped: 15 });
  assert.equal(await cache.get(1), undefined);
  assert.equal(await cache.set(1, 1), false);
  assert.equal(await cache.delete(1), false);
  const { withoutRedis, breaker, breakerOpenings } = cache.stats();
  assert.equal(withoutRedis, 21);
  assert.notEqual(breaker, "closed");
  assert.ok(breakerOpenings >= 1);
});
