import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";

const server = sharedServer();

async function accepted(raw: RawClient): Promise<number> {
  return Number((await raw.info("stats"))["total_connections_received"]);
}

test("R1: all users of one client, views of it included, share its connection", async () => {
  using raw = await connectRaw(server());
  const before = await accepted(raw);
  await using redis = new Redis(server().url);
  const users = [redis, redis.with({ timeout: 1000 }), redis.with({ retry: false })];
  for (let round = 0; round < 20; round++) {
    for (const [index, user] of users.entries()) await user.set(`r1:${index}`, round);
    assert.equal(await redis.get("r1:0"), String(round));
    assert.deepEqual(await redis.buffers.get("r1:1"), Buffer.from(String(round)));
    assert.deepEqual(await redis.pipeline().get("r1:0").get("r1:1").exec(), [String(round), String(round)]);
    assert.deepEqual(await redis.multi().get("r1:2").exec(), [String(round)]);
  }
  assert.equal((await accepted(raw)) - before, 1);
});

test("R1: clients on one pool share its connections, and closing one leaves the pool to the others", async () => {
  using raw = await connectRaw(server());
  const before = await accepted(raw);
  await using pool = new ConnectionPool(server().url);
  const clients = Array.from({ length: 5 }, () => new Redis({ pool }));
  await Promise.all(clients.map((redis, index) => redis.set(`r1:client:${index}`, index)));
  await clients[0]?.close();
  await assert.rejects(clients[0]?.get("r1:client:0") ?? Promise.resolve(), {
    code: "ERR_CLOSED",
    outcome: "not-sent",
  });
  for (const [index, redis] of clients.entries())
    if (index > 0) assert.equal(await redis.get(`r1:client:${index}`), String(index));
  assert.equal((await accepted(raw)) - before, 1);
  assert.equal(pool.stats().lanes, 1);
});

test("R1: no operation of any kind opens a connection of its own", async () => {
  using raw = await connectRaw(server());
  await using redis = new Redis(server().url);
  const script = redis.defineScript<string>("return redis.call('GET', KEYS[1])", { keys: 1 });
  await redis.subscribe("r1:news", () => undefined);
  const everything = async (): Promise<void> => {
    await redis.set("r1:k", 1);
    await redis.call("APPEND", "r1:log", "x");
    await redis.pipeline().get("r1:k").incr("r1:n").exec();
    await redis.multi().get("r1:k").exec();
    await redis.transaction("r1:k", (tx) => tx.multi().incr("r1:k"));
    await script("r1:k");
    for await (const key of redis.scanIterator({ match: "r1:*" })) assert.ok(key.startsWith("r1:"));
    await redis.rpush("r1:q", "job");
    assert.deepEqual(await redis.blpop("r1:q", 1), ["r1:q", "job"]);
    await redis.publish("r1:news", "x");
    const more = await redis.subscribe("r1:more", () => undefined);
    await more.close();
  };
  await everything();
  const before = await accepted(raw);
  for (let round = 0; round < 20; round++) await everything();
  assert.equal(await accepted(raw), before);
  // One that is shared, one that was leased, one that is subscribed.
  const { total, lanes, idle, subscribers, created } = statsOf(redis);
  assert.deepEqual(
    { total, lanes, idle, subscribers, created },
    { total: 3, lanes: 1, idle: 1, subscribers: 1, created: 3 },
  );
});
