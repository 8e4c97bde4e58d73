import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { SimulatedWorld } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();
const directions = ["both", "toServer", "toClient"] as const;

for (const direction of directions) {
  test(`on a half-open link (${direction} dead) commands fail, the connection is replaced, and the next ones succeed`, async () => {
    await using proxy = await startProxy({ port: server().port });
    await using redis = new Redis({
      host: proxy.host,
      port: proxy.port,
      socketTimeout: 600,
      commandTimeout: 3000,
      reconnect: { minDelay: 10, maxDelay: 50 },
    });
    await redis.set("k", "v");
    proxy.blackhole(direction, true);
    const failed = await redis.incr("n").then(
      () => assert.fail("there was nobody to answer"),
      (error) => error,
    );
    assert.deepEqual(
      [failed.code, failed.outcome, failed.reason],
      ["ERR_CONNECTION_LOST", "unknown", "socket-timeout"],
    );
    assert.equal(statsOf(redis).closedBecause["socket-timeout"], 1);
    // A read is sent again by itself, and succeeds as soon as the link lets a new connection through.
    const reading = redis.get("k");
    proxy.blackhole(direction, false);
    assert.equal(await reading, "v");
    await until(() => proxy.connections === 1);
  });
}

test("commands whose own deadline is shorter time out first, and the connection is replaced all the same", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ host: proxy.host, port: proxy.port, socketTimeout: 600 });
  await redis.ping();
  proxy.blackhole("both", true);
  await assert.rejects(redis.with({ timeout: 100 }).get("k"), { code: "ERR_COMMAND_TIMEOUT", outcome: "unknown" });
  await until(() => statsOf(redis).closedBecause["socket-timeout"] === 1, { timeout: 3000 });
  proxy.blackhole("both", false);
});

test("steady traffic into a dead link does not put the discovery off", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ host: proxy.host, port: proxy.port, socketTimeout: 600 });
  await redis.ping();
  proxy.blackhole("toClient", true);
  const impatient = redis.with({ timeout: 200 });
  const traffic = setInterval(() => void impatient.get("k").catch(() => null), 10);
  try {
    await until(() => (statsOf(redis).closedBecause["socket-timeout"] ?? 0) >= 1, { timeout: 4000 });
  } finally {
    clearInterval(traffic);
    proxy.blackhole("toClient", false);
  }
});

test("a lease on a half-open link fails its command, and the pool gives a working connection next", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using pool = new ConnectionPool({
    host: proxy.host,
    port: proxy.port,
    maxConnections: 1,
    socketTimeout: 600,
    acquireTimeout: 4000,
    reconnect: { minDelay: 10, maxDelay: 50 },
  });
  const lease = await pool.lease();
  proxy.blackhole("both", true);
  await assert.rejects(lease.get("k"), { code: "ERR_CONNECTION_LOST", reason: "socket-timeout" });
  proxy.blackhole("both", false);
  lease.release();
  assert.equal(await pool.use((next) => next.echo("works")), "works");
});

test("an idle connection on a dead link is found by its health check, before anybody borrows it", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using pool = new ConnectionPool({
    host: proxy.host,
    port: proxy.port,
    maxConnections: 2,
    socketTimeout: 500,
    healthCheckInterval: 100,
  });
  await pool.use((lease) => lease.ping());
  proxy.blackhole("toServer", true);
  await until(() => pool.stats().total === 0, { timeout: 4000 });
  const { closedBecause } = pool.stats();
  assert.equal((closedBecause.health ?? 0) + (closedBecause["socket-timeout"] ?? 0), 1);
  proxy.blackhole("toServer", false);
});

test("a server that is slow but alive is not taken for dead", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ host: proxy.host, port: proxy.port, socketTimeout: 1500 });
  await redis.ping();
  proxy.delay(400);
  assert.deepEqual(await Promise.all([redis.echo("a"), redis.blpop("nothing", 1), redis.echo("b")]), ["a", null, "b"]);
  assert.deepEqual(statsOf(redis).closedBecause, {});
});

test("the silence before a command is not held against its connection", async () => {
  const world = new SimulatedWorld(1);
  const simulated = world.startServer("simulated:6379");
  const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, socketTimeout: 200 });
  const redis = new Redis({ pool });
  let done = 0;
  for (let round = 1; round <= 3; round++) {
    void redis.ping().then(() => done++);
    await world.pass(1000); // nothing is due for far longer than socketTimeout
    simulated.pause();
    void redis.incr("n").then(() => done++);
    await world.pass(150);
    simulated.resume();
    await world.pass(10);
    assert.equal(done, 2 * round);
  }
  assert.deepEqual(pool.stats().closedBecause, {});
  pool.destroy();
});

test("where all links are dead, the silence of one ends the idle ones, too, and a fresh connection is used next", async () => {
  const world = new SimulatedWorld(1);
  world.startServer("simulated:6379");
  const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, socketTimeout: 500 });
  const redis = new Redis({ pool });
  await world.run(async () => {
    await redis.get("key");
    const leases = await Promise.all(Array.from({ length: 6 }, () => pool.lease()));
    for (const lease of leases) lease.release();
  });
  await world.pass(1000);
  for (const link of world.network.links) link.hold("both", true);
  const began = world.timeline.now();
  assert.equal(await world.run(() => redis.get("key")), null);
  const took = world.timeline.now() - began;
  assert.ok(took < 700, `${took} ms`);
  assert.equal(pool.stats().closedBecause["socket-timeout"], 7);
  pool.destroy();
});
