import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type Gap, type Message, type Subscription } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

interface Kind {
  readonly name: string;
  subscribe(
    redis: Redis,
    prefix: string,
    listener: (message: Message) => void,
    onGap?: (gap: Gap) => void,
  ): Promise<Subscription>;
  publish(raw: RawClient, prefix: string, text: string): Promise<unknown>;
  expected(prefix: string, text: string): Message;
}

const kinds: readonly Kind[] = [
  {
    name: "plain",
    subscribe: (redis, prefix, listener, onGap) => redis.subscribe([`${prefix}:a`, `${prefix}:b`], listener, { onGap }),
    publish: (raw, prefix, text) => raw.command("PUBLISH", `${prefix}:b`, text),
    expected: (prefix, message) => ({ channel: `${prefix}:b`, message }),
  },
  {
    name: "pattern",
    subscribe: (redis, prefix, listener, onGap) => redis.psubscribe(`${prefix}:*`, listener, { onGap }),
    publish: (raw, prefix, text) => raw.command("PUBLISH", `${prefix}:x`, text),
    expected: (prefix, message) => ({ channel: `${prefix}:x`, message, pattern: `${prefix}:*` }),
  },
  {
    name: "sharded",
    subscribe: (redis, prefix, listener, onGap) => redis.ssubscribe(`${prefix}:s`, listener, { onGap }),
    publish: (raw, prefix, text) => raw.command("SPUBLISH", `${prefix}:s`, text),
    expected: (prefix, message) => ({ channel: `${prefix}:s`, message }),
  },
];

test("R10: plain, pattern and sharded messages arrive in order, in RESP2 and RESP3", async () => {
  for (const protocol of [2, 3] as const) {
    await using redis = new Redis(server().url, { protocol });
    using raw = await connectRaw(server());
    for (const kind of kinds) {
      const prefix = `r10:${protocol}:${kind.name}`;
      const got: Message[] = [];
      await using _subscription = await kind.subscribe(redis, prefix, (message) => void got.push(message));
      for (let index = 0; index < 100; index++) await kind.publish(raw, prefix, `m${index}`);
      await until(() => got.length === 100);
      assert.deepEqual(
        got,
        got.map((_, index) => kind.expected(prefix, `m${index}`)),
      );
    }
  }
});

test("R10: all subscriptions of a client are on one connection of their own, apart from its commands", async () => {
  await using redis = new Redis(server().url);
  using raw = await connectRaw(server());
  await redis.ready();
  const open: Subscription[] = [];
  for (const kind of kinds) open.push(await kind.subscribe(redis, "r10:own", () => undefined));
  const { lanes, subscribers, total } = statsOf(redis);
  assert.deepEqual({ lanes, subscribers, total }, { lanes: 1, subscribers: 1, total: 2 });
  const [subscriber, ...others] = (await raw.clients()).filter(({ sub, psub }) => Number(sub) + Number(psub) > 0);
  assert.ok(subscriber !== undefined && others.length === 0);
  assert.deepEqual([subscriber["sub"], subscriber["psub"], subscriber["ssub"]], ["2", "1", "1"]);
  for (const subscription of open) await subscription.close();
  await until(() => statsOf(redis).total === 1);
});

for (const kind of kinds) {
  test(`R10: a ${kind.name} subscription whose connection is killed is subscribed again by itself`, async () => {
    await using redis = new Redis(server().url, { reconnect: { minDelay: 1, maxDelay: 10 } });
    using raw = await connectRaw(server());
    const prefix = `r10:kill:${kind.name}`;
    const got: string[] = [];
    const gaps: Gap[] = [];
    await using subscription = await kind.subscribe(
      redis,
      prefix,
      ({ message }) => void got.push(message),
      (gap) => void gaps.push(gap),
    );
    for (let round = 1; round <= 3; round++) {
      await kind.publish(raw, prefix, `before ${round}`);
      await until(() => got.at(-1) === `before ${round}`);
      assert.equal(await raw.command("CLIENT", "KILL", "TYPE", "pubsub"), 1);
      await until(async () => (await kind.publish(raw, prefix, `after ${round}`)) === 1);
      await until(() => got.at(-1) === `after ${round}`);
      assert.equal(subscription.gaps, round);
    }
    assert.deepEqual(
      gaps.map(({ reason, cause }) => [reason, cause instanceof Error]),
      gaps.map(() => ["lost", true]),
    );
    assert.equal(gaps.length, 3);
    assert.equal(statsOf(redis).subscribers, 1);
  });
}

test("R10: after a server restart all kinds are subscribed again, the closed ones are not", async () => {
  await using own = await startServer();
  await using redis = new Redis(own.url, { reconnect: { minDelay: 1, maxDelay: 20 } });
  const got: string[] = [];
  const open: Subscription[] = [];
  for (const kind of kinds)
    open.push(await kind.subscribe(redis, `r10:${kind.name}`, ({ channel }) => void got.push(channel)));
  const closed = await redis.subscribe("r10:closed", () => undefined);
  await closed.close();
  await own.restart();
  using raw = await connectRaw(own);
  for (const [index, kind] of kinds.entries()) {
    await until(async () => (await kind.publish(raw, `r10:${kind.name}`, "x")) === 1);
    await until(() => got.includes(kind.expected(`r10:${kind.name}`, "x").channel));
    assert.equal(open[index]?.gaps, 1);
  }
  assert.equal(await raw.command("PUBLISH", "r10:closed", "x"), 0);
  assert.equal(closed.gaps, 0);
});

test("R10: messages can be iterated, keep their bytes, and end with the subscription", async () => {
  await using redis = new Redis(server().url);
  using raw = await connectRaw(server());
  const bytes = Buffer.from([0, 255, 13, 10]);
  await using subscription = await redis.buffers.subscribe("r10:iterate");
  for (let index = 0; index < 5; index++) await raw.command("PUBLISH", "r10:iterate", bytes);
  let count = 0;
  for await (const { message } of subscription) {
    assert.deepEqual(message, bytes);
    if (++count === 5) break;
  }
  assert.equal(subscription.isClosed, true);
  await until(async () => (await raw.command("PUBLISH", "r10:iterate", "x")) === 0);
});
