import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

const nowhere = [{ host: "127.0.0.1", port: 1 }];

for (const [what, connect] of [
  ["cluster", (options: object) => Redis.cluster(nowhere, options)],
  ["sentinels", (options: object) => Redis.sentinel({ name: "mymaster", sentinels: nowhere }, options)],
] as const) {
  test(`what waits for ${what} is bounded by bytes, too`, async () => {
    await using redis = connect({ maxQueuedBytes: 100_000, commandTimeout: 300 });
    const value = "v".repeat(10_000);
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => redis.set("a", value)));
    const codes = results.map((result) => result.status === "rejected" && (result.reason as { code: string }).code);
    assert.equal(codes.filter((code) => code === "ERR_COMMAND_TIMEOUT").length, 9);
    assert.equal(codes.filter((code) => code === "ERR_QUEUE_FULL").length, 11);
    const { reason } = results.at(-1) as PromiseRejectedResult;
    assert.match(String(reason), /9 commands of \d+ bytes wait already/);
    assert.equal((reason as { outcome: string }).outcome, "not-sent");
  });
}

test("a look at the cluster that has ended leaves no timer", async () => {
  await using shard = await startScriptedShard(() => "$1\r\n1\r\n");
  const before = timers();
  const redis = Redis.cluster(shard.seeds);
  assert.equal(await redis.get("a"), "1");
  await redis.close();
  assert.equal(timers(), before);
});

/** Those that keep the process. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
}
