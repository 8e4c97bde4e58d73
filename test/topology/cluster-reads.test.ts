import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

/** Replies that fit, whatever they say. */
function answer(name: string): string {
  if (name === "DBSIZE") return ":0\r\n";
  if (name === "EXEC") return "*1\r\n$1\r\n1\r\n";
  return ["KEYS", "BITFIELD", "SORT", "GEORADIUS"].includes(name) ? "*0\r\n" : "$1\r\n1\r\n";
}

test("in a cluster, too, a replica gets what reads keys and no more", async () => {
  await using shard = await startScriptedShard(answer, answer);
  await using redis = Redis.cluster(shard.seeds, { readFrom: "replica" });
  await redis.get("a");
  await redis.pipeline().strlen("a").set("a", "2").exec();
  await redis.dbsize();
  await redis.keys("*");
  await redis.multi().exists("a").exec();
  await redis.call("GETEX", "a");
  await redis.call("BITFIELD", "a", "GET", "u8", 0);
  await redis.call("SORT", "a");
  await redis.call("GEORADIUS", "a", 0, 0, 1, "km");
  const [, replica] = shard.nodes;
  const read = replica?.received.map(({ command }) => command[0]) ?? [];
  assert.deepEqual(
    read.filter((name) => !["HELLO", "CLIENT", "READONLY", "CLUSTER"].includes(name ?? "")),
    ["GET", "STRLEN"],
  );
});

test("a view that reads from the primary asks no replica, and leaves the client's other reads to them", async () => {
  await using shard = await startScriptedShard(answer, answer);
  await using redis = Redis.cluster(shard.seeds, { readFrom: "replica" });
  const sure = redis.with({ readFrom: "primary" });
  await sure.get("a");
  await sure.buffers.get("a");
  await sure.with({ timeout: 1000 }).get("a");
  await sure.pipeline().get("a").exec();
  await redis.hget("a", "f");
  const readsOf = (index: number): string[] =>
    (shard.nodes[index]?.received ?? [])
      .map(({ command }) => String(command[0]))
      .filter((name) => ["GET", "HGET"].includes(name));
  assert.deepEqual(readsOf(0), ["GET", "GET", "GET", "GET"]);
  assert.deepEqual(readsOf(1), ["HGET"]);
  assert.throws(() => redis.with({ readFrom: "replica" as never }), { code: "ERR_OPTIONS", message: /"primary"/ });
});

for (const state of ["LOADING", "MASTERDOWN"]) {
  test(`a replica of a cluster that says ${state} is not asked for a while: reads go elsewhere`, async () => {
    await using shard = await startScriptedShard(answer, () => `-${state} not now\r\n`);
    await using redis = Redis.cluster(shard.seeds, { readFrom: "preferReplica", commandTimeout: 1000 });
    for (let round = 0; round < 10; round++) assert.equal(await redis.get("a"), "1");
    const [, replica] = shard.nodes;
    assert.equal(replica?.received.filter(({ command }) => command[0] === "GET").length, 1);
  });
}

test("with readFrom: replica, too, a shard without any replica is read from its primary", async () => {
  await using shard = await startScriptedShard(answer);
  await using redis = Redis.cluster(shard.seeds, { readFrom: "replica", commandTimeout: 1000 });
  assert.equal(await redis.get("a"), "1");
});
