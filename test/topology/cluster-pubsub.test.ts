import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { clusterCore } from "../../src/client/core.ts";
import { Subscriptions } from "../../src/client/subscriptions.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { Redis, type Gap } from "../../src/index.ts";
import { startCluster, type ClusterNode, type TestCluster } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";
import { ask, channelOn, channelsOf, PATIENCE, Publisher, subscribers, threePrimaries } from "./subscribers.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({ nodeTimeout: 1500, config: { "cluster-allow-replica-migration": "no" } });
});
after(() => cluster.stop());

/** Each message that a node gave to the subscriber came once and in order, and no other. */
function assertAllCame(publisher: Publisher, got: readonly number[]): void {
  assert.deepEqual(
    got,
    publisher.takers.flatMap((takers, number) => (takers > 0 ? [number] : [])),
  );
}

for (const protocol of [2, 3] as const) {
  describe(`Pub/Sub in a cluster, RESP${protocol}`, () => {
    test("plain, pattern and sharded messages come, over one connection for each node that is needed", async () => {
      const clientName = `all:${protocol}`;
      await using redis = Redis.cluster(cluster.urls, { protocol, clientName });
      const channels = channelsOf(`all:${protocol}`, 30);
      const got: string[] = [];
      await redis.subscribe(["plain:a", "plain:b"], ({ channel, message }) => got.push(`${channel} ${message}`));
      await redis.psubscribe("pattern:*", ({ channel, pattern }) => got.push(`${pattern} ${channel}`));
      await using sharded = await redis.ssubscribe(channels, ({ channel, message }) =>
        got.push(`${channel} ${message}`),
      );
      const connections = await subscribers(cluster, clientName);
      assert.equal(connections.length, 3);
      assert.deepEqual(
        new Set(connections.map(({ node }) => node.port)),
        new Set((await cluster.primaries()).map(({ port }) => port)),
      );
      assert.equal(
        connections.reduce((sum, { ssub }) => sum + ssub, 0),
        30,
      );
      assert.equal(
        connections.reduce((sum, { sub }) => sum + sub, 0),
        2,
      );

      await redis.publish("plain:b", "1");
      await redis.publish("pattern:x", "2");
      for (const channel of channels) assert.equal(await redis.spublish(channel, "3"), 1);
      await until(() => got.length === 32);
      assert.deepEqual(
        got.slice().sort(),
        ["plain:b 1", "pattern:* pattern:x", ...channels.map((channel) => `${channel} 3`)].sort(),
      );
      await sharded.close();
      await until(async () => (await subscribers(cluster, clientName)).length === 1);
      assert.equal(sharded.gaps, 0);
    });

    test("a slot that moves takes its channel along, a gap is told, and what is published then comes once", async () => {
      const clientName = `move:${protocol}`;
      const [from, to] = await threePrimaries(cluster);
      const moving = await channelOn(cluster, from, `moving:${protocol}`);
      const staying = await channelOn(cluster, from, `staying:${protocol}`);
      await using redis = Redis.cluster(cluster.urls, { protocol, clientName });
      await using other = Redis.cluster(cluster.urls);
      const got: number[] = [];
      const stayed: number[] = [];
      const gaps: Gap[] = [];
      const onGap = (gap: Gap): void => void gaps.push(gap);
      await redis.ssubscribe(moving, ({ message }) => got.push(Number(message)), { onGap });
      const still = await redis.ssubscribe(staying, ({ message }) => stayed.push(Number(message)));
      const publishers = [moving, staying].map((name) => new Publisher((text) => other.spublish(name, text)));
      const [first, second] = publishers as [Publisher, Publisher];
      await first.taken(20);

      const move = cluster.moveSlots(slotOf(moving), from, to);
      await move.begin();
      await first.taken(20);
      assert.deepEqual(gaps, []);
      await move.finish();
      await first.taken(50);
      assert.deepEqual(
        gaps.map(({ reason, cause }) => [reason, cause]),
        [["moved", null]],
      );
      // And back, where its neighbour has stayed.
      await cluster.moveSlots(slotOf(moving), to, from).run();
      await first.taken(50);
      assert.equal(gaps.length, 2);
      await Promise.all(publishers.map((publisher) => publisher.stop()));
      await until(() => got.at(-1) === first.takers.length - 1 && stayed.at(-1) === second.takers.length - 1);
      assertAllCame(first, got);
      assertAllCame(second, stayed);
      assert.equal(still.gaps, 0);
      assert.deepEqual(
        (await subscribers(cluster, clientName)).map(({ node, ssub }) => [node.port, ssub]),
        [[from.port, 2]],
      );
    });

    test("a subscribe by a map that is out of date follows MOVED, without a gap", async () => {
      const [from, to] = await threePrimaries(cluster);
      const channel = await channelOn(cluster, from, `stale:${protocol}`);
      await using redis = Redis.cluster(cluster.urls, { protocol, refreshInterval: 0 });
      await redis.ready();
      await cluster.moveSlots(slotOf(channel), from, to).run();
      const got: string[] = [];
      const subscription = await redis.ssubscribe(channel, ({ message }) => got.push(message));
      assert.equal(await ask(to, "SPUBLISH", channel, "x"), 1);
      await until(() => got.length === 1);
      assert.equal(subscription.gaps, 0);
      await cluster.moveSlots(slotOf(channel), to, from).run();
    });
  });
}

test("a subscription over several slots is refused as a whole, and leaves nothing", async () => {
  const channels = channelsOf("refused", 9);
  for (const node of cluster.nodes)
    await ask(node, "ACL", "SETUSER", "listener", "on", ">pw", "+@all", "~*", ...channels.slice(1).map((c) => `&${c}`));
  await using redis = Redis.cluster(cluster.urls, {
    username: "listener",
    password: "pw",
    clientName: "refused",
  });
  await assert.rejects(redis.ssubscribe(channels), { code: "NOPERM" });
  await until(async () => (await subscribers(cluster, "refused")).length === 0);
  await redis.ssubscribe(channels.slice(1));
  assert.equal(
    (await subscribers(cluster, "refused")).reduce((sum, { ssub }) => sum + ssub, 0),
    8,
  );
});

test("a range of slots goes to another node and back: every channel goes along", async () => {
  const [from, to] = await threePrimaries(cluster);
  const channels = channelsOf("range", 2000);
  await using redis = Redis.cluster(cluster.urls, { clientName: "range" });
  await using other = Redis.cluster(cluster.urls);
  const got = new Map<string, number>();
  const subscription = await redis.ssubscribe(channels, ({ channel }) => got.set(channel, (got.get(channel) ?? 0) + 1));
  const slots = await firstRangeOf(from);
  for (const [source, target] of [
    [from, to],
    [to, from],
  ] as const) {
    await cluster.moveSlots(slots, source, target).run();
    got.clear();
    const taken = new Set<string>();
    await until(async () => {
      const open = channels.filter((channel) => !taken.has(channel));
      await Promise.all(open.map(async (channel) => (await other.spublish(channel, "x")) === 1 && taken.add(channel)));
      return taken.size === channels.length;
    }, PATIENCE);
    await until(() => got.size === channels.length);
    assert.ok([...got.values()].every((times) => times === 1));
  }
  assert.ok(subscription.gaps > 0);
  const connections = await subscribers(cluster, "range");
  assert.equal(connections.length, 3);
  assert.equal(
    connections.reduce((sum, { ssub }) => sum + ssub, 0),
    channels.length,
  );
});

/** The first 500 slots of a node. */
async function firstRangeOf(node: ClusterNode): Promise<[first: number, last: number]> {
  for (let slot = 0; ; slot++) if ((await cluster.primaryOf(slot)) === node) return [slot, slot + 499];
}

test("an owner that is cut off cannot tell that a slot has left it: the map does, and the channel goes along", async () => {
  const [from, to] = await threePrimaries(cluster);
  const [moving, staying] = [
    await channelOn(cluster, from, "cut:moving"),
    await channelOn(cluster, from, "cut:staying"),
  ];
  await using proxy = await startProxy(from);
  await using redis = Redis.cluster(cluster.urls, {
    clientName: "cut",
    natMap: { [`127.0.0.1:${from.port}`]: { host: proxy.host, port: proxy.port } },
    refreshInterval: 100,
    socketTimeout: 60_000,
  });
  const got: string[] = [];
  const gaps: Gap[] = [];
  await redis.ssubscribe(moving, ({ message }) => got.push(message), { onGap: (gap) => void gaps.push(gap) });
  const still = await redis.ssubscribe(staying, ({ message }) => got.push(message));
  proxy.blackhole("toClient", true);
  await cluster.moveSlots(slotOf(moving), from, to).run();
  // Those before the gap is told may be missed; from the first one on each comes, and once.
  let published = 0;
  const publish = async (): Promise<boolean> => (await ask(to, "SPUBLISH", moving, `${published++}`)) === 1;
  await until(async () => (await publish()) && got.length > 0, PATIENCE);
  for (let more = 0; more < 5; more++) assert.ok(await publish());
  await until(() => got.at(-1) === `${published - 1}`);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["moved"],
  );
  proxy.blackhole("toClient", false);
  await until(async () => (await ask(from, "SPUBLISH", staying, "stayed")) === 1);
  await until(() => got.includes("stayed"));
  const first = Number(got[0]);
  const moved = Array.from({ length: published - first }, (_, index) => `${first + index}`);
  assert.ok(moved.length > 5);
  assert.deepEqual([got, gaps.length, still.gaps], [[...moved, "stayed"], 1, 0]);
  await cluster.moveSlots(slotOf(moving), to, from).run();
});

test("close ends all subscriptions and leaves no connection on any node", async () => {
  const redis = Redis.cluster(cluster.urls, { clientName: "closed" });
  const plain = await redis.subscribe("closed");
  const sharded = await redis.ssubscribe(channelsOf("closed", 20));
  const next = sharded[Symbol.asyncIterator]().next();
  assert.equal((await subscribers(cluster, "closed")).length, 3);
  await redis.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual([plain.isClosed, sharded.isClosed, plain.gaps, sharded.gaps], [true, true, 0, 0]);
  await until(async () => {
    for (const node of cluster.nodes) {
      using raw = await connectRaw({ path: node.path });
      if ((await raw.clients()).some(({ name }) => name === "closed")) return false;
    }
    return true;
  });
});

test("a client that is closed listens to its cluster no more", () => {
  const core = clusterCore(cluster.urls, {});
  const { topology } = core;
  const onChange = topology.onChange.bind(topology);
  const listeners = new Set<() => void>();
  topology.onChange = (listener) => {
    listeners.add(listener);
    const end = onChange(listener);
    return () => {
      listeners.delete(listener);
      end();
    };
  };
  const subscriptions = new Subscriptions(core);
  assert.equal(listeners.size, 1);
  subscriptions.close();
  assert.equal(listeners.size, 0);
  topology.destroy();
});
