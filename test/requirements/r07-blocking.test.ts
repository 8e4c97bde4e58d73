import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

type Words = (string | number)[];

interface Blocking {
  /** Blocks for at most so many seconds; 0 for ever. */
  start(redis: Redis, key: string, seconds: number): Promise<unknown>;
  /** What lets it go on. */
  feed(key: string): Words;
  reply(key: string): unknown;
}

const push = (key: string): Words => ["RPUSH", key, "v"];
const add = (key: string): Words => ["ZADD", key, 1, "v"];
const append = (key: string): Words => ["XADD", key, "1-1", "f", "v"];

/** Every command of a 7.0 server that blocks, but for WAIT, which has nothing to wait for here. */
const blocking: Record<string, Blocking> = {
  BLPOP: { start: (redis, key, s) => redis.blpop(key, s), feed: push, reply: (key) => [key, "v"] },
  BRPOP: { start: (redis, key, s) => redis.brpop([key, `${key}:2`], s), feed: push, reply: (key) => [key, "v"] },
  BLMOVE: {
    start: (redis, key, s) => redis.blmove(key, `${key}:to`, "LEFT", "RIGHT", s),
    feed: push,
    reply: () => "v",
  },
  BRPOPLPUSH: { start: (redis, key, s) => redis.brpoplpush(key, `${key}:to`, s), feed: push, reply: () => "v" },
  BLMPOP: { start: (redis, key, s) => redis.blmpop(s, key, "LEFT"), feed: push, reply: (key) => [key, ["v"]] },
  BZPOPMIN: { start: (redis, key, s) => redis.bzpopmin(key, s), feed: add, reply: (key) => [key, "v", 1] },
  BZPOPMAX: { start: (redis, key, s) => redis.bzpopmax(key, s), feed: add, reply: (key) => [key, "v", 1] },
  BZMPOP: { start: (redis, key, s) => redis.bzmpop(s, key, "MIN"), feed: add, reply: (key) => [key, [["v", 1]]] },
  "XREAD BLOCK": {
    start: (redis, key, s) => redis.xread({ [key]: "$" }, { block: s * 1000 }),
    feed: append,
    reply: (key) => ({ [key]: [{ id: "1-1", fields: { f: "v" } }] }),
  },
  "XREADGROUP BLOCK": {
    start: (redis, key, s) => redis.xreadgroup("group", "consumer", { [key]: ">" }, { block: s * 1000 }),
    feed: append,
    reply: (key) => ({ [key]: [{ id: "1-1", fields: { f: "v" } }] }),
  },
  "call BLPOP": { start: (redis, key, s) => redis.call("BLPOP", key, s), feed: push, reply: (key) => [key, "v"] },
};

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)); // maps come without a prototype
}

async function prepared(raw: RawClient, prefix: string): Promise<[string, string, Blocking][]> {
  const all = Object.entries(blocking).map(([name, each]): [string, string, Blocking] => [
    name,
    `${prefix}:${name}`,
    each,
  ]);
  for (const [name, key] of all)
    if (name === "XREADGROUP BLOCK") await raw.command("XGROUP", "CREATE", key, "group", "$", "MKSTREAM");
  return all;
}

async function assertOthersFlow(redis: Redis): Promise<void> {
  await redis.set("r7:free", "v");
  const values = await Promise.all(Array.from({ length: 1000 }, () => redis.get("r7:free")));
  assert.ok(values.every((value) => value === "v"));
}

test("R7: while every blocking command blocks at once, nobody else is stalled, and each gets what is its own", async () => {
  for (const protocol of [2, 3] as const) {
    using raw = await connectRaw(server());
    await using redis = new Redis(server().url, { protocol });
    const all = await prepared(raw, `r7:all:${protocol}`);
    const replies = all.map(([, key, each]) => each.start(redis, key, 0));
    await until(async () => (await raw.info("clients"))["blocked_clients"] === String(all.length));
    await assertOthersFlow(redis);
    assert.equal(statsOf(redis).leased, all.length);
    for (const [, key, each] of all) await raw.command(...each.feed(key));
    for (const [index, [name, key, each]] of all.entries())
      assert.deepEqual(plain(await replies[index]), each.reply(key), `${name}, RESP${protocol}`);
    await until(() => statsOf(redis).leased === 0);
    const { lanes, idle } = statsOf(redis);
    assert.deepEqual({ lanes, idle }, { lanes: 1, idle: all.length });
  }
});

test("R7: each of them ends with null when its own time is over, although commandTimeout is shorter", async () => {
  using raw = await connectRaw(server());
  await using redis = new Redis(server().url, { commandTimeout: 400, socketTimeout: 400 });
  const all = await prepared(raw, "r7:null");
  const replies = all.map(([, key, each]) => each.start(redis, key, 0.6));
  await assertOthersFlow(redis);
  assert.deepEqual(
    await Promise.all(replies),
    all.map(() => null),
  );
});

test("R7: WAIT holds nobody up", async () => {
  using raw = await connectRaw(server());
  await using redis = new Redis(server().url);
  const waits = Array.from({ length: 5 }, () => redis.wait(1, 300));
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "5");
  await assertOthersFlow(redis);
  assert.equal((await raw.info("clients"))["blocked_clients"], "5");
  assert.deepEqual(await Promise.all(waits), [0, 0, 0, 0, 0]);
});

test("R7: a pipeline with a blocking command blocks alone, a MULTI with one does not block", async () => {
  using raw = await connectRaw(server());
  await using redis = new Redis(server().url);
  const pipeline = redis.pipeline().set("r7:p", 1).blpop("r7:pq", 0).get("r7:p").exec();
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "1");
  await assertOthersFlow(redis);
  await raw.command("RPUSH", "r7:pq", "v");
  assert.deepEqual(await pipeline, ["OK", ["r7:pq", "v"], "1"]);
  assert.deepEqual(await redis.multi().blpop("r7:mq", 0).get("r7:p").exec(), [null, "1"]);
});

test("R7: more blocked commands than connections stall nobody, whoever came first", async () => {
  for (const minConnections of [0, 4]) {
    await using redis = new Redis(server().url, { maxConnections: 4, minConnections, acquireTimeout: Infinity });
    using raw = await connectRaw(server());
    await until(() => statsOf(redis).total === minConnections);
    const pops = Array.from({ length: 30 }, (_, index) => redis.blpop(`r7:many:${index}`, 0));
    await until(() => statsOf(redis).leased === 3);
    await assertOthersFlow(redis);
    assert.ok(statsOf(redis).waiting >= 20);
    for (let index = 0; index < 30; index++) await raw.command("RPUSH", `r7:many:${index}`, index);
    assert.deepEqual(
      await Promise.all(pops),
      pops.map((_, index) => [`r7:many:${index}`, String(index)]),
    );
  }
});

test("R7: an aborted pop that the server had served already still gives its element: no job is lost", async () => {
  using raw = await connectRaw(server());
  await using redis = new Redis(server().url);
  let popped = 0;
  for (let round = 0; round < 60; round++) {
    const stop = new AbortController();
    const pop = redis.with({ signal: stop.signal }).blpop("r7:jobs", 0);
    await until(async () => (await raw.info("clients"))["blocked_clients"] === "1", { interval: 1 });
    const pushed = raw.command("RPUSH", "r7:jobs", round);
    if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error("stopped"));
    const job = await pop.catch((error: unknown) => assert.equal((error as Error).message, "stopped"));
    await pushed;
    if (Array.isArray(job)) popped++;
    else assert.equal(await raw.command("LPOP", "r7:jobs"), String(round), "who got nothing left it in the list");
  }
  assert.ok(popped > 0);
  assert.equal(await raw.command("LLEN", "r7:jobs"), 0);
});

test("R7: a command that blocks on a lease blocks its borrower only", async () => {
  await using pool = new ConnectionPool(server().url);
  await using redis = new Redis({ pool });
  using raw = await connectRaw(server());
  const popped = pool.use((lease) => lease.blpop("r7:lease", 0));
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "1");
  await assertOthersFlow(redis);
  await redis.rpush("r7:lease", "v");
  assert.deepEqual(await popped, ["r7:lease", "v"]);
});
