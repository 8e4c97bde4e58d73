import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { assertSumRule, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("R9: commands that can share one connection do, however many there are", async () => {
  await using redis = new Redis(server().url);
  const all = Array.from({ length: 3000 }, async (_, index) => {
    await redis.set(`r9:${index}`, index);
    assert.equal(await redis.get(`r9:${index}`), String(index));
    assert.equal(await redis.incr(`r9:n:${index}`), 1);
  });
  await Promise.all(all);
  const { created, lanes, acquired } = statsOf(redis);
  assert.deepEqual({ created, lanes, acquired }, { created: 1, lanes: 1, acquired: 0 });
});

test("R9: commands that need a connection of their own get one, by the same methods of the same client", async () => {
  await using redis = new Redis(server().url);
  using raw = await connectRaw(server());
  const pops = Array.from({ length: 7 }, (_, index) => redis.blpop(`r9:q:${index}`, 0));
  await using subscription = await redis.subscribe("r9:news", () => undefined);
  await redis.set("r9:k", "v");
  await until(() => statsOf(redis).leased === 7);
  assertSumRule(statsOf(redis), 50);
  const { lanes, subscribers, total } = statsOf(redis);
  assert.deepEqual({ lanes, subscribers, total }, { lanes: 1, subscribers: 1, total: 9 });
  assert.equal((await raw.clients()).length, 9);
  for (let index = 0; index < 7; index++) await redis.rpush(`r9:q:${index}`, index);
  assert.equal((await Promise.all(pops)).length, 7);
  await until(() => statsOf(redis).idle === 7);
  assert.equal(subscription.isClosed, false);
});

test("R9: the same command shares or leases as its arguments say", async () => {
  await using redis = new Redis(server().url);
  await redis.xadd("r9:s", "1-1", { f: "v" });
  await redis.xread({ "r9:s": "0" });
  await redis.xread({ "r9:s": "0" }, { count: 1 });
  assert.equal(statsOf(redis).acquired, 0);
  await redis.xread({ "r9:s": "0" }, { block: 10 });
  assert.equal(statsOf(redis).acquired, 1);
  await redis.call("XREAD", "BLOCK", 10, "STREAMS", "r9:s", 0);
  assert.equal(statsOf(redis).acquired, 2);
});

test("R9: what changes a session through the client never reaches the shared connection", async () => {
  await using redis = new Redis(server().url);
  using raw = await connectRaw(server());
  await redis.set("r9:home", "db 0");
  await redis.call("SELECT", 4);
  await redis.call("WATCH", "r9:home");
  await redis.call("MULTI");
  await redis.call("CLIENT", "NO-EVICT", "on").catch(() => undefined);
  assert.equal(await redis.get("r9:home"), "db 0");
  await raw.command("SET", "r9:home", "changed");
  assert.deepEqual(await redis.multi().get("r9:home").exec(), ["changed"], "no WATCH of somebody else");
  await until(() => statsOf(redis).leased + statsOf(redis).repairing === 0);
  assert.deepEqual([...new Set((await raw.clients()).map((client) => client["db"]))], ["0"]);
});

test("R9: leases and shared commands on one pool both get what they need", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 6 });
  await using redis = new Redis({ pool });
  const shared = Array.from({ length: 1000 }, () => redis.incr("r9:both"));
  const leased = Array.from({ length: 40 }, (_, index) =>
    pool.use(async (lease) => {
      await lease.select(index % 3);
      await lease.set(`r9:lease:${index}`, index);
      return lease.get(`r9:lease:${index}`);
    }),
  );
  assert.deepEqual(
    await Promise.all(leased),
    leased.map((_, index) => String(index)),
  );
  await Promise.all(shared);
  assert.equal(await redis.get("r9:both"), "1000");
  const { lanes, created } = pool.stats();
  assert.ok(lanes === 1 && created <= 6);
});

test("R9: with a single connection sharing and leasing take turns", async () => {
  await using redis = new Redis(server().url, { maxConnections: 1 });
  for (let round = 0; round < 20; round++) {
    const value = redis.set("r9:one", round);
    const raised = redis.transaction("r9:one", (tx) => tx.multi().incr("r9:one"));
    const after = redis.get("r9:one");
    await value;
    assert.deepEqual(await raised, [round + 1]);
    assert.match((await after) ?? "", /^\d+$/);
  }
  assert.equal(statsOf(redis).created, 1);
});
