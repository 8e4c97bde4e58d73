import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { assertSumRule, leasedIds, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

async function accepted(raw: RawClient): Promise<number> {
  return Number((await raw.info("stats"))["total_connections_received"]);
}

async function withServer(work: (server: TestServer, raw: RawClient) => Promise<void>): Promise<void> {
  await using server = await startServer();
  using raw = await connectRaw(server);
  await work(server, raw);
}

test("R2: making a client or a pool opens nothing, the first command opens one connection", async () => {
  await withServer(async (server, raw) => {
    const before = await accepted(raw);
    await using redis = new Redis(server.url);
    await using pool = new ConnectionPool(server.url);
    await sleep(50);
    assert.equal(await accepted(raw), before);
    assert.equal(statsOf(redis).created + statsOf(redis).connecting, 0);
    await redis.set("k", "v");
    assert.equal(await accepted(raw), before + 1);
    await pool.use((lease) => lease.get("k"));
    assert.equal(await accepted(raw), before + 2);
  });
});

test("R2: 500 concurrent GETs on a fresh client open one connection", async () => {
  await withServer(async (server, raw) => {
    for (let index = 0; index < 500; index++) await raw.command("SET", `k${index}`, index);
    const before = await accepted(raw);
    await using redis = new Redis(server.url);
    const values = await Promise.all(Array.from({ length: 500 }, (_, index) => redis.get(`k${index}`)));
    assert.deepEqual(
      values,
      Array.from({ length: 500 }, (_, index) => String(index)),
    );
    assert.equal(await accepted(raw), before + 1);
    assert.equal(statsOf(redis).created, 1);
  });
});

test("R2: a pool opens as many connections as are leased at once, and not one more", async () => {
  await withServer(async (server, raw) => {
    await using pool = new ConnectionPool(server.url, { maxConnections: 10 });
    assert.equal(new Set(await leasedIds(pool, 4)).size, 4);
    assert.equal(pool.stats().created, 4);
    assert.equal(new Set(await leasedIds(pool, 3)).size, 3);
    assert.equal((await raw.clients()).length, 4);
  });
});

test("R2: every one of maxConnections can be leased, and the server never sees more", async () => {
  await withServer(async (server, raw) => {
    await using pool = new ConnectionPool(server.url, { maxConnections: 5 });
    const leases = await Promise.all(Array.from({ length: 5 }, () => pool.lease()));
    assert.equal(new Set(await Promise.all(leases.map((lease) => lease.client.id()))).size, 5);
    const waiting = Array.from({ length: 20 }, () => pool.use((lease) => lease.ping()));
    await sleep(30);
    assert.equal((await raw.clients()).length, 5);
    assertSumRule(pool.stats(), 5);
    for (const lease of leases) lease.release();
    assert.deepEqual(
      await Promise.all(waiting),
      Array.from({ length: 20 }, () => "PONG"),
    );
    assert.equal(pool.stats().created, 5);
  });
});

test("R2: minConnections are opened at once, kept although idle, and made good when they are lost", async () => {
  await withServer(async (server, raw) => {
    await using redis = new Redis(server.url, { minConnections: 3, idleTimeout: 40 });
    await until(() => statsOf(redis).total === 3);
    assert.equal((await raw.clients()).length, 3);
    await sleep(150);
    assert.equal(statsOf(redis).total, 3);
    const killed = await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    assert.equal(killed, 3);
    await until(async () => statsOf(redis).created === 6 && (await raw.clients()).length === 3);
  });
});

test("R2: connections beyond minConnections are closed when they were idle for idleTimeout", async () => {
  await withServer(async (server, raw) => {
    await using pool = new ConnectionPool(server.url, { minConnections: 1, idleTimeout: 60 });
    await leasedIds(pool, 6);
    await until(() => pool.stats().total === 1);
    assert.equal(pool.stats().closedBecause.idle, 5);
    await until(async () => (await raw.clients()).length === 1);
  });
});
