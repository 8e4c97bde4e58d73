import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { assertSumRule, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("a lane that is too old is replaced before it ends: no command waits for its successor", async () => {
  await using redis = new Redis({ port: server().port, maxLifetime: 200, healthCheckInterval: 0 });
  await redis.set("lifetime:k", "v");
  const ids = new Set<number>();
  while ((statsOf(redis).closedBecause.lifetime ?? 0) < 3) {
    const replies = redis.pipeline().get("lifetime:k").exec();
    assert.ok(statsOf(redis).lanes >= 1, "a moment without a lane");
    assertSumRule(statsOf(redis), 50);
    assert.deepEqual(await replies, ["v"]);
    ids.add(Number(await redis.client.id()));
    await nextTurn();
  }
  assert.ok(ids.size >= 3);
  assert.deepEqual(Object.keys(statsOf(redis).closedBecause), ["lifetime"]);
});

test("with a single connection the lane is replaced, too, and nothing is lost", async () => {
  await using redis = new Redis({ port: server().port, maxLifetime: 150, maxConnections: 1, healthCheckInterval: 0 });
  let count = 0;
  await redis.del("lifetime:n");
  while ((statsOf(redis).closedBecause.lifetime ?? 0) < 3) {
    count++;
    assert.equal(await redis.incr("lifetime:n"), count);
    assertSumRule(statsOf(redis), 1);
    await nextTurn();
  }
});

test("a lease that is too old when it comes back is not lent again", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxLifetime: 100, maxConnections: 1 });
  const lease = await pool.lease();
  const first = await lease.client.id();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(await lease.client.id(), first, "nobody takes a connection from its borrower");
  lease.release();
  assert.notEqual(await pool.use((next) => next.client.id()), first);
  assert.ok((pool.stats().closedBecause.lifetime ?? 0) >= 1);
});

test("connections that were opened together do not all end together", async () => {
  await using pool = new ConnectionPool({
    port: server().port,
    maxLifetime: 1500,
    healthCheckInterval: 40,
    maxConnections: 20,
  });
  const leases = await Promise.all(Array.from({ length: 20 }, () => pool.lease()));
  for (const lease of leases) lease.release();
  const steps = new Set<number>();
  await until(() => steps.add(pool.stats().total) && pool.stats().total === 0, { interval: 1 });
  assert.ok(steps.size > 5, `the totals were ${[...steps].join(" ")}`);
});
