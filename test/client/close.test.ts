import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, ConnectionPool, Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("commands in flight and queued when the client is closed get their replies", async () => {
  using raw = await connectRaw(server());
  const redis = new Redis(server().url);
  await redis.ready();
  await raw.command("CLIENT", "PAUSE", 80);
  const written = Array.from({ length: 200 }, () => redis.incr("close:n"));
  await new Promise((resolve) => setImmediate(resolve));
  const queued = [redis.pipeline().incr("close:n").exec(), redis.multi().incr("close:n").exec()];
  const closing = redis.close({ timeout: 3000 });
  assert.deepEqual(
    await Promise.all(written),
    written.map((_, index) => index + 1),
  );
  assert.deepEqual(await Promise.all(queued), [[201], [202]]);
  await closing;
  assert.equal(await raw.command("GET", "close:n"), "202");
  assert.deepEqual(statsOf(redis).closedBecause, { closed: 1 });
});

test("commands sent before anything was connected are carried out too", async () => {
  const redis = new Redis(server().url);
  const replies = [redis.set("close:first", 1), redis.get("close:first")];
  await redis.close();
  assert.deepEqual(await Promise.all(replies), ["OK", "1"]);
});

test("from close() on, everything new is refused with a ClosedError and not sent", async () => {
  using raw = await connectRaw(server());
  const redis = new Redis(server().url);
  await redis.ready();
  await raw.command("CLIENT", "PAUSE", 60);
  const last = redis.set("close:last", 1);
  const closing = redis.close();
  const refused: (() => Promise<unknown>)[] = [
    () => redis.set("close:late", 1),
    () => redis.with({ timeout: 10 }).set("close:late", 1),
    () => redis.buffers.set("close:late", 1),
    () => redis.pipeline().set("close:late", 1).exec(),
    () => redis.multi().set("close:late", 1).exec(),
    () => redis.blpop("close:q", 1),
    () => redis.transaction("close:late", (tx) => tx.multi().set("close:late", 1)),
    () => redis.subscribe("close:news"),
    () => redis.ready(),
    () => redis.scanIterator().next(),
  ];
  for (const work of refused) {
    await assert.rejects(work(), (error) => {
      assert.ok(error instanceof ClosedError, String(error));
      assert.deepEqual([error.code, error.outcome], ["ERR_CLOSED", "not-sent"]);
      return true;
    });
  }
  await closing;
  assert.equal(await last, "OK");
  for (const work of refused) await assert.rejects(work(), { code: "ERR_CLOSED", outcome: "not-sent" });
  assert.equal(await raw.command("EXISTS", "close:late"), 0);
});

test("close waits for leases, whose holders may go on with them", async () => {
  const pool = new ConnectionPool(server().url);
  const lease = await pool.lease();
  let closed = false;
  const closing = pool.close({ timeout: 5000 }).then(() => (closed = true));
  await assert.rejects(pool.lease(), { code: "ERR_CLOSED", outcome: "not-sent" });
  for (let round = 0; round < 5; round++) assert.equal(await lease.incr("close:lease"), round + 1);
  assert.equal(closed, false);
  lease.release();
  await closing;
  assert.equal(pool.stats().total, 0);
});

test("a lease that is not given back in time is ended with the pool, and its commands tell so", async () => {
  const pool = new ConnectionPool(server().url);
  const lease = await pool.lease();
  const blocked = assert.rejects(lease.blpop("close:never", 0), { code: "ERR_CONNECTION_LOST", reason: "closed" });
  await pool.close({ timeout: 50 });
  await blocked;
  await assert.rejects(lease.get("k"), { outcome: "not-sent" });
  lease.release();
  const { total, leased, closedBecause } = pool.stats();
  assert.deepEqual({ total, leased, closedBecause }, { total: 0, leased: 0, closedBecause: { closed: 1 } });
});

test("what is still in flight when the time is over fails with an outcome that is true", async () => {
  await using paused = await startServer();
  const redis = new Redis(paused.url);
  await redis.set("k", 0);
  paused.pause();
  const written = redis.incr("k");
  await redis.close({ timeout: 60 });
  await assert.rejects(written, { outcome: "unknown" });
  paused.resume();
  using raw = await connectRaw(paused);
  const value = String(await raw.command("GET", "k"));
  assert.ok(value === "0" || value === "1");
});

test("blocked pops are let go of by close, without losing an element", async () => {
  using raw = await connectRaw(server());
  const redis = new Redis(server().url);
  const pops = Array.from({ length: 20 }, () => redis.blpop("close:jobs", 0).catch((error: unknown) => error));
  await until(() => statsOf(redis).leased === 20);
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "20");
  const pushed = Array.from({ length: 10 }, (_, index) => raw.command("RPUSH", "close:jobs", index));
  await redis.close({ timeout: 3000 });
  await Promise.all(pushed);
  const jobs: string[] = [];
  for (const result of await Promise.all(pops)) {
    if (Array.isArray(result)) jobs.push(String(result[1]));
    else assert.ok(result instanceof ClosedError, String(result));
  }
  const left = (await raw.command("LRANGE", "close:jobs", 0, -1)) as string[];
  assert.deepEqual(
    [...jobs, ...left].map(Number).sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, index) => index),
  );
});

test("subscriptions end with the client: iterations finish, no gap is told", async () => {
  const redis = new Redis(server().url);
  let gaps = 0;
  const subscription = await redis.subscribe("close:news", undefined, { onGap: () => void gaps++ });
  const iterating = (async () => {
    for await (const message of subscription) assert.fail(String(message));
    return "ended";
  })();
  await redis.close();
  assert.equal(await iterating, "ended");
  assert.deepEqual([subscription.isClosed, subscription.gaps, gaps], [true, 0, 0]);
});

test("destroy ends everything at once", async () => {
  using raw = await connectRaw(server());
  const redis = new Redis(server().url);
  await redis.ready();
  await raw.command("CLIENT", "PAUSE", 50);
  const written = redis.incr("close:destroyed");
  await new Promise((resolve) => setImmediate(resolve));
  const queued = redis.incr("close:destroyed");
  redis.destroy();
  await assert.rejects(written, { outcome: "unknown" });
  await assert.rejects(queued, { outcome: "not-sent" });
  assert.equal(statsOf(redis).total, 0);
  redis.destroy();
  await redis.close();
});

test("closing a client leaves the pool that it shares open, with what others do on it", async () => {
  await using pool = new ConnectionPool(server().url);
  const first = new Redis({ pool });
  await using second = new Redis({ pool });
  await first.set("close:shared", "v");
  await first.close();
  assert.equal(await second.get("close:shared"), "v");
  assert.equal(await pool.use((lease) => lease.get("close:shared")), "v");
});
