import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "../../src/index.ts";
import { startCluster } from "../../src/testing/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { report } from "../faults/report.ts";
import { startScriptedServer, type ScriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/wait.ts";

test("fault 30, CLUSTERDOWN: commands wait for the cluster within their limits", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 0, nodeTimeout: 500 });
  await using redis = Redis.cluster(cluster.urls);
  const lost = await cluster.primaryOf(slotOf("a"));
  await redis.mset({ a: "1", b: "2", c: "3" });
  await cluster.kill(lost);
  // The others notice, and serve nothing any more.
  await until(
    async () => {
      const error = await redis
        .with({ retry: false, timeout: 300 })
        .set("b", "2")
        .catch((reason: unknown) => reason);
      return (error as { code?: string }).code === "CLUSTERDOWN";
    },
    { timeout: 15_000 },
  );
  const waiting = redis.with({ timeout: 20_000 }).incr("b:count");
  await assert.rejects(redis.with({ timeout: 300 }).set("b", "2"), (error: { code: string; outcome: string }) => {
    assert.ok(["CLUSTERDOWN", "ERR_COMMAND_TIMEOUT"].includes(error.code), error.code);
    assert.ok(["rejected", "not-sent"].includes(error.outcome), error.outcome);
    return true;
  });
  await cluster.restart(lost);
  await cluster.settled();
  const began = performance.now();
  assert.equal(await waiting, 1, "it ran once, when the cluster was there again");
  assert.equal(await redis.set("a", "1"), "OK");
  report(
    import.meta.url,
    {
      row: 30,
      name: "CLUSTERDOWN",
      what: "commands are repeated within their limits: it is rejected, so nothing runs twice",
    },
    "under load",
    performance.now() - began,
  );
});

test("fault 29, a node that is forgotten: what it still says is not believed for long, and its connections end", async () => {
  await using cluster = await startCluster({
    primaries: 3,
    replicas: 0,
    config: { "cluster-allow-replica-migration": "no" },
  });
  await using redis = Redis.cluster(cluster.urls, { refreshInterval: 200 });
  const node = await cluster.addNode();
  const from = await cluster.primaryOf(slotOf("a"));
  await cluster.moveSlots(slotOf("a"), from, node).run();
  await redis.set("a", "1");
  const name = `127.0.0.1:${node.port}`;
  await until(() => redis.stats().nodes[name] !== undefined);
  await cluster.moveSlots(slotOf("a"), node, from).run();
  await cluster.forget(node);
  assert.equal(await redis.get("a"), "1");
  await until(() => redis.stats().nodes[name] === undefined);
  await cluster.settled();
  assert.equal(await redis.incr("a"), 2);
});

/** Two nodes, each of which sends everybody to the other one. */
async function quarrelling(): Promise<[ScriptedServer, ScriptedServer]> {
  const servers: ScriptedServer[] = [];
  const script = (own: number) => (words: string[]) => {
    const [name = "", second = ""] = words.map((word) => word.toUpperCase());
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
    if (name === "CLUSTER" && second === "SHARDS") return "-ERR unknown subcommand\r\n";
    const ports = servers.map((server) => server.port);
    if (name === "CLUSTER") return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:${ports[own]}\r\n`;
    return `-MOVED ${slotOf(words[1] ?? "")} 127.0.0.1:${ports[1 - own]}\r\n`;
  };
  servers.push(await startScriptedServer(script(0)), await startScriptedServer(script(1)));
  return servers as [ScriptedServer, ScriptedServer];
}

test("fault 31, a MOVED loop: a command goes round a few times at once, then with pauses, and ends at its limit", async () => {
  const [first, second] = await quarrelling();
  const redis = Redis.cluster([{ host: "127.0.0.1", port: first.port }], { commandTimeout: 1000 });
  await assert.rejects(redis.incr("a"), {
    code: "MOVED",
    outcome: "rejected",
    message: /was sent on \d+ times: the nodes do not agree on who has the slot/,
  });
  const sent = [first, second].flatMap((server) => server.received.filter(({ command }) => command[0] === "INCR"));
  assert.ok(sent.length >= 6 && sent.length < 40, `${sent.length} times`);
  const looks = [first, second].flatMap((server) => server.received.filter(({ command }) => command[1] === "SLOTS"));
  assert.ok(looks.length <= 10, `${looks.length} questions for the map`);
  // Without retry, too: that a node sends a command on is no failure.
  await assert.rejects(redis.with({ retry: false, timeout: 300 }).incr("a"), { code: "MOVED" });
  await redis.close();
  await first.close();
  await second.close();
  report(
    import.meta.url,
    { row: 31, name: "MOVED loop", what: "a few times round at once, then with pauses; it ends at its limit" },
    "idle",
    0,
  );
});

test("no node can be reached: a command ends at its limit, and says which nodes were tried", async () => {
  await using redis = Redis.cluster([{ host: "127.0.0.1", port: 1 }], { commandTimeout: 300 });
  await assert.rejects(redis.get("a"), {
    code: "ERR_COMMAND_TIMEOUT",
    outcome: "not-sent",
    message:
      /GET was not sent within 300 ms: none of the 1 given node\(s\) has told the map of the cluster: cannot connect to 127\.0\.0\.1:1/,
  });
  const aborted = AbortSignal.timeout(50);
  await assert.rejects(redis.with({ signal: aborted }).get("a"), (error: unknown) => error === aborted.reason);
});

test("closing while the map is not known ends what waits", async () => {
  const redis = Redis.cluster([{ host: "127.0.0.1", port: 1 }]);
  const waiting = redis.get("a").catch((error: unknown) => error);
  await sleep(20);
  await redis.close({ timeout: 100 });
  const error = (await waiting) as { code: string; outcome: string };
  assert.deepEqual([error.code, error.outcome], ["ERR_CLOSED", "not-sent"]);
  await assert.rejects(redis.get("a"), { code: "ERR_CLOSED", outcome: "not-sent" });
});
