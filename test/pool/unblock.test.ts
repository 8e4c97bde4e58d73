import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startScriptedServer, type Script, type ScriptedConnection } from "../support/scripted-server.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

async function present<T>(find: () => T | undefined): Promise<T> {
  return (await until(find)) ?? assert.fail();
}

/** A server on which BLPOP waits for ever, and CLIENT UNBLOCK for `answer`. */
function blockingServer(): {
  script: Script;
  blocked: Map<string, ScriptedConnection>;
  unblocks: ScriptedConnection[];
} {
  const blocked = new Map<string, ScriptedConnection>();
  const unblocks: ScriptedConnection[] = [];
  const script: Script = ([name = "", first = ""], connection) => {
    if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (name === "BLPOP") blocked.set(first, connection);
    else if (name !== "CLIENT" || first === "SETINFO") return "+OK\r\n";
    else if (first === "ID") return `:${connection.id}\r\n`;
    else if (first === "UNBLOCK") unblocks.push(connection);
    return null;
  };
  return { script, blocked, unblocks };
}

test("a connection whose CLIENT UNBLOCK is still on its way is not lent to the next blocking command", async () => {
  const { script, blocked, unblocks } = blockingServer();
  await using scripted = await startScriptedServer(script);
  await using redis = new Redis({ port: scripted.port, socketTimeout: 20_000 });
  const cancel = new AbortController();
  const first = redis.with({ signal: cancel.signal }).blpop("first", 0);
  const taken = await present(() => blocked.get("first"));
  cancel.abort(new Error("enough"));
  const lane = await present(() => unblocks[0]);
  taken.send("*2\r\n$5\r\nfirst\r\n$1\r\nx\r\n");
  assert.deepEqual(await first, ["first", "x"], "the element had been popped already");

  const second = redis.blpop("second", 0);
  const other = await present(() => blocked.get("second"));
  assert.notEqual(other.id, taken.id, "the late UNBLOCK would end the second command");
  lane.send(":0\r\n");
  await until(() => statsOf(redis).idle === 1, { what: "the first connection can be lent again" });
  other.send("*2\r\n$6\r\nsecond\r\n$1\r\ny\r\n");
  assert.deepEqual(await second, ["second", "y"]);
});

test("a connection whose CLIENT UNBLOCK may still arrive after its lane was lost is given up", async () => {
  const { script, blocked, unblocks } = blockingServer();
  await using scripted = await startScriptedServer(script);
  await using redis = new Redis({ port: scripted.port, socketTimeout: 20_000 });
  const cancel = new AbortController();
  const first = redis.with({ signal: cancel.signal }).blpop("first", 0);
  const taken = await present(() => blocked.get("first"));
  cancel.abort(new Error("enough"));
  const lane = await present(() => unblocks[0]);
  taken.send("*2\r\n$5\r\nfirst\r\n$1\r\nx\r\n");
  assert.deepEqual(await first, ["first", "x"]);
  lane.end();
  await until(() => statsOf(redis).closedBecause.unclean === 1, { what: "it was given up" });
  assert.equal(statsOf(redis).leased, 0);
});

test("a blocked command that was never written is reported as not sent when the client is closed", async () => {
  const redis = new Redis(server().url);
  assert.equal(await redis.blpop("unblock:none", 0.01), null); // leaves an idle connection
  await until(() => statsOf(redis).idle === 1);
  const blocked = redis.blpop("unblock:none", 0);
  const closed = redis.close();
  await assert.rejects(blocked, { code: "ERR_CLOSED", outcome: "not-sent" });
  await closed;
});
