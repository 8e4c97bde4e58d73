import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterCore } from "../../src/client/core.ts";
import { Subscriptions } from "../../src/client/subscriptions.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { Redis, type Gap } from "../../src/index.ts";
import { startCluster, type ClusterNode, type TestCluster } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw, type RawReply } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

/** For what waits for a failover, on a machine that is busy with other things. */
const PATIENCE = { timeout: 30_000, interval: 20 };

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({ nodeTimeout: 1500 });
});
after(() => cluster.stop());

async function ask(node: ClusterNode, ...words: (string | number)[]): Promise<RawReply> {
  using raw = await connectRaw({ path: node.path });
  return await raw.command(...words);
}

async function answering(): Promise<ClusterNode[]> {
  return [...(await cluster.primaries()), ...(await cluster.replicas())];
}

/** Each connection of a client that has subscribed to anything, with its node. */
async function subscribers(name: string): Promise<{ node: ClusterNode; sub: number; psub: number; ssub: number }[]> {
  const found = [];
  for (const node of await answering()) {
    using raw = await connectRaw({ path: node.path });
    for (const client of await raw.clients()) {
      const [sub, psub, ssub] = [Number(client["sub"]), Number(client["psub"]), Number(client["ssub"])];
      if (client["name"] === name && sub + psub + ssub > 0) found.push({ node, sub, psub, ssub });
    }
  }
  return found;
}

/** So many channels, each in a slot of its own. */
function channelsOf(prefix: string, count: number): string[] {
  const bySlot = new Map<number, string>();
  for (let index = 0; bySlot.size < count; index++) bySlot.set(slotOf(`${prefix}:${index}`), `${prefix}:${index}`);
  return [...bySlot.values()];
}

/** A channel whose slot a node owns. */
async function channelOn(node: ClusterNode, prefix: string): Promise<string> {
  for (let index = 0; ; index++) {
    const channel = `${prefix}:${index}`;
    if ((await cluster.primaryOf(slotOf(channel))) === node) return channel;
  }
}

async function threePrimaries(): Promise<[ClusterNode, ClusterNode, ClusterNode]> {
  const [a, b, c] = await cluster.primaries();
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return [a, b, c];
}

async function replicaOf(primary: ClusterNode): Promise<ClusterNode> {
  const [replica] = await cluster.replicas(primary);
  assert.ok(replica !== undefined);
  return replica;
}

/** Publishes numbered messages until it is stopped, and keeps how many subscribers its node gave each one to. */
class Publisher {
  readonly takers: number[] = [];
  /** Those that may have come to nobody: their node failed. */
  readonly failed = new Set<number>();
  readonly #send: (message: string) => Promise<number>;
  readonly #work: Promise<void>;
  #stopped = false;

  constructor(send: (message: string) => Promise<number>) {
    this.#send = send;
    this.#work = this.#publish();
  }

  async #publish(): Promise<void> {
    while (!this.#stopped) {
      const number = this.takers.push(0) - 1;
      try {
        this.takers[number] = await this.#send(String(number));
      } catch {
        this.failed.add(number);
      }
      await sleep(2);
    }
  }

  /** How many were published. */
  get published(): number {
    return this.takers.length - this.failed.size;
  }

  /** Waits until `count` messages more were taken. */
  async taken(count: number): Promise<void> {
    const begin = this.takers.length;
    await until(() => this.takers.slice(begin).filter((takers) => takers > 0).length >= count, PATIENCE);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }
}

/** Each message that a node gave to the subscriber came once and in order, but for those up to `from`. */
function assertAllCame(publisher: Publisher, got: readonly number[], from = 0): void {
  const expected = publisher.takers.flatMap((takers, number) => (takers > 0 && number >= from ? [number] : []));
  assert.deepEqual(
    got.filter((number) => number >= from),
    expected,
  );
  assert.deepEqual(
    got,
    [...new Set(got)].sort((a, b) => a - b),
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
      const connections = await subscribers(clientName);
      assert.deepEqual(
        connections.map(({ node }) => node.port).sort(),
        (await cluster.primaries()).map(({ port }) => port).sort(),
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
      await until(async () => (await subscribers(clientName)).length === 1);
      assert.equal(sharded.gaps, 0);
    });

    test("a slot that moves takes its channel along, a gap is told, and what is published then comes once", async () => {
      const clientName = `move:${protocol}`;
      const [from, to] = await threePrimaries();
      const moving = await channelOn(from, `moving:${protocol}`);
      const staying = await channelOn(from, `staying:${protocol}`);
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
        (await subscribers(clientName)).map(({ node, ssub }) => [node.port, ssub]),
        [[from.port, 2]],
      );
    });

    test("a subscribe by a map that is out of date follows MOVED, without a gap", async () => {
      const [from, to] = await threePrimaries();
      const channel = await channelOn(from, `stale:${protocol}`);
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
  await until(async () => (await subscribers("refused")).length === 0);
  await redis.ssubscribe(channels.slice(1));
  assert.equal(
    (await subscribers("refused")).reduce((sum, { ssub }) => sum + ssub, 0),
    8,
  );
});

test("a range of slots goes to another node and back: every channel goes along", async () => {
  const [from, to] = await threePrimaries();
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
  const connections = await subscribers("range");
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

/** A sharded channel of a node, and one who publishes to it all the time. */
interface Scene extends AsyncDisposable {
  readonly owner: ClusterNode;
  readonly replica: ClusterNode;
  readonly gaps: Gap[];
  readonly publisher: Publisher;
  readonly got: number[];
  /** Waits until the subscription is on the former replica and nowhere else; from then on each message comes, and once. */
  comesAgain(): Promise<void>;
}

async function shardedScene(clientName: string, redis: Redis, other: Redis): Promise<Scene> {
  const [owner] = await threePrimaries();
  const replica = await replicaOf(owner);
  const channel = await channelOn(owner, clientName);
  const got: number[] = [];
  const gaps: Gap[] = [];
  const onGap = (gap: Gap): void => void gaps.push(gap);
  const subscription = await redis.ssubscribe(channel, ({ message }) => got.push(Number(message)), { onGap });
  const publisher = new Publisher((text) => other.spublish(channel, text));
  await publisher.taken(10);
  const comesAgain = async (): Promise<void> => {
    await until(async () => {
      const connections = await subscribers(clientName);
      return connections.length === 1 && connections[0]?.node === replica;
    }, PATIENCE);
    const from = publisher.takers.length;
    await until(() => publisher.published > from + 50, PATIENCE);
    await publisher.stop();
    const all = Array.from({ length: publisher.takers.length - from }, (_, index) => from + index);
    await until(() => got.includes(all.at(-1) as number));
    // A replica takes SPUBLISH, too, and passes it on to its shard: who took it is not known.
    assert.deepEqual(
      got.filter((number) => number >= from).sort((one, two) => one - two),
      all.filter((number) => !publisher.failed.has(number)),
    );
    assert.equal(new Set(got).size, got.length, "nothing twice");
    assert.equal(subscription.gaps, gaps.length);
  };
  return { owner, replica, gaps, publisher, got, comesAgain, [Symbol.asyncDispose]: () => publisher.stop() };
}

test("a planned failover takes sharded channels along", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "planned" });
  await using other = Redis.cluster(cluster.urls);
  await using scene = await shardedScene("planned", redis, other);
  await cluster.failover(scene.replica);
  await scene.comesAgain();
  assert.ok(scene.gaps.length > 0 && scene.gaps.every(({ reason }) => reason === "moved"), JSON.stringify(scene.gaps));
  await cluster.settled();
});

test("the owner is killed: its channels are on the new primary as soon as there is one", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "killed" });
  await using other = Redis.cluster(cluster.urls);
  await using scene = await shardedScene("killed", redis, other);
  const events: unknown[] = [];
  const listener = (event: unknown): void => void events.push(event);
  subscribe("respool:subscription:gap", listener);
  await cluster.kill(scene.owner);
  await scene.comesAgain();
  unsubscribe("respool:subscription:gap", listener);
  const node = `127.0.0.1:${scene.owner.port}`;
  assert.deepEqual(events, [{ node, reason: "lost", kind: "ssubscribe", channels: 1 }]);
  assert.deepEqual(
    scene.gaps.map(({ reason, cause }) => [reason, cause instanceof Error]),
    [["lost", true]],
  );
  await cluster.restart(scene.owner);
  await cluster.settled();
});

test("the owner is stopped and replaced: its channels leave the connection that says nothing", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "stopped", socketTimeout: 60_000 });
  await using other = Redis.cluster(cluster.urls);
  await using scene = await shardedScene("stopped", redis, other);
  cluster.pause(scene.owner);
  try {
    await cluster.takeover(scene.replica);
    // A command for it is what tells the client; a subscription alone would have to wait for the next look.
    await redis.get(await channelOn(scene.replica, "stopped"));
    await scene.comesAgain();
    assert.deepEqual(
      scene.gaps.map(({ reason }) => reason),
      ["moved"],
    );
  } finally {
    cluster.resume(scene.owner);
  }
  await cluster.settled();
});

test("an owner that is cut off cannot tell that a slot has left it: the map does, and the channel goes along", async () => {
  const [from, to] = await threePrimaries();
  const [moving, staying] = [await channelOn(from, "cut:moving"), await channelOn(from, "cut:staying")];
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
  await until(async () => (await ask(to, "SPUBLISH", moving, "moved")) === 1, PATIENCE);
  await until(() => got.length === 1);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["moved"],
  );
  proxy.blackhole("toClient", false);
  await until(async () => (await ask(from, "SPUBLISH", staying, "stayed")) === 1);
  await until(() => got.length === 2);
  assert.deepEqual([got, gaps.length, still.gaps], [["moved", "stayed"], 1, 0]);
  await cluster.moveSlots(slotOf(moving), to, from).run();
});

test("the node of the plain subscriptions is killed: they go on with another one", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "plain" });
  await using other = Redis.cluster(cluster.urls);
  const got: number[] = [];
  const matched: number[] = [];
  const gaps: Gap[] = [];
  const onGap = (gap: Gap): void => void gaps.push(gap);
  await redis.subscribe("killed:plain", ({ message }) => got.push(Number(message)), { onGap });
  await redis.psubscribe("killed:*", ({ message }) => matched.push(Number(message)), { onGap });
  const [connection] = await subscribers("plain");
  assert.ok(connection !== undefined);
  await cluster.kill(connection.node);
  await until(() => gaps.length === 2);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["lost", "lost"],
  );
  await until(async () => (await subscribers("plain")).some(({ sub, psub }) => sub + psub === 2), PATIENCE);
  for (let number = 0; number < 20; number++) await other.publish("killed:plain", number);
  await until(() => got.length === 20 && matched.length === 20);
  assert.deepEqual(
    got,
    Array.from({ length: 20 }, (_, number) => number),
  );
  assert.deepEqual(matched, got);
  await cluster.restart(connection.node);
  await cluster.settled();
});

test("close ends all subscriptions and leaves no connection on any node", async () => {
  const redis = Redis.cluster(cluster.urls, { clientName: "closed" });
  const plain = await redis.subscribe("closed");
  const sharded = await redis.ssubscribe(channelsOf("closed", 20));
  const next = sharded[Symbol.asyncIterator]().next();
  assert.equal((await subscribers("closed")).length, 3);
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
