import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { locator, readShards } from "../../src/topology/cluster/slot-map.ts";

type Told = readonly [port: number, role: "master" | "replica", health: "online" | "fail"];

function shardOf(slots: readonly number[], ...nodes: readonly Told[]): unknown {
  return {
    slots,
    nodes: nodes.map(([port, role, health]) => ({ endpoint: "10.0.0.1", port, role, health })),
  };
}

test("a primary that has failed is one as long as nobody else has its slots", () => {
  const locate = locator({ host: "10.0.0.1", port: 7000 }, (told) => told);
  const portsOf = (...nodes: readonly Told[]): unknown =>
    readShards([shardOf([0, 16_383], ...nodes)], locate, false).map(({ primary, replicas }) => [
      primary.port,
      replicas.map(({ port }) => port),
    ]);
  const next: Told = [7003, "replica", "online"];
  assert.deepEqual(portsOf([7000, "master", "fail"], next), [[7000, [7003]]]);
  // As Redis 7.4 and Valkey tell it after a failover, until the former primary is back.
  const promoted: Told = [7003, "master", "online"];
  assert.deepEqual(portsOf([7000, "master", "fail"], promoted, [7006, "replica", "online"]), [[7003, [7006]]]);
  assert.deepEqual(portsOf(promoted, [7000, "master", "fail"], [7006, "replica", "fail"]), [[7003, []]]);
});

test("where CLUSTER SHARDS leaves slots out, as Redis 7.2 does when a primary has failed, CLUSTER SLOTS is asked", async () => {
  await using server = await startScriptedServer((words) => {
    const [name = "", second = ""] = words.map((word) => word.toUpperCase());
    const place = `$9\r\n127.0.0.1\r\n`;
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
    if (name === "GET") return "$1\r\n1\r\n";
    if (second === "SLOTS") return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${place}:${server.port}\r\n`;
    const node = `*8\r\n$8\r\nendpoint\r\n${place}$4\r\nport\r\n:${server.port}\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$6\r\nhealth\r\n$6\r\nonline\r\n`;
    return `*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:99\r\n$5\r\nnodes\r\n*1\r\n${node}`;
  });
  await using redis = Redis.cluster([{ host: "127.0.0.1", port: server.port }], { commandTimeout: 1000 });
  assert.equal(await redis.get("a"), "1");
});
