import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, type Lease, type PoolStats, type RedisOptions } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

function holdsSumRule(stats: PoolStats, maxConnections: number): void {
  const { total, idle, leased, lanes, subscribers, repairing, connecting } = stats;
  assert.equal(total, idle + leased + lanes + subscribers + repairing, JSON.stringify(stats));
  assert.ok(total + connecting <= maxConnections, JSON.stringify(stats));
}

test("a caller's timeout never cancels a dial that is nearly done: the connection goes to the next waiter", async () => {
  await using proxy = await startProxy({ port: server().port });
  proxy.delay(100); // the handshake takes 200 ms and more
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, maxConnections: 1 });
  const impatient = assert.rejects(pool.lease({ timeout: 120 }), { code: "ERR_POOL_TIMEOUT", outcome: "not-sent" });
  const patient = pool.lease({ timeout: 2000 });
  await impatient;
  const lease = await patient;
  assert.equal(proxy.accepted, 1, "the dial went on and served the one behind");
  lease.release();
});

test("a connection that arrives after its waiter has timed out becomes idle and serves the next one", async () => {
  await using proxy = await startProxy({ port: server().port });
  proxy.delay(60);
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, maxConnections: 3 });
  await assert.rejects(pool.lease({ timeout: 30 }), { code: "ERR_POOL_TIMEOUT" });
  await until(() => pool.stats().idle === 1);
  assert.deepEqual([pool.stats().total, pool.stats().connecting], [1, 0]);
  await pool.use((lease) => lease.ping(), { timeout: 0 });
  assert.equal(proxy.accepted, 1);
});

test("a connection that arrives after its waiter was cancelled is given to another or to idle", async () => {
  await using proxy = await startProxy({ port: server().port });
  proxy.delay(40);
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, maxConnections: 4 });
  const cancel = new AbortController();
  const cancelled = [1, 2, 3].map(() => assert.rejects(pool.lease({ signal: cancel.signal }), /no longer wanted/));
  const kept = pool.lease();
  await sleep(10);
  cancel.abort(new Error("no longer wanted"));
  await Promise.all(cancelled);
  (await kept).release();
  await until(() => pool.stats().connecting === 0);
  assert.deepEqual([pool.stats().idle, pool.stats().leased, pool.stats().waiting], [4, 0, 0]);
  assert.equal(proxy.accepted, 4, "none of the dials was thrown away");
});

test("a command that timed out while its connection was made leaves the connection to the next command", async () => {
  await using proxy = await startProxy({ port: server().port });
  proxy.delay(60);
  await using redis = new Redis({ host: proxy.host, port: proxy.port });
  await assert.rejects(redis.with({ timeout: 40 }).get("k"), { code: "ERR_COMMAND_TIMEOUT", outcome: "not-sent" });
  assert.equal(await redis.echo("next"), "next");
  assert.equal(proxy.accepted, 1);
});

/** A small seeded generator (mulberry32), so that a failing storm can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One caller of the storm: whatever happens to him, he gives back what he has. */
async function caller(pool: ConnectionPool, redis: Redis, random: () => number): Promise<void> {
  const cancel = new AbortController();
  const how = random();
  if (random() < 0.3) setTimeout(() => cancel.abort(), random() * 15);
  if (how < 0.15) return void (await redis.with({ timeout: 1 + random() * 20, signal: cancel.signal }).incr("n"));
  if (how < 0.3) return void (await redis.with({ timeout: 5 + random() * 80, signal: cancel.signal }).blpop("none", 0));
  const lease = await pool.lease({ timeout: random() * 30, signal: cancel.signal });
  try {
    const what = random();
    if (what < 0.15) await lease.select(1);
    else if (what < 0.3) await lease.watch("k");
    else if (what < 0.4) await lease.call("CLIENT", "SETNAME", "storm");
    else if (what < 0.5) void lease.incr("n").catch(() => {}); // given back with its reply outstanding
    else if (what < 0.9) await lease.incr("n");
    if (random() < 0.3) await sleep(random() * 10);
  } finally {
    lease.release();
    if (random() < 0.2) lease.release();
  }
}

const MAX = 6;

async function fullCapacity(pool: ConnectionPool): Promise<void> {
  // One place is the shared commands' own, whether their lane is open at the moment or not.
  const leases: Lease[] = await Promise.all(Array.from({ length: MAX - 1 }, () => pool.lease({ timeout: 8000 })));
  const ids = await Promise.all(leases.map((lease) => lease.client.id()));
  assert.equal(new Set(ids).size, leases.length);
  await assert.rejects(pool.lease({ timeout: 0 }), { code: "ERR_POOL_TIMEOUT" }, "and not one more");
  for (const lease of leases) lease.release();
  await until(() => pool.stats().idle + pool.stats().lanes === pool.stats().total);
  assert.ok(pool.stats().total <= MAX);
}

async function storm(seed: number, raw: RawClient, options: RedisOptions): Promise<void> {
  const random = generator(seed);
  await using proxy = await startProxy({ port: server().port });
  await using pool = new ConnectionPool({
    host: proxy.host,
    port: proxy.port,
    maxConnections: MAX,
    connectTimeout: 150,
    socketTimeout: 200,
    reconnect: { minDelay: 1, maxDelay: 20 },
    ...options,
  });
  await using redis = new Redis({ pool });
  const callers: Promise<unknown>[] = [];
  for (let step = 0; step < 150; step++) {
    for (let n = Math.floor(random() * 5); n > 0; n--) {
      callers.push(
        caller(pool, redis, random).catch((error: Error) =>
          assert.ok("code" in error || error.name === "AbortError", String(error.stack)),
        ),
      );
    }
    const fault = random();
    if (fault < 0.02) await proxy.refuse(true);
    else if (fault < 0.08) await proxy.refuse(false);
    else if (fault < 0.1) proxy.cut({ reset: random() < 0.5 });
    else if (fault < 0.12) await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").catch(() => 0);
    else if (fault < 0.14) proxy.delay(Math.floor(random() * 20));
    else if (fault < 0.16) proxy.delay(0);
    else if (fault < 0.17) proxy.blackhole("both", true);
    else if (fault < 0.2) proxy.blackhole("both", false);
    else if (fault < 0.22) proxy.cutAfterBytes(random() < 0.5 ? "toClient" : "toServer", Math.floor(random() * 500));
    await sleep(random() * 4);
    holdsSumRule(pool.stats(), MAX);
  }
  // The weather clears.
  proxy.blackhole("both", false);
  proxy.delay(0);
  proxy.cutAfterBytes("toClient", Number.POSITIVE_INFINITY);
  proxy.cutAfterBytes("toServer", Number.POSITIVE_INFINITY);
  await proxy.refuse(false);
  await Promise.all(callers);
  await until(() => pool.stats().leased === 0 && pool.stats().waiting === 0 && pool.stats().repairing === 0);
  await fullCapacity(pool);
  assert.equal(await redis.echo("calm"), "calm");
  await fullCapacity(pool);
  holdsSumRule(pool.stats(), MAX);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`permits taken are permits given back under every interleaving (storm ${seed})`, async () => {
    using raw = await connectRaw(server());
    await storm(seed, raw, seed % 2 === 0 ? { idleTimeout: 60, maxLifetime: 150 } : { healthCheckInterval: 40 });
  });
}
