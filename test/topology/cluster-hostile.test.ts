import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

for (const { what, place, natMap } of [
  { what: "natMap throws", place: "10.0.0.9:7000", natMap: refusing },
  { what: "it is no address", place: "no address:7000", natMap: undefined },
]) {
  test(`a redirect that cannot be followed fails its own command only: ${what}`, async () => {
    await using shard = await startScriptedShard((name, [, key = ""]) =>
      name === "GET" ? "$1\r\n1\r\n" : `-MOVED ${slotOf(key)} ${place}\r\n`,
    );
    await using redis = Redis.cluster(shard.seeds, { commandTimeout: 2000, natMap });
    const [before, moved, behind] = await Promise.allSettled([redis.get("a"), redis.incr("a"), redis.get("b")]);
    assert.deepEqual(before, { status: "fulfilled", value: "1" });
    assert.deepEqual(
      behind,
      { status: "fulfilled", value: "1" },
      "it is on the same connection, and none of its business",
    );
    assert.ok(moved.status === "rejected");
    const error = moved.reason as Error & { code: string; outcome: string };
    assert.deepEqual([error.code, error.outcome], ["MOVED", "rejected"]);
    assert.match(String((error.cause as Error).message), /natMap says no|host must be a host name/);
    assert.equal(shard.count("INCR"), 1);
  });
}

function refusing({ host }: { host: string }): undefined {
  if (host === "10.0.0.9") throw new Error("natMap says no");
}

test("a command for all nodes is repeated on the replicas that are loading, and nowhere else", async () => {
  const loading = (): string => "-LOADING Redis is loading the dataset in memory\r\n";
  await using shard = await startScriptedShard(() => "$1\r\n1\r\n", loading, loading);
  await using redis = Redis.cluster(shard.seeds, { commandTimeout: 800 });
  await assert.rejects(redis.call("SCRIPT", "LOAD", "return 1"), {
    code: "LOADING",
    outcome: "unknown",
    message: /1 of its parts were applied/,
  });
  const [primary] = shard.nodes;
  assert.equal(primary?.received.filter(({ command }) => command[0] === "SCRIPT").length, 1);
  assert.ok(shard.count("SCRIPT") < 60, `${shard.count("SCRIPT")} times`);
});
