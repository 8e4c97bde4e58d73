import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis, type Lease } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

async function leaseAll(pool: ConnectionPool, count: number): Promise<Lease[]> {
  return Promise.all(Array.from({ length: count }, () => pool.lease()));
}

test("connections killed while idle are never lent", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 5, acquireTimeout: 4000 });
  using raw = await connectRaw(server());
  for (let round = 0; round < 5; round++) {
    const leases = await leaseAll(pool, 5);
    for (const lease of leases) lease.release();
    await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(() => pool.stats().total === 0);
    const again = await leaseAll(pool, 5);
    assert.deepEqual(await Promise.all(again.map((lease) => lease.echo("alive"))), Array(5).fill("alive"));
    for (const lease of again) lease.release();
  }
  assert.equal(pool.stats().closedBecause.lost, 25);
});

test("connections killed while lent fail their borrower, and are gone when they are given back", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 3, acquireTimeout: 4000 });
  using raw = await connectRaw(server());
  const leases = await leaseAll(pool, 3);
  await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until(() => pool.stats().total === 0);
  for (const lease of leases) {
    await assert.rejects(lease.get("k"), { code: "ERR_CONNECTION_LOST", outcome: "not-sent" });
    lease.release();
  }
  const again = await leaseAll(pool, 3);
  await Promise.all(again.map((lease) => lease.ping()));
  for (const lease of again) lease.release();
});

test("the pool heals after a restart of the server, to its former capacity", async () => {
  await using own = await startServer();
  await using pool = new ConnectionPool({
    port: own.port,
    maxConnections: 4,
    acquireTimeout: 8000,
    reconnect: { maxDelay: 100 },
  });
  for (const lease of await leaseAll(pool, 4)) lease.release();
  await own.restart();
  const again = await leaseAll(pool, 4);
  assert.deepEqual(await Promise.all(again.map((lease) => lease.echo("back"))), Array(4).fill("back"));
  for (const lease of again) lease.release();
  assert.equal(pool.stats().idle, 4);
});

test("the pool heals when the server was away, whether somebody waited or not", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ host: "127.0.0.1", port: proxy.port, reconnect: { minDelay: 10, maxDelay: 100 } });
  await redis.set("k", "v");
  for (const somebodyWaits of [true, false]) {
    await proxy.refuse(true);
    proxy.cut({ reset: true });
    const waiting = somebodyWaits ? redis.get("k") : Promise.resolve("v");
    await until(() => redis.stats().nodes[`127.0.0.1:${proxy.port}`]?.total === 0);
    await proxy.refuse(false);
    assert.equal(await waiting, "v");
    assert.equal(await redis.get("k"), "v");
  }
});

test("connections dropped at once by the other side are not dialled again in a hot loop", async () => {
  await using proxy = await startProxy({ port: 1 }); // accepts, and has nobody behind it
  await using pool = new ConnectionPool({
    host: "127.0.0.1",
    port: proxy.port,
    maxConnections: 10,
    reconnect: { minDelay: 50, maxDelay: 200 },
  });
  await assert.rejects(pool.lease({ timeout: 800 }), { code: "ERR_POOL_TIMEOUT" });
  assert.ok(proxy.accepted >= 2, "it went on trying");
  assert.ok(proxy.accepted <= 20, `${proxy.accepted} attempts in 800 ms`);
});
