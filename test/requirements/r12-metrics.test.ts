import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { assertSumRule, leasedIds, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

const NAMES =
  "total idle leased lanes subscribers repairing connecting waiting inFlight queuedBytes acquired created destroyed timeouts rejected";

test("R12: the stats have every field, numbers all, per node", async () => {
  await using redis = new Redis(server().url);
  const stats = statsOf(redis);
  for (const name of NAMES.split(" ")) assert.equal(stats[name as "total"], 0, name);
  for (const name of ["waitTime", "useTime"] as const) assert.deepEqual(stats[name], { p50: 0, p99: 0, max: 0 });
  assert.deepEqual(stats.closedBecause, {});
  assert.deepEqual(JSON.parse(JSON.stringify(stats)), stats, "they survive JSON");
});

test("R12: total, idle, leased, lanes, subscribers, connecting and waiting follow what happens", async () => {
  await using proxy = await startProxy(server());
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, maxConnections: 4 });
  await using redis = new Redis({ pool });
  const counts = (): number[] => {
    const { total, idle, leased, lanes, subscribers, connecting, waiting } = pool.stats();
    assertSumRule(pool.stats(), 4);
    return [total, idle, leased, lanes, subscribers, connecting, waiting];
  };
  assert.deepEqual(counts(), [0, 0, 0, 0, 0, 0, 0]);
  proxy.blackhole("both", true);
  const ready = redis.ready();
  assert.deepEqual(counts(), [0, 0, 0, 0, 0, 1, 0], "connecting");
  proxy.blackhole("both", false);
  await ready;
  assert.deepEqual(counts(), [1, 0, 0, 1, 0, 0, 0], "a lane");
  const subscription = await redis.subscribe("r12:news", () => undefined);
  assert.deepEqual(counts(), [2, 0, 0, 1, 1, 0, 0], "a subscriber");
  const first = await pool.lease();
  const second = await pool.lease();
  assert.deepEqual(counts(), [4, 0, 2, 1, 1, 0, 0], "two leased");
  const third = pool.lease();
  assert.deepEqual(counts(), [4, 0, 2, 1, 1, 0, 1], "one waiting");
  first.release();
  assert.deepEqual(counts(), [4, 0, 2, 1, 1, 0, 0], "it was served");
  second.release();
  assert.deepEqual(counts(), [4, 1, 1, 1, 1, 0, 0], "one idle");
  (await third).release();
  await subscription.close();
  await until(() => pool.stats().total === 3);
  assert.deepEqual(counts(), [3, 2, 0, 1, 0, 0, 0]);
});

test("R12: repairing counts leases that are being made clean", async () => {
  await using proxy = await startProxy(server());
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port });
  const lease = await pool.lease();
  await lease.watch("r12:w");
  proxy.blackhole("both", true);
  lease.release();
  assert.equal(pool.stats().repairing, 1);
  assertSumRule(pool.stats(), 50);
  proxy.blackhole("both", false);
  await until(() => pool.stats().idle === 1);
  assert.equal(pool.stats().repairing, 0);
});

test("R12: inFlight and queuedBytes grow while the server does not answer, and go back to 0", async () => {
  await using paused = await startServer();
  await using redis = new Redis(paused.url);
  await redis.ready();
  paused.pause();
  const value = "x".repeat(1 << 20);
  const all = Array.from({ length: 40 }, (_, index) => redis.set(`k${index}`, value));
  assert.equal(statsOf(redis).inFlight, 40);
  assert.ok(statsOf(redis).queuedBytes >= 40 * value.length);
  await until(() => statsOf(redis).queuedBytes < 40 * value.length);
  assert.equal(statsOf(redis).inFlight, 40);
  assert.ok(statsOf(redis).queuedBytes > 0, "more than the socket takes");
  paused.resume();
  await Promise.all(all);
  const { inFlight, queuedBytes } = statsOf(redis);
  assert.deepEqual({ inFlight, queuedBytes }, { inFlight: 0, queuedBytes: 0 });
});

test("R12: wait times and use times are measured in ms", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const held = await pool.lease();
  const waiting = pool.use(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 80));
  held.release();
  await waiting;
  const { waitTime, useTime, acquired } = pool.stats();
  assert.equal(acquired, 2);
  for (const { p50, p99, max } of [waitTime, useTime]) assert.ok(p50 <= p99 && p99 <= max);
  assert.ok(waitTime.max >= 70, `waited ${waitTime.max}`);
  assert.ok(useTime.max >= 70, `used for ${useTime.max}`);
});

test("R12: timeouts and refusals are counted", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1, maxWaiting: 2, acquireTimeout: 40 });
  const held = await pool.lease({ timeout: 5000 });
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => pool.lease()));
  assert.ok(results.every(({ status }) => status === "rejected"));
  const { timeouts, rejected } = pool.stats();
  assert.deepEqual({ timeouts, rejected }, { timeouts: 2, rejected: 3 });
  held.release();
  await using redis = new Redis(server().url, { maxInFlight: 10 });
  const commands = await Promise.allSettled(Array.from({ length: 15 }, () => redis.get("r12:k")));
  assert.equal(commands.filter(({ status }) => status === "rejected").length, 5);
  assert.equal(statsOf(redis).rejected, 5);
  await using late = new Redis(server().url, { commandTimeout: 40 });
  using raw = await connectRaw(server());
  await late.with({ timeout: 5000 }).ready();
  await raw.command("CLIENT", "PAUSE", 150);
  await assert.rejects(late.get("r12:k"), { code: "ERR_COMMAND_TIMEOUT", outcome: "unknown" });
  assert.equal(statsOf(late).timeouts, 1);
});

test("R12: why connections were closed is counted by reason, and adds up to destroyed", async () => {
  await using own = await startServer();
  using raw = await connectRaw(own);
  const pool = new ConnectionPool(own.url, { idleTimeout: 80, maxConnections: 5 });
  await leasedIds(pool, 2);
  await until(() => pool.stats().closedBecause.idle === 2);
  const unread = await pool.lease();
  const reply = unread.get("k").catch(() => undefined);
  unread.release();
  await reply;
  const unclean = await pool.lease();
  await unclean.call("MONITOR");
  unclean.release();
  const lost = await pool.lease();
  await raw.command("CLIENT", "KILL", "ID", await lost.client.id());
  await until(() => pool.stats().closedBecause.lost === 1);
  lost.release();
  const last = await pool.lease();
  last.release();
  await pool.close();
  const { created, destroyed, closedBecause, total } = pool.stats();
  assert.deepEqual(closedBecause, { idle: 2, unread: 1, unclean: 1, lost: 1, closed: 1 });
  assert.deepEqual({ created, destroyed, total }, { created: 6, destroyed: 6, total: 0 });
});

test("R12: the sum rule holds at every moment of a storm of leases, kills and subscriptions", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 8, reconnect: { minDelay: 1, maxDelay: 5 } });
  await using redis = new Redis({ pool });
  using raw = await connectRaw(server());
  let running = true;
  let samples = 0;
  const sample = (): void => {
    assertSumRule(pool.stats(), 8);
    samples++;
    if (running) setImmediate(sample);
  };
  sample();
  const storm = Array.from({ length: 300 }, async (_, index) => {
    if (index % 30 === 0) await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    else if (index % 31 === 0) await (await redis.subscribe(`r12:${index}`, () => undefined)).close();
    else if (index % 3 === 0) await pool.use((lease) => lease.watch("r12:k"));
    else await redis.get("r12:k");
  });
  await Promise.allSettled(storm);
  await redis.ready();
  running = false;
  assert.ok(samples > 10);
});
