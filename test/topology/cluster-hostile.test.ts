import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

for (const { what, place, cause } of [
  { what: "natMap throws", place: "10.0.0.9:7000", cause: "natMap says no" },
  { what: "it is no address", place: "no address:7000", cause: undefined },
]) {
  test(`a redirect that cannot be followed fails its own command only: ${what}`, async () => {
    await using shard = await startScriptedShard((name, [, key = ""]) =>
      name === "GET" ? "$1\r\n1\r\n" : `-MOVED ${slotOf(key)} ${place}\r\n`,
    );
    await using redis = Redis.cluster(shard.seeds, { commandTimeout: 2000, natMap: refusing });
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
    assert.equal((error.cause as Error | undefined)?.message, cause);
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

test("a node that the others tell with an address that is none is left out of the map", async () => {
  await using server = await startScriptedServer((words) => {
    const [name = "", second = ""] = words.map((word) => word.toUpperCase());
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
    if (name === "GET") return "$1\r\n1\r\n";
    if (second === "SHARDS") return "-ERR unknown subcommand\r\n";
    const nodes = `*2\r\n$9\r\n127.0.0.1\r\n:${server.port}\r\n*2\r\n$10\r\nno address\r\n:7000\r\n`;
    return `*1\r\n*4\r\n:0\r\n:16383\r\n${nodes}`;
  });
  await using redis = Redis.cluster([{ host: "127.0.0.1", port: server.port }], { commandTimeout: 1000 });
  assert.equal(await redis.get("a"), "1");
});
