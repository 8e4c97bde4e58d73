import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import { Redis, type Gap } from "../../src/index.ts";
import { startCluster, type ClusterNode, type TestCluster } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";
import { channelOn, PATIENCE, Publisher, subscribers, threePrimaries } from "./subscribers.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({ nodeTimeout: 1500, config: { "cluster-allow-replica-migration": "no" } });
});
after(() => cluster.stop());

/** A sharded channel of a node, and one who publishes to it all the time. */
interface Scene extends AsyncDisposable {
  readonly owner: ClusterNode;
  readonly replica: ClusterNode;
  readonly gaps: Gap[];
  readonly publisher: Publisher;
  readonly got: number[];
  /** Waits until the subscription is on the former replica and nowhere else; from then on each message comes, and once; any one at most so often. */
  comesAgain(most?: number): Promise<void>;
}

async function shardedScene(clientName: string, redis: Redis, other: Redis): Promise<Scene> {
  const [owner] = await threePrimaries(cluster);
  const [replica] = await cluster.replicas(owner);
  assert.ok(replica !== undefined);
  const channel = await channelOn(cluster, owner, clientName);
  const got: number[] = [];
  const gaps: Gap[] = [];
  const onGap = (gap: Gap): void => void gaps.push(gap);
  const subscription = await redis.ssubscribe(channel, ({ message }) => got.push(Number(message)), { onGap });
  const publisher = new Publisher((text) => other.spublish(channel, text));
  await publisher.taken(10);
  const comesAgain = async (most = 1): Promise<void> => {
    await until(async () => {
      const connections = await subscribers(cluster, clientName);
      return connections.length === 1 && connections[0]?.node === replica;
    }, PATIENCE);
    const from = publisher.takers.length;
    await until(() => publisher.published > from + 50, PATIENCE);
    await publisher.stop();
    const numbers = publisher.takers.map((_, number) => number);
    const expected = numbers.filter((number) => number >= from && !publisher.failed.has(number));
    await until(() => got.includes(expected.at(-1) as number));
    // A replica takes SPUBLISH, too, and passes it on to its shard: who took it is not known.
    assert.deepEqual(
      got.filter((number) => number >= from && !publisher.failed.has(number)).sort((one, two) => one - two),
      expected,
    );
    for (const number of new Set(got)) assert.ok(got.filter((each) => each === number).length <= most, `${number}`);
    assert.equal(subscription.gaps, gaps.length);
  };
  return { owner, replica, gaps, publisher, got, comesAgain, [Symbol.asyncDispose]: () => publisher.stop() };
}

test("a planned failover takes sharded channels along", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "planned" });
  await using other = Redis.cluster(cluster.urls);
  await using scene = await shardedScene("planned", redis, other);
  await cluster.failover(scene.replica);
  // One of the middle of the failover may come from the former owner and from the new one.
  await scene.comesAgain(2);
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
    await redis.get(await channelOn(cluster, scene.replica, "stopped"));
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

test("the node of the plain subscriptions is killed: they go on with another one", async () => {
  await using redis = Redis.cluster(cluster.urls, { clientName: "plain" });
  await using other = Redis.cluster(cluster.urls);
  const got: number[] = [];
  const matched: number[] = [];
  const gaps: Gap[] = [];
  const onGap = (gap: Gap): void => void gaps.push(gap);
  await redis.subscribe("killed:plain", ({ message }) => got.push(Number(message)), { onGap });
  await redis.psubscribe("killed:*", ({ message }) => matched.push(Number(message)), { onGap });
  const [connection] = await subscribers(cluster, "plain");
  assert.ok(connection !== undefined);
  await cluster.kill(connection.node);
  await until(() => gaps.length === 2);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["lost", "lost"],
  );
  await until(async () => (await subscribers(cluster, "plain")).some(({ sub, psub }) => sub + psub === 2), PATIENCE);
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
