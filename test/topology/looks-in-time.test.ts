import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "../../src/index.ts";
import { until } from "../support/wait.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

const nowhere = [{ host: "127.0.0.1", port: 1 }];
/** Less than a look at nodes that cannot be reached takes, which are 2000 ms. */
const SOON = 1000;

for (const [what, connect] of [
  ["a cluster", () => Redis.cluster(nowhere)],
  ["sentinels", () => Redis.sentinel({ name: "mymaster", sentinels: nowhere })],
] as const) {
  test(`no look at ${what} that cannot be reached holds up a lease's limit, its signal, or close()`, async () => {
    await using redis = connect();
    async function took(work: Promise<unknown>, error: object): Promise<void> {
      const begin = performance.now();
      await assert.rejects(work, error);
      const time = performance.now() - begin;
      assert.ok(time < 100 + SOON, `${Math.round(time)} ms`);
    }
    await took(redis.lease({ timeout: 100 }), { code: "ERR_POOL_TIMEOUT", outcome: "not-sent" });
    await took(redis.lease({ signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
    const waiting = redis.lease();
    const closed = redis.close();
    await took(waiting, { code: "ERR_CLOSED", outcome: "not-sent" });
    const begin = performance.now();
    await closed;
    assert.ok(performance.now() - begin < SOON);
  });
}

test("an error that tells of the data does not make a lease's client look at the cluster; one that tells of the cluster does", async () => {
  const errors = ["WRONGTYPE of another kind", "CLUSTERDOWN it is down"];
  await using shard = await startScriptedShard((name, words) => {
    if (name === "ECHO") return `$${words[1]?.length}\r\n${words[1]}\r\n`;
    return name === "INCR" ? `-${errors.shift()}\r\n` : "+OK\r\n";
  });
  await using redis = Redis.cluster(shard.seeds, { refreshInterval: 0 });
  await using lease = await redis.lease({ key: "k" });
  const looks = shard.count("CLUSTER");
  await assert.rejects(lease.incr("k"), { code: "WRONGTYPE" });
  // Two looks are at least 500 ms apart.
  await sleep(1000);
  assert.equal(shard.count("CLUSTER"), looks);
  await assert.rejects(lease.incr("k"), { code: "CLUSTERDOWN" });
  await until(() => shard.count("CLUSTER") > looks);
});
