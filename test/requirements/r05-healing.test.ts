import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionLostError, ConnectionPool, Redis, RedisError } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { leasedIds, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

/** Reads and writes as fast as it can until it is stopped; a read must never fail, a write only with an unknown outcome. */
function startLoad(
  redis: Redis,
  workers: number,
): { stop: () => Promise<{ reads: number; writes: number; unknown: number }> } {
  const counts = { reads: 0, writes: 0, unknown: 0 };
  let running = true;
  const work = async (worker: number): Promise<void> => {
    const key = `load:${worker}`;
    let least = 0;
    for (let written = 1; running; written++) {
      try {
        await redis.set(key, written);
        least = written;
        counts.writes++;
      } catch (error) {
        assert.ok(error instanceof ConnectionLostError && error.outcome === "unknown", String(error));
        counts.unknown++;
      }
      const value = Number(await redis.get(key));
      assert.ok(value >= least && value <= written, `an acknowledged write was lost: ${value} of ${least}..${written}`);
      counts.reads++;
      await sleep(1);
    }
  };
  const all = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  const stop = async (): Promise<typeof counts> => {
    running = false;
    await all;
    return counts;
  };
  all.catch(() => undefined);
  return { stop };
}

test("R5: connections that the server kills under load are replaced, and no read fails", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  using raw = await connectRaw(server);
  const load = startLoad(redis, 20);
  for (let kills = 1; kills <= 5; kills++) {
    await until(() => statsOf(redis).total === 1);
    await sleep(20);
    assert.equal(await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"), 1);
    await until(() => statsOf(redis).closedBecause.lost === kills);
  }
  await until(() => statsOf(redis).total === 1);
  await sleep(50);
  const { reads, writes } = await load.stop();
  assert.ok(reads > 100 && writes > 100, `${reads} reads, ${writes} writes`);
  const { created, total } = statsOf(redis);
  assert.deepEqual({ created, total }, { created: 6, total: 1 });
});

test("R5: a connection that died while idle is never lent again", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url, { maxConnections: 4 });
  using raw = await connectRaw(server);
  const before = await leasedIds(pool, 4);
  assert.equal(pool.stats().idle, 4);
  await raw.command("CLIENT", "KILL", "ID", before[0] ?? 0);
  await raw.command("CLIENT", "KILL", "ID", before[2] ?? 0);
  await until(() => pool.stats().closedBecause.lost === 2);
  assert.equal(pool.stats().idle, 2);
  const after = await leasedIds(pool, 4);
  assert.equal(new Set(after).size, 4);
  assert.deepEqual(new Set(after.filter((id) => before.includes(id))), new Set([before[1], before[3]]));
});

test("R5: a connection that breaks while it is lent fails its borrower's commands and is not taken back", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url, { maxConnections: 1 });
  using raw = await connectRaw(server);
  const lease = await pool.lease();
  const id = await lease.client.id();
  await raw.command("CLIENT", "KILL", "ID", id);
  await until(() => pool.stats().total === 0);
  await assert.rejects(lease.get("k"), { code: "ERR_CONNECTION_LOST", outcome: "not-sent", reason: "lost" });
  lease.release();
  assert.notEqual(await pool.use((next) => next.client.id()), id);
  const { created, idle, total } = pool.stats();
  assert.deepEqual({ created, idle, total }, { created: 2, idle: 1, total: 1 });
});

test("R5: a server restart under load heals by itself: reads wait, nothing acknowledged is lost", async () => {
  await using server = await startServer({ config: { appendonly: "yes", appendfsync: "always" } });
  await using redis = new Redis(server.url, { reconnect: { minDelay: 5, maxDelay: 50 } });
  const load = startLoad(redis, 10);
  await sleep(150);
  await server.restart();
  await sleep(250);
  await server.kill();
  await sleep(100);
  await server.restart();
  await sleep(250);
  const { reads, unknown } = await load.stop();
  assert.ok(reads > 50);
  assert.ok(unknown <= 20, "at most what was in flight at each of the two ends");
  assert.equal(await redis.ping(), "PONG");
  const { total, connecting } = statsOf(redis);
  assert.deepEqual({ total, connecting }, { total: 1, connecting: 0 });
});

test("R5: a half-open link is detected by its silence and replaced, in either direction", async () => {
  await using server = await startServer();
  for (const direction of ["toClient", "toServer", "both"] as const) {
    await using proxy = await startProxy(server);
    const options = { host: proxy.host, port: proxy.port, socketTimeout: 100, connectTimeout: 100 };
    await using redis = new Redis({ ...options, reconnect: { minDelay: 5, maxDelay: 20 } });
    await redis.set("k", direction);
    proxy.blackhole(direction, true);
    const value = redis.get("k");
    await until(() => (statsOf(redis).closedBecause["socket-timeout"] ?? 0) >= 1);
    assert.equal(statsOf(redis).total, 0, "a dead connection is kept by nobody");
    proxy.blackhole(direction, false);
    assert.equal(await value, direction);
  }
});

test("R5: network cuts by FIN, by RST and in the middle of a reply heal, and capacity is back", async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, maxConnections: 5 });
  await using redis = new Redis({ pool });
  const large = "x".repeat(100_000);
  await redis.set("large", large);
  for (const cut of [
    () => proxy.cut(),
    () => proxy.cut({ reset: true }),
    () => proxy.cutAfterBytes("toClient", 50_000),
  ]) {
    await leasedIds(pool, 4);
    assert.equal(pool.stats().total, 5);
    const values = Array.from({ length: 10 }, () => redis.get("large"));
    cut();
    for (const value of await Promise.all(values)) assert.ok(value === large);
  }
  await leasedIds(pool, 4);
  assert.equal(pool.stats().total, 5);
});

test("R5: while the server is away commands fail with the reason or wait, and the next one after it works", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url, { reconnect: { minDelay: 5, maxDelay: 20 }, commandTimeout: 300 });
  await redis.ready();
  await server.kill();
  await until(() => statsOf(redis).total === 0); // until then a command might still be written, and its outcome be unknown
  for (let attempt = 0; attempt < 3; attempt++) {
    const error: unknown = await redis.incr("n").catch((reason: unknown) => reason);
    assert.ok(error instanceof RedisError);
    assert.deepEqual([error.code, error.outcome], ["ERR_COMMAND_TIMEOUT", "not-sent"]);
    assert.match(error.message, /connection refused/);
  }
  await server.restart();
  assert.equal(await redis.with({ timeout: 5000 }).incr("n"), 1, "what was refused did not run after all");
});
