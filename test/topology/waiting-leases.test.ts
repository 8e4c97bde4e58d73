import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startCluster, startSentinels } from "../../src/testing/index.ts";

/** Somebody has the only connection, and another one waits for it while the primary changes. */
async function changeWhileOneWaits(redis: Redis, change: () => Promise<void>): Promise<void> {
  await using held = await redis.lease({ key: "a" });
  assert.equal(await held.set("a", "1"), "OK");
  const waiting = redis.lease({ key: "a", timeout: 20_000 });
  const outcome = waiting.then(
    () => null,
    (error: unknown) => error,
  );
  await change();
  assert.equal(await outcome, null);
  await using lease = await waiting;
  assert.equal(await lease.set("a", "2"), "OK", "it is one to the new primary");
}

test("who waits for a lease when the primary of a cluster's shard changes gets one to the new primary", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 1 });
  await using redis = Redis.cluster(cluster.urls, { maxConnections: 1, refreshInterval: 300 });
  await changeWhileOneWaits(redis, async () => {
    const [replica] = await cluster.replicas(await cluster.primaryOf(slotOf("a")));
    assert.ok(replica !== undefined);
    await cluster.failover(replica);
  });
});

test("who waits for a lease when sentinels choose another primary gets one to that", async () => {
  await using setup = await startSentinels({ sentinels: 3, replicas: 1 });
  const sentinels = setup.sentinels.map(({ host, port }) => ({ host, port }));
  await using redis = Redis.sentinel({ name: setup.name, sentinels }, { maxConnections: 1 });
  await changeWhileOneWaits(redis, () => setup.failover());
});
