import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, type PoolStats, type RedisOptions } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

const statsOf = (redis: Redis): PoolStats => Object.values(redis.stats().nodes)[0] ?? assert.fail("no node");

async function disconnected(options: RedisOptions, body: (redis: Redis, proxy: Proxy) => Promise<void>): Promise<void> {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({
    host: proxy.host,
    port: proxy.port,
    reconnect: { minDelay: 10, maxDelay: 50 },
    ...options,
  });
  await redis.flushall();
  await proxy.refuse(true);
  proxy.cut();
  await until(() => statsOf(redis).total === 0);
  await body(redis, proxy);
}

test("the queue while disconnected is bounded by count", () =>
  disconnected({ maxInFlight: 100 }, async (redis, proxy) => {
    const all = Array.from({ length: 1000 }, () => redis.incr("n"));
    const settled = Promise.allSettled(all);
    assert.equal(statsOf(redis).inFlight, 100);
    assert.equal(statsOf(redis).rejected, 900);
    await proxy.refuse(false);
    const results = await settled;
    const refused = results.filter((one) => one.status === "rejected");
    assert.equal(refused.length, 900);
    for (const { reason } of refused) {
      assert.deepEqual([reason.code, reason.outcome, reason.limit], ["ERR_QUEUE_FULL", "not-sent", "maxInFlight"]);
    }
    assert.equal(await redis.get("n"), "100", "exactly those that were accepted ran");
  }));

test("the queue while disconnected is bounded by bytes", () =>
  disconnected({ maxQueuedBytes: 1_000_000 }, async (redis, proxy) => {
    const value = "x".repeat(10_000);
    const settled = Promise.allSettled(Array.from({ length: 500 }, (_, i) => redis.set(`k${i}`, value)));
    const queued = statsOf(redis).queuedBytes;
    assert.ok(queued <= 1_000_000 && queued > 900_000, `${queued} bytes`);
    await proxy.refuse(false);
    const results = await settled;
    for (const one of results) {
      if (one.status === "rejected")
        assert.deepEqual([one.reason.code, one.reason.limit], ["ERR_QUEUE_FULL", "maxQueuedBytes"]);
    }
    const kept = results.filter((one) => one.status === "fulfilled").length;
    assert.ok(kept >= 90 && kept <= 100, `${kept} accepted`);
    assert.equal(await redis.dbsize(), kept);
    assert.equal(statsOf(redis).queuedBytes, 0);
  }));

test("blocking commands and pipelines of their own are bounded by bytes too", () =>
  disconnected({ maxQueuedBytes: 1_000_000, acquireTimeout: 300 }, async (redis) => {
    const value = "x".repeat(100_000);
    const settled = Promise.allSettled(
      Array.from({ length: 100 }, () => redis.pipeline().set("big", value).blpop("never", 0.01).exec()),
    );
    assert.ok(statsOf(redis).queuedBytes <= 1_000_000, `${statsOf(redis).queuedBytes} bytes`);
    const codes = (await settled).map((one) => one.status === "rejected" && one.reason.code);
    assert.ok(codes.filter((code) => code === "ERR_QUEUE_FULL").length >= 80, codes.join());
  }));

test("the queue while disconnected is bounded by each command's deadline", () =>
  disconnected({}, async (redis, proxy) => {
    const start = performance.now();
    const timeouts = [100, 200, 300];
    const settled = await Promise.all(
      timeouts.map((timeout) =>
        redis
          .with({ timeout })
          .incr("late")
          .then(
            () => assert.fail("it ran"),
            (error) => ({ code: error.code, outcome: error.outcome, after: performance.now() - start }),
          ),
      ),
    );
    for (const [i, { code, outcome, after }] of settled.entries()) {
      assert.deepEqual([code, outcome], ["ERR_COMMAND_TIMEOUT", "not-sent"]);
      assert.ok(after < (timeouts[i] ?? 0) + 1500, `${after} ms`);
    }
    assert.equal(statsOf(redis).inFlight, 0);
    await proxy.refuse(false);
    assert.equal(await redis.exists("late"), 0);
  }));

test("cancelled commands give their place in the queue back", () =>
  disconnected({ maxInFlight: 10 }, async (redis, proxy) => {
    for (let round = 0; round < 5; round++) {
      const cancel = new AbortController();
      const all = Array.from({ length: 10 }, () => redis.with({ signal: cancel.signal }).incr("n"));
      const settled = Promise.allSettled(all);
      cancel.abort();
      for (const one of await settled) assert.equal(one.status === "rejected" && one.reason, cancel.signal.reason);
      await until(() => statsOf(redis).inFlight === 0);
    }
    await proxy.refuse(false);
    assert.equal(await redis.incr("n"), 1);
  }));

test("waiters for leases are bounded by count and by deadline while the pool is exhausted", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 2, maxWaiting: 5, acquireTimeout: 150 });
  const held = await Promise.all([pool.lease({ timeout: 5000 }), pool.lease({ timeout: 5000 })]);
  const settled = await Promise.allSettled(Array.from({ length: 20 }, () => pool.lease()));
  const codes = settled.map((one) => one.status === "rejected" && [one.reason.code, one.reason.outcome].join());
  assert.equal(codes.filter((code) => code === "ERR_QUEUE_FULL,not-sent").length, 15);
  assert.equal(codes.filter((code) => code === "ERR_POOL_TIMEOUT,not-sent").length, 5);
  for (const lease of held) lease.release();
});

test("a server that reads too slowly bounds the queue in the same way", async () => {
  await using own = await startServer();
  await using redis = new Redis({
    port: own.port,
    maxQueuedBytes: 2_000_000,
    commandTimeout: 1500,
    socketTimeout: 10_000,
  });
  await redis.ping();
  own.pause();
  const value = "x".repeat(50_000);
  const outcomes: Promise<string>[] = [];
  for (let i = 0; i < 600; i++) {
    outcomes.push(
      redis.set("slow", value).then(
        () => "done",
        (error) => `${error.code} ${error.outcome}`,
      ),
    );
    if (i % 20 === 0) await sleep(1);
    assert.ok(statsOf(redis).queuedBytes <= 2_000_000);
  }
  const told = await Promise.all(outcomes);
  own.resume();
  assert.ok(told.includes("ERR_QUEUE_FULL not-sent"));
  assert.ok(told.includes("ERR_COMMAND_TIMEOUT unknown"));
  assert.ok(told.includes("ERR_COMMAND_TIMEOUT not-sent"), "what never left this process says so");
  assert.deepEqual(
    new Set(told),
    new Set(["ERR_QUEUE_FULL not-sent", "ERR_COMMAND_TIMEOUT unknown", "ERR_COMMAND_TIMEOUT not-sent"]),
  );
});
