import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

/** Whether the promise settles before `limit` ms have passed. */
async function settlesWithin(promise: Promise<unknown>, limit: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, sleep(limit, false)]);
}

test("a subscribe that is not confirmed in time rejects then, not when the silent connection is given up", async () => {
  await using proxy = await startProxy(server());
  await using redis = new Redis({ host: proxy.host, port: proxy.port, socketTimeout: 3000 });
  await redis.subscribe("in-time:first");
  proxy.blackhole("toClient", true);
  const second = redis.with({ timeout: 150 }).subscribe("in-time:second");
  assert.ok(await settlesWithin(second, 1500), "it waited for the connection's end");
  await assert.rejects(second, { code: "ERR_COMMAND_TIMEOUT" });
  proxy.blackhole("toClient", false);
});

test("a subscribe with a longer limit does not fail with the shorter one's", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  await using redis = new Redis({ pool });
  const lease = await pool.lease();
  const hasty = redis.with({ timeout: 100 }).subscribe("in-time:hasty");
  const patient = redis.with({ timeout: 4000 }).subscribe("in-time:patient");
  await assert.rejects(hasty, { code: "ERR_POOL_TIMEOUT" });
  lease.release();
  assert.equal((await patient).isClosed, false);
});

test("a subscribe with a shorter limit is not kept waiting by the longer one's", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  await using redis = new Redis({ pool });
  const lease = await pool.lease();
  const patient = redis.with({ timeout: 4000 }).subscribe("in-time:patient");
  const hasty = redis.with({ timeout: 100 }).subscribe("in-time:hasty");
  const inTime = await settlesWithin(hasty, 1500);
  lease.release();
  assert.ok(inTime, "it waited for as long as the other");
  await assert.rejects(hasty, { outcome: "not-sent" });
  assert.equal((await patient).isClosed, false);
});

for (const how of ["options", "view"] as const) {
  test(`a subscribe that is aborted while it waits rejects at once and keeps no connection (${how})`, async () => {
    await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
    await using redis = new Redis({ pool });
    const lease = await pool.lease();
    const { signal, abort } = abortable();
    const waiting =
      how === "options"
        ? redis.subscribe("in-time:aborted", () => {}, { signal })
        : redis.with({ signal }).subscribe("in-time:aborted");
    await sleep(20);
    abort();
    const inTime = await settlesWithin(waiting, 1000);
    lease.release();
    assert.ok(inTime, "the abort was not heard");
    await assert.rejects(waiting, /enough/);
    // The connection is free for others: nobody wants the subscription any more.
    await until(async () => (await pool.use((other) => other.pubsub.channels("in-time:aborted"))).length === 0);
    assert.equal(pool.stats().subscribers, 0);
    assert.ok(pool.stats().created <= 3, `${pool.stats().created} connections were made for nobody`);
  });
}

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("enough")) };
}

test("the end of a shared pool ends the subscriptions of a client that is still open", async () => {
  const pool = new ConnectionPool({ port: server().port });
  await using redis = new Redis({ pool });
  const subscription = await redis.subscribe("in-time:pool");
  const next = subscription[Symbol.asyncIterator]().next();
  await pool.close();
  assert.deepEqual(await Promise.race([next, sleep(2000, "still waiting")]), { done: true, value: undefined });
  assert.equal(subscription.isClosed, true);
});

test("a subscribe on a pool that ends in the same turn neither stalls the event loop nor stays pending", async () => {
  const pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  await using redis = new Redis({ pool });
  const lease = await pool.lease();
  const subscribed = redis.with({ timeout: 1000 }).subscribe("in-time:dead");
  await sleep(10);
  lease.release(); // grants the connection to the subscriber …
  pool.destroy(); // … which has not heard of it yet
  const begin = performance.now();
  await assert.rejects(subscribed, { code: "ERR_CLOSED" });
  assert.ok(performance.now() - begin < 500, "it span until its deadline");
});

test("a channel that is refused after a reconnect does not keep the others from being restored", async () => {
  using raw = await connectRaw(server());
  await raw.command("ACL", "SETUSER", "listener", "on", ">pw", "+@all", "~*", "allchannels");
  await using redis = new Redis({ port: server().port, username: "listener", password: "pw" });
  const got: string[] = [];
  await redis.subscribe(["in-time:kept", "in-time:revoked"], ({ message }) => got.push(message));
  await redis.psubscribe("in-time:p*", ({ message }) => got.push(message));
  // Takes the right away and kills the connections that used it.
  await raw.command("ACL", "SETUSER", "listener", "resetchannels", "&in-time:kept", "&in-time:p*");
  await until(async () => {
    const [, kept] = (await raw.command("PUBSUB", "NUMSUB", "in-time:kept")) as [string, number];
    return Number(kept) === 1 && Number(await raw.command("PUBSUB", "NUMPAT")) === 1;
  });
  await raw.command("PUBLISH", "in-time:kept", "kept");
  await raw.command("PUBLISH", "in-time:pattern", "pattern");
  await until(() => got.length === 2);
  assert.deepEqual(got.sort(), ["kept", "pattern"]);
  assert.equal(statsOf(redis).subscribers, 1);
});
