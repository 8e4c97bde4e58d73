import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

/** What keeps the process alive of the kinds that a client makes, beyond what was there before. */
function leftovers(before: readonly string[]): string[] {
  const rest = process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|TLS|Pipe/.test(kind));
  for (const kind of before) {
    const index = rest.indexOf(kind);
    if (index >= 0) rest.splice(index, 1);
  }
  return rest;
}

const resources = (): string[] => process.getActiveResourcesInfo();

test("closing a pool that was never used, closing twice and destroying after it are harmless", async () => {
  const pool = new ConnectionPool(server().url);
  await pool.close();
  await Promise.all([pool.close(), pool.close()]);
  pool.destroy();
  await assert.rejects(pool.lease(), { code: "ERR_CLOSED", outcome: "not-sent" });
});

test("close lets what is in flight and what is leased come to its end, and refuses those who wait", async () => {
  const before = resources();
  const pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  const lease = await pool.lease();
  const waiting = pool.lease();
  const closed = pool.close();
  await assert.rejects(waiting, { code: "ERR_CLOSED", outcome: "not-sent" });
  assert.equal(await lease.echo("still here"), "still here");
  lease.release();
  await closed;
  assert.equal(pool.stats().total, 0);
  await until(() => leftovers(before).length === 0, { what: "no timer and no socket is left" });
});

test("close ends a lease that is not given back in time; its commands fail and its release is harmless", async () => {
  const pool = new ConnectionPool(server().url);
  const lease = await pool.lease();
  const blocked = lease.blpop("close:none", 0);
  const begin = performance.now();
  await Promise.all([pool.close({ timeout: 100 }), assert.rejects(blocked, { outcome: "unknown" })]);
  assert.ok(performance.now() - begin < 2000);
  await assert.rejects(lease.ping(), { code: "ERR_CONNECTION_LOST", outcome: "not-sent" });
  lease.release();
  assert.deepEqual([pool.stats().total, pool.stats().closedBecause.closed], [0, 1]);
});

test("destroy ends a close that waits", async () => {
  const pool = new ConnectionPool(server().url);
  await pool.lease();
  const closed = pool.close({ timeout: 60_000 });
  await sleep(20);
  pool.destroy();
  await closed;
  assert.equal(pool.stats().total, 0);
});

test("close and destroy end connections that are still being made, and give their permits back", async () => {
  await using silent = await startScriptedServer(() => null);
  for (const how of ["close", "destroy"] as const) {
    const before = resources();
    const redis = new Redis({ port: silent.port, connectTimeout: 30_000 });
    const command = redis.get("k");
    const failed = assert.rejects(command, { code: "ERR_CLOSED", outcome: "not-sent" });
    await until(() => silent.connections.size > 0);
    if (how === "close") await redis.close({ timeout: 50 });
    else redis.destroy();
    await failed;
    await until(() => silent.connections.size === 0);
    const [stats] = Object.values(redis.stats().nodes);
    assert.deepEqual([stats?.total, stats?.connecting, stats?.inFlight], [0, 0, 0]);
    await until(() => leftovers(before).length === 0, { what: `no timer and no socket is left after ${how}` });
  }
});

test("every promise settles when a client is destroyed under load, and says whether its command may have run", async () => {
  await using proxy = await startProxy(server());
  const redis = new Redis({ host: proxy.host, port: proxy.port, maxConnections: 4 });
  await redis.ping();
  proxy.blackhole("toClient", true);
  const written = redis.incr("close:n");
  await sleep(30);
  const queued = redis.incr("close:n");
  const blocked = [1, 2, 3, 4, 5].map(() => redis.blpop("close:none", 0));
  const subscribed = redis.subscribe("close:channel");
  redis.destroy();
  const late = redis.get("k");
  await assert.rejects(written, { outcome: "unknown" });
  await assert.rejects(queued, { outcome: "not-sent" });
  await assert.rejects(late, { code: "ERR_CLOSED", outcome: "not-sent" });
  await assert.rejects(subscribed, { outcome: "not-sent" });
  for (const each of await Promise.allSettled(blocked)) assert.equal(each.status, "rejected");
});
