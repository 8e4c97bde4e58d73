import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startCluster } from "../../src/testing/index.ts";

test("wait() in a pipeline tells of the replicas that have the write before it, not of those of another shard", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 1, nodeTimeout: 15_000 });
  await using redis = Redis.cluster(cluster.urls, { readFrom: "preferReplica" });
  const [replica] = await cluster.replicas(await cluster.primaryOf(slotOf("a")));
  assert.ok(replica !== undefined);
  const confirmed = async (key: string): Promise<unknown> =>
    (await redis.pipeline().set(key, "1").strlen("c").wait(1, 300).exec())[2];
  assert.equal(await confirmed("a"), 1);
  cluster.pause(replica);
  for (let round = 0; round < 5; round++) {
    assert.equal(await confirmed("a"), 0);
    assert.equal(await confirmed("b"), 1, "the replicas of the other shards are there");
  }
  cluster.resume(replica);
});
