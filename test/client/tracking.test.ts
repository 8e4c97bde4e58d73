import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, type TrackingOptions } from "../../src/index.ts";
import { startFaultProxy } from "../../src/testing/index.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

function connect(port = server().port): Redis {
  return new Redis({ host: "127.0.0.1", port });
}

/** Ends the connections that tell of changes. */
async function killTracking(redis: Redis): Promise<void> {
  for (const line of String(await redis.call("CLIENT", "LIST")).split("\n")) {
    const [, id] = /\bid=(\d+)/.exec(line) ?? [];
    const [, flags = ""] = /\bflags=(\w+)/.exec(line) ?? [];
    if (id !== undefined && flags.includes("t")) await redis.call("CLIENT", "KILL", "ID", id);
  }
}

test("broadcast: every change of keys with one of the prefixes is told, by whomever, and no other", async () => {
  await using redis = connect();
  await using other = connect();
  const told: (readonly string[] | null)[] = [];
  await using tracking = await redis.trackKeys({ prefixes: ["u:", "v:"], onInvalidate: (keys) => told.push(keys) });
  assert.equal(tracking.isLive, true);
  assert.deepEqual(told, [null], "what has changed before, nobody has told");
  await other.mset({ "u:1": "a", "v:1": "b", "w:1": "c" });
  await redis.set("u:2", "by the same client");
  await other.del("u:1");
  await until(() => told.length >= 4);
  await sleep(50);
  assert.deepEqual(told.slice(1).flat().map(String).toSorted(), ["u:1", "u:1", "u:2", "v:1"]);
});

test("reads: the next change of what was read by the tracking is told", async () => {
  await using redis = connect();
  const told: (readonly string[] | null)[] = [];
  await using tracking = await redis.trackKeys({ mode: "reads", onInvalidate: (keys) => told.push(keys) });
  await redis.mset({ read: "1", "not-read": "1" });
  assert.deepEqual(await tracking.get("read", 1000), Buffer.from("1"));
  assert.equal(await tracking.get("absent", 1000), null);
  await redis.mset({ read: "2", "not-read": "2" });
  await redis.set("absent", "is there");
  await until(() => told.length >= 3);
  assert.deepEqual(told, [null, ["read"], ["absent"]]);
  await redis.set("read", "3");
  await sleep(50);
  assert.equal(told.length, 3, "once for each read");
});

test("a connection that is lost voids all, and is made anew", async () => {
  await using redis = connect();
  const told: (readonly string[] | null)[] = [];
  await using tracking = await redis.trackKeys({ prefixes: ["l:"], onInvalidate: (keys) => told.push(keys) });
  for (let round = 1; round <= 3; round++) {
    told.length = 0;
    await killTracking(redis);
    await until(() => told.length >= 2 && tracking.isLive);
    assert.deepEqual(told.slice(0, 2), [null, null], "at its end, and when it is there again");
    await redis.set("l:1", "x");
    await until(() => told.length === 3);
    assert.deepEqual(told[2], ["l:1"]);
  }
});

test("a connection that is silent is noticed, and is not live until it tells again", async () => {
  await using proxy = await startFaultProxy(server());
  await using redis = connect(proxy.port);
  await using tracking = await redis.trackKeys({ onInvalidate: () => {} });
  proxy.inject("blackhole", { direction: "toClient" });
  // A question each second, and a second for its answer; beyond that, what a busy machine adds.
  await until(() => !tracking.isLive, { timeout: 5000 });
  await proxy.heal();
  await until(() => tracking.isLive, { timeout: 20_000 });
  assert.equal(tracking.error, null);
});

test("what cannot be tracked says why; nothing is left of it", async () => {
  await using old = new Redis({ host: "127.0.0.1", port: server().port, protocol: 2 });
  await assert.rejects(old.trackKeys({ onInvalidate: () => {} }), /key tracking needs RESP3/);
  const wrong: [unknown, RegExp][] = [
    [{}, /onInvalidate must be a function/],
    [{ onInvalidate() {}, mode: "all" }, /mode must be "broadcast" or "reads"/],
    [{ onInvalidate() {}, prefixes: "a" }, /prefixes must be an array of strings/],
    [{ onInvalidate() {}, mode: "reads", prefixes: ["a"] }, /prefixes are for the mode "broadcast"/],
    [{ onInvalidate() {}, prefix: ["a"] }, /prefix/],
  ];
  await using redis = connect();
  for (const [options, message] of wrong)
    await assert.rejects(redis.trackKeys(options as TrackingOptions), { code: "ERR_OPTIONS", message });
  // Overlapping prefixes are refused by the server.
  await assert.rejects(redis.trackKeys({ prefixes: ["a", "ab"], onInvalidate: () => {} }), { name: "ServerError" });
  await until(async () => !/flags=\w*t/.test(String(await redis.call("CLIENT", "LIST"))));
});

test("it ends with itself or with its client", async () => {
  const redis = connect();
  let count = 0;
  const first = await redis.trackKeys({ onInvalidate: () => count++ });
  const before = count;
  await redis.set("good", "x");
  await until(() => count > before);
  await first.close();
  const at = count;
  await redis.set("good", "y");
  await sleep(50);
  assert.equal(count, at);
  const second = await redis.trackKeys({ onInvalidate: () => {} });
  await redis.close();
  assert.equal(second.isLive, false);
  await assert.rejects(redis.trackKeys({ onInvalidate: () => {} }), { code: "ERR_CLOSED" });
});

test("callEach asks every primary once", async () => {
  await using redis = connect();
  assert.deepEqual(await redis.callEach("ECHO", "x"), ["x"]);
  await assert.rejects(redis.callEach("NO-SUCH-COMMAND"), { name: "ServerError" });
  await redis.close();
  await assert.rejects(redis.callEach("PING"), { code: "ERR_CLOSED" });
});
