import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

async function openAll(pool: ConnectionPool, count: number): Promise<void> {
  const leases = await Promise.all(Array.from({ length: count }, () => pool.lease()));
  for (const lease of leases) lease.release();
  assert.equal(pool.stats().total, count);
}

/** One borrower at a time, without a pause that would look like silence. */
async function lightLoad(pool: ConnectionPool, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    await pool.use((lease) => lease.ping());
    count++;
    await sleep(3);
  }
  return count;
}

for (const [name, healthCheckInterval] of [
  ["", 0],
  [" although the silent ones are checked for life", 60],
] as const) {
  test(`surplus connections shrink under steady light load${name}`, async () => {
    await using pool = new ConnectionPool({
      port: server().port,
      maxConnections: 12,
      idleTimeout: 250,
      healthCheckInterval,
    });
    await openAll(pool, 12);
    const stop = new AbortController();
    const load = lightLoad(pool, stop.signal);
    await until(() => pool.stats().total <= 2, { timeout: 6000 });
    stop.abort();
    assert.ok((await load) > 10, "there was load all the time");
    assert.ok((pool.stats().closedBecause.idle ?? 0) >= 10);
  });

  test(`surplus connections shrink in silence${name}, and minConnections are kept`, async () => {
    await using pool = new ConnectionPool({
      port: server().port,
      maxConnections: 8,
      minConnections: 3,
      idleTimeout: 200,
      healthCheckInterval,
    });
    await openAll(pool, 8);
    await until(() => pool.stats().total === 3, { timeout: 6000 });
    const samples: number[] = [];
    for (let i = 0; i < 20; i++) {
      samples.push(pool.stats().total);
      await sleep(25);
    }
    assert.deepEqual(new Set(samples), new Set([3]));
  });
}

test("the coldest connections are reaped by an active housekeeper, the ones in use stay", async () => {
  await using pool = new ConnectionPool({
    port: server().port,
    maxConnections: 6,
    idleTimeout: 250,
    healthCheckInterval: 0,
  });
  await openAll(pool, 6);
  const warm = await pool.use((lease) => lease.client.id());
  const stop = new AbortController();
  const load = lightLoad(pool, stop.signal);
  await until(() => pool.stats().total === 1, { timeout: 6000 });
  assert.equal(await pool.use((lease) => lease.client.id()), warm, "the connection in use is the one that stayed");
  stop.abort();
  await load;
  using raw = await connectRaw(server());
  assert.equal((await raw.clients()).filter((client) => client["lib-name"] !== undefined).length <= 1, true);
});

test("500 concurrent plain commands open one connection, not a hundred", async () => {
  await using redis = new Redis({ port: server().port, maxConnections: 100 });
  using raw = await connectRaw(server());
  const before = Number((await raw.info("stats"))["total_connections_received"]);
  const replies = await Promise.all(Array.from({ length: 500 }, (_, i) => redis.echo(`e${i}`)));
  assert.deepEqual(
    replies,
    Array.from({ length: 500 }, (_, i) => `e${i}`),
  );
  assert.equal(Number((await raw.info("stats"))["total_connections_received"]) - before, 1);
});
