import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "respool";
import { startFaultProxy } from "respool/testing";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

/*
 * A reply whose bytes come one by one is no silence. While somebody waits for it, it may be a large one on a slow link; when its command
 * has run out of time, nobody wants it, and it only keeps others from theirs.
 */

const server = sharedServer();
const LIMITS = { socketTimeout: 300, maxConnections: 1 } as const;

test("a reply that nobody waits for and that never ends: its connection is replaced after socketTimeout", async () => {
  await using proxy = await startFaultProxy(server());
  await using redis = new Redis(proxy.url, LIMITS);
  await redis.set("drip", "x".repeat(1000));
  const fault = proxy.inject("slow", { command: "GET", direction: "toClient", bytesPerSecond: 50 });
  const hasty = redis.with({ timeout: 100, retry: false });
  await assert.rejects(hasty.get("drip"), { code: "ERR_COMMAND_TIMEOUT" });
  const behind = redis.with({ retry: false }).incr("drip:behind");
  await assert.rejects(behind, {
    code: "ERR_CONNECTION_LOST",
    message:
      /\(socket-timeout: the server sends too slowly: a reply did not end, and nobody waits for it any more\) with INCR on it; it may have run/,
  });
  assert.equal(statsOf(redis).closedBecause["socket-timeout"], 1);
  await fault.end();
  assert.equal(await redis.get("drip"), "x".repeat(1000));
});

test("a reply that comes slowly and is waited for is left alone, for longer than socketTimeout", async () => {
  await using proxy = await startFaultProxy(server());
  await using redis = new Redis(proxy.url, LIMITS);
  await redis.set("drip", "x".repeat(1000));
  const fault = proxy.inject("slow", { command: "GET", direction: "toClient", bytesPerSecond: 1250 });
  assert.equal(await redis.get("drip"), "x".repeat(1000));
  await fault.end();
  assert.equal(statsOf(redis).closedBecause["socket-timeout"] ?? 0, 0);
});

test("replies that nobody waits for, but that end, are progress: the connection stays", async () => {
  await using proxy = await startFaultProxy(server());
  await using redis = new Redis(proxy.url, LIMITS);
  await redis.ready();
  const fault = proxy.inject("slow", { command: "PING", direction: "toClient", bytesPerSecond: 60 });
  const hasty = redis.with({ timeout: 20, retry: false });
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => hasty.ping()));
  assert.ok(results.every(({ status }) => status === "rejected"));
  // Ten replies, a tenth of a second each.
  await until(() => fault.hits >= 10 && statsOf(redis).inFlight === 0);
  await fault.end();
  assert.equal(await redis.ping(), "PONG");
  assert.equal(statsOf(redis).closedBecause["socket-timeout"] ?? 0, 0);
});
