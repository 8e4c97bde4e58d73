import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, type RedisOptions } from "../../src/index.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

const through = (proxy: Proxy): RedisOptions => ({
  host: "127.0.0.1",
  port: proxy.port,
  reconnect: { minDelay: 10, maxDelay: 50 },
});

/** Ends all connections and takes no new ones; what is sent from now on has nobody to go to. */
async function cutOff(redis: Redis, proxy: Proxy): Promise<void> {
  await proxy.refuse(true);
  proxy.cut();
  await until(() => Object.values(redis.stats().nodes)[0]?.total === 0);
}

async function offline(options: RedisOptions, body: (redis: Redis, proxy: Proxy) => Promise<void>): Promise<void> {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ ...through(proxy), ...options });
  await redis.flushall();
  await cutOff(redis, proxy);
  await body(redis, proxy);
  await proxy.refuse(false);
  // It is online again, and had time to do what it should not.
  await until(() => redis.set("online", "1").catch(() => null));
  await sleep(100);
  using raw = await connectRaw(server());
  assert.deepEqual(await raw.command("KEYS", "*"), ["online"]);
}

test("a command whose deadline passed while offline never runs after the reconnect", () =>
  offline({}, async (redis) => {
    const view = redis.with({ timeout: 150 });
    const failed = { code: "ERR_COMMAND_TIMEOUT", outcome: "not-sent" };
    await Promise.all([
      assert.rejects(view.incr("late"), failed),
      assert.rejects(view.pipeline().set("late", "1").incr("late").exec(), failed),
      assert.rejects(view.multi().set("late", "1").exec(), failed),
      assert.rejects(view.blpop("late", 1), { outcome: "not-sent" }),
    ]);
  }));

test("a command cancelled while offline never runs after the reconnect", () =>
  offline({}, async (redis) => {
    const cancel = new AbortController();
    const view = redis.with({ signal: cancel.signal });
    const all = [
      view.set("cancelled", "1"),
      view.pipeline().set("cancelled", "2").exec(),
      view.multi().set("cancelled", "3").exec(),
      view.blmove("nowhere", "cancelled", "LEFT", "LEFT", 0),
    ];
    const rejected = all.map((one) => assert.rejects(one, /too late/));
    await sleep(30);
    cancel.abort(new Error("too late"));
    await Promise.all(rejected);
  }));

test("a command refused while offline because the queue is full never runs after the reconnect", () =>
  offline({ maxInFlight: 5 }, async (redis) => {
    void Promise.allSettled(Array.from({ length: 5 }, () => redis.del("nothing")));
    const full = { code: "ERR_QUEUE_FULL", outcome: "not-sent", limit: "maxInFlight" };
    await Promise.all(Array.from({ length: 20 }, (_, i) => assert.rejects(redis.set(`refused:${i}`, "1"), full)));
  }));

test("a lease that was waited for in vain while offline is not taken after the reconnect", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ ...through(proxy), acquireTimeout: 100 });
  await proxy.refuse(true);
  await assert.rejects(
    redis.transaction("k", (tx) => tx.multi().set("transacted", "1")),
    { code: "ERR_POOL_TIMEOUT", outcome: "not-sent" },
  );
  await proxy.refuse(false);
  await redis.ping();
  await sleep(50);
  const { leased, waiting, inFlight } = Object.values(redis.stats().nodes)[0] ?? assert.fail();
  assert.deepEqual({ leased, waiting, inFlight }, { leased: 0, waiting: 0, inFlight: 0 });
  assert.equal(await redis.exists("transacted"), 0);
});

test("commands of a client that was closed while offline never run", async () => {
  await using proxy = await startProxy({ port: server().port });
  const redis = new Redis(through(proxy));
  await redis.flushall();
  await cutOff(redis, proxy);
  const all = [redis.set("closed", "1"), redis.pipeline().set("closed", "2").exec(), redis.incr("closed")];
  const settled = Promise.allSettled(all);
  await redis.close({ timeout: 50 });
  for (const result of await settled) {
    assert.deepEqual(result.status === "rejected" && [result.reason.code, result.reason.outcome], [
      "ERR_CLOSED",
      "not-sent",
    ]);
  }
  await proxy.refuse(false);
  await sleep(150);
  using raw = await connectRaw(server());
  assert.equal(await raw.command("EXISTS", "closed"), 0);
});
