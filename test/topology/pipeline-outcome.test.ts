import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, RedisError } from "../../src/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { startScriptedServer, type Script, type ScriptedServer } from "../support/scripted-server.ts";

test("a command of a pipeline that may have run before its node was lost is not called unsent when it was to be sent again", async () => {
  const nodes: ScriptedServer[] = [];
  const script: Script = (words, connection) => {
    const [name = "", second = ""] = words.map((word) => word.toUpperCase());
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
    if (name === "CLUSTER" && second === "SHARDS") return "-ERR unknown subcommand\r\n";
    const [low, high] = nodes.map(({ port }) => `*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`);
    if (name === "CLUSTER") return `*2\r\n*3\r\n:0\r\n:8191\r\n${low}*3\r\n:8192\r\n:16383\r\n${high}`;
    if (name !== "SET") return ":1\r\n";
    connection.reset();
    void nodes[1]?.close();
    return null;
  };
  nodes.push(await startScriptedServer(script), await startScriptedServer(script));
  await using low = nodes[0] as ScriptedServer;
  await using high = nodes[1] as ScriptedServer;
  assert.ok(slotOf("b") < 8192 && slotOf("a") >= 8192);
  await using redis = Redis.cluster([{ host: "127.0.0.1", port: low.port }], {
    commandTimeout: 800,
    retry: { effects: "overwrite" },
  });
  const [fine, ...lost] = await redis.pipeline().incr("b").incr("a").set("a", "1").exec();
  assert.equal(fine, 1);
  assert.deepEqual(
    lost.map((error) => error instanceof RedisError && error.outcome),
    ["unknown", "unknown"],
  );
  assert.equal(high.received.filter(({ command }) => command[0] === "SET").length, 1);
});
