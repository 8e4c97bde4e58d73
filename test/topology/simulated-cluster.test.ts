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
