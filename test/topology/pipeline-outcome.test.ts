import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, RedisError } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startScriptedServer, type Script, type ScriptedServer } from "../support/scripted-server.ts";

/**
 * Two nodes, of which the second one has the upper half of the slots, and dies of the first SET. From then on the first one has all
 * slots but one.
 */
async function startPair(left: number | null): Promise<[low: ScriptedServer, high: ScriptedServer]> {
  const nodes: ScriptedServer[] = [];
  let hasDied = false;
  const script: Script = (words, connection) => {
    const [name = "", second = ""] = words.map((word) => word.toUpperCase());
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
    if (name === "CLUSTER" && second === "SHARDS") return "-ERR unknown subcommand\r\n";
    const [low, high] = nodes.map(({ port }) => `*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`);
    const range = (from: number, to: number, place = low): string => `*3\r\n:${from}\r\n:${to}\r\n${place}`;
    if (name === "CLUSTER" && hasDied && left !== null)
      return `*3\r\n${range(0, left - 1)}${range(left, left, high)}${range(left + 1, 16_383)}`;
    if (name === "CLUSTER") return `*2\r\n${range(0, 8191)}${range(8192, 16_383, high)}`;
    if (name !== "SET" || hasDied) return name === "SET" ? "+OK\r\n" : ":1\r\n";
    hasDied = true;
    connection.reset();
    void nodes[1]?.close();
    return null;
  };
  nodes.push(await startScriptedServer(script), await startScriptedServer(script));
  return nodes as [ScriptedServer, ScriptedServer];
}

function connect(low: ScriptedServer): Redis {
  const options = { commandTimeout: 2000, retry: { effects: "overwrite" } } as const;
  return Redis.cluster([{ host: "127.0.0.1", port: low.port }], options);
}

test("a command of a pipeline that may have run before its node was lost is not called unsent when it was to be sent again", async () => {
  const pair = await startPair(null);
  await using low = pair[0];
  await using high = pair[1];
  assert.ok(slotOf("b") < 8192 && slotOf("a") >= 8192);
  await using redis = connect(low);
  const [fine, ...lost] = await redis.pipeline().incr("b").incr("a").set("a", "1").exec();
  assert.equal(fine, 1);
  assert.deepEqual(
    lost.map((error) => error instanceof RedisError && error.outcome),
    ["unknown", "unknown"],
  );
  assert.equal(high.received.filter(({ command }) => command[0] === "SET").length, 1);
});

test("so it is when the pipeline is sent again, and its commands are on several nodes by then", async () => {
  assert.ok(slotOf("a") >= 8192 && slotOf("c") < 8192 && slotOf("e") >= 8192);
  const pair = await startPair(slotOf("a"));
  await using low = pair[0];
  await using redis = connect(low);
  assert.equal(await redis.incr("c"), 1);
  const [lost, moved] = await redis.pipeline().set("a", "1").set("e", "1").exec();
  assert.equal(moved, "OK");
  assert.ok(lost instanceof RedisError);
  assert.deepEqual([lost.code, lost.outcome], ["ERR_COMMAND_TIMEOUT", "unknown"]);
  assert.match(lost.message, /an earlier attempt of it may have run/);
});
