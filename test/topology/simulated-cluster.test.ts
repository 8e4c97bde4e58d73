import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type ClusterOptions } from "respool";
import { SimulatedWorld, type SimulatedCluster, type SimulatedNode } from "respool/testing";
import { slotOf } from "../../src/commands/slot.ts";

const USUAL = { refreshInterval: 0, healthCheckInterval: 0 } as const;

async function play(
  options: ClusterOptions & { readonly replicas?: number },
  program: (redis: Redis, cluster: SimulatedCluster, world: SimulatedWorld) => Promise<void>,
): Promise<void> {
  const { replicas = 0, ...rest } = options;
  const world = new SimulatedWorld(1);
  const cluster = world.startCluster({ replicas });
  const redis = Redis.cluster([{ host: "cluster", port: 7001 }], { ...USUAL, ...rest, environment: world });
  await world.run(async () => {
    await program(redis, cluster, world);
    await redis.close({ timeout: 100 });
  });
}

/** Counts how often each node is asked for the map. */
function questions(cluster: SimulatedCluster): Map<string, number> {
  const asked = new Map<string, number>();
  cluster.onAnswer = (answer, { id }) => {
    if (answer === "CLUSTER") asked.set(id, (asked.get(id) ?? 0) + 1);
  };
  return asked;
}

test("a node that became a primary is asked once in a look, and has one vote", async () => {
  await play({ replicas: 1 }, async (redis, cluster, world) => {
    await redis.set("{a}", "1");
    const primary = cluster.ownerOf(slotOf("{a}"));
    const [heir] = cluster.replicasOf(primary) as [SimulatedNode];
    cluster.failover(heir);
    await world.pass(1000);
    for (let look = 0; look < 20; look++) {
      const asked = questions(cluster);
      await redis.set("{a}", String(look)); // the first one is sent on to the heir
      await world.pass(600);
      cluster.failover(cluster.replicasOf(cluster.ownerOf(slotOf("{a}")))[0] as SimulatedNode);
      await world.pass(1000);
      assert.ok(Math.max(0, ...asked.values()) <= 1, JSON.stringify([...asked]));
    }
  });
});

for (const [lost, silent] of [
  ["{a}", "{b}"],
  ["{b}", "{a}"],
] as const) {
  test(`what one of two nodes may have run in part is not called unsent (${lost} is with the other)`, async () => {
    await play({ retry: { attempts: 0 }, commandTimeout: 400 }, async (redis, cluster, world) => {
      await redis.mset({ "{a}": "1", "{b}": "1" });
      const nodes = [lost, silent].map((key) => cluster.ownerOf(slotOf(key))) as [SimulatedNode, SimulatedNode];
      assert.notEqual(nodes[0], nodes[1]);
      // The one cannot be reached, the other has the command and does not answer.
      cluster.crash(nodes[0]);
      nodes[1].server.pause();
      await world.pass(5);
      const pipeline = redis.pipeline().incr("{a}").incr("{b}").exec();
      const split = redis.mset({ "{a}": "2", "{b}": "2" });
      await assert.rejects(pipeline, { outcome: "unknown" });
      await assert.rejects(split, { outcome: "unknown" });
    });
  });
}

test("a pipeline that was routed anew settles with what its commands got in the end", async () => {
  await play({ commandTimeout: 3000, reconnect: { minDelay: 1, maxDelay: 5 } }, async (redis, cluster, world) => {
    await redis.set("{a}", "1");
    const { server } = cluster.ownerOf(slotOf("{a}"));
    server.crash();
    await world.pass(5);
    let results: readonly unknown[] | null = null;
    void redis
      .with({ retry: false })
      .pipeline()
      .get("{a}")
      .exec()
      .then((all) => (results = all));
    await world.pass(1500); // a look finds the node unreachable, and lets what waits for it find its way anew
    server.refusal = "CLUSTERDOWN The cluster is down";
    server.start();
    await world.pass(3000);
    assert.match(String(results), /CLUSTERDOWN/);
  });
});

test("a scan gives every key although replicas read, and slots move in the middle of it", async () => {
  await play({ replicas: 2, readFrom: "replica" }, async (redis, cluster, world) => {
    const keys = Array.from({ length: 200 }, (_, n) => `key:${n}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, "1"])));
    const [one, two] = cluster.primaries as [SimulatedNode, SimulatedNode];
    let inFirstSlot = 0;
    while (slotOf(`{${inFirstSlot}}`) !== 0) inFirstSlot++;
    const found = new Set<string>();
    for await (const key of redis.scanIterator({ count: 5 })) {
      found.add(key);
      if (found.size !== 20) continue;
      const move = cluster.moveSlots([0, 1, 2], one, two);
      move.begin();
      move.finish();
      await world.pass(100);
      await redis.set(`{${inFirstSlot}}`, "1"); // the client hears of it
      keys.push(`{${inFirstSlot}}`);
    }
    assert.deepEqual([...found].toSorted(), keys.toSorted());
  });
});

test("one budget for all nodes: a node gets the connection that another one does not use any more", async () => {
  await play({ maxTotalConnections: 3 }, async (redis, cluster, world) => {
    await redis.mset({ "{a}": "1", "{b}": "1", "{c}": "1" });
    assert.equal(new Set(["{a}", "{b}", "{c}"].map((key) => cluster.ownerOf(slotOf(key)))).size, 3);
    // All three are in use when a fourth is wanted; one is free a little later.
    const pops = ["{a}", "{b}"].map((key) => redis.blpop(`${key}:queue`, 0.3));
    await world.pass(50);
    const reads = ["{a}", "{b}", "{c}"].map((key) => redis.with({ timeout: 2000 }).get(key));
    assert.deepEqual(await Promise.all(reads), ["1", "1", "1"]);
    assert.deepEqual(await Promise.all(pops), [null, null]);
  });
});
