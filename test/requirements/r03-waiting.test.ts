import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, PoolTimeoutError, QueueFullError, Redis, type Lease } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

function leases(pool: ConnectionPool, count: number): Promise<Lease[]> {
  return Promise.all(Array.from({ length: count }, () => pool.lease({ timeout: 5000 })));
}

test("R3: a connection that is given back is lent again, the latest one first", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 3 });
  const [first, second] = await leases(pool, 2);
  assert.ok(first !== undefined && second !== undefined);
  const ids = [await first.client.id(), await second.client.id()];
  first.release();
  second.release();
  assert.equal(await pool.use((lease) => lease.client.id()), ids[1]);
  assert.equal(pool.stats().created, 2);
});

test("R3: when all connections are out a caller waits in a bounded fair queue and the error says what to change", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 2, acquireTimeout: 60, maxWaiting: 3 });
  const held = await leases(pool, 2);
  const waiting = Array.from({ length: 3 }, () => pool.lease());
  await assert.rejects(pool.lease(), (error) => {
    assert.ok(error instanceof QueueFullError);
    assert.deepEqual([error.code, error.outcome, error.limit], ["ERR_QUEUE_FULL", "not-sent", "maxWaiting"]);
    assert.match(
      error.message,
      /^3 callers are waiting .*\(2\/2 leased, 3 waiting\): .*raise maxConnections or maxWaiting$/,
    );
    return true;
  });
  for (const result of await Promise.allSettled(waiting)) {
    const error: unknown = result.status === "rejected" ? result.reason : null;
    assert.ok(error instanceof PoolTimeoutError);
    assert.deepEqual([error.code, error.outcome], ["ERR_POOL_TIMEOUT", "not-sent"]);
    assert.deepEqual([error.timeout, error.leased, error.waiting, error.maxConnections], [60, 2, 3, 2]);
    assert.equal(
      error.message,
      "no connection within 60 ms (2/2 leased, 3 waiting): raise maxConnections or hold leases for less time",
    );
  }
  const { timeouts, rejected } = pool.stats();
  assert.deepEqual({ timeouts, rejected }, { timeouts: 3, rejected: 1 });
  for (const lease of held) lease.release();
});

test("R3: waiting callers are served in the order in which they came", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const held = await pool.lease();
  const order: number[] = [];
  const all = Array.from({ length: 50 }, (_, index) => pool.use(() => void order.push(index)));
  assert.equal(pool.stats().waiting, 50);
  held.release();
  await Promise.all(all);
  assert.deepEqual(
    order,
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test("R3: who asks with timeout 0 gets an idle connection, or fails at once", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const held = await pool.lease();
  await assert.rejects(pool.lease({ timeout: 0 }), { code: "ERR_POOL_TIMEOUT", outcome: "not-sent", timeout: 0 });
  held.release();
  const lease = await pool.lease({ timeout: 0 });
  lease.release();
});

test("R3: who gives up waiting leaves the queue, and the next one is served", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const held = await pool.lease();
  const giveUp = new AbortController();
  const impatient = pool.lease({ signal: giveUp.signal });
  const patient = pool.lease();
  const reason = new Error("no longer needed");
  giveUp.abort(reason);
  await assert.rejects(impatient, reason);
  assert.equal(pool.stats().waiting, 1);
  held.release();
  (await patient).release();
  await assert.rejects(pool.lease({ signal: AbortSignal.abort(reason) }), reason);
  const { leased, idle, waiting } = pool.stats();
  assert.deepEqual({ leased, idle, waiting }, { leased: 0, idle: 1, waiting: 0 });
});

test("R3: giving back twice is harmless: the connection is never lent to two callers", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const first = await pool.lease();
  first.release();
  first.release();
  const second = await pool.lease();
  first.release();
  assert.equal(pool.stats().leased, 1);
  await assert.rejects(pool.lease({ timeout: 0 }), { code: "ERR_POOL_TIMEOUT" });
  await assert.rejects(first.get("k"), { code: "ERR_CLOSED", outcome: "not-sent" });
  second.release();
});

test("R3: a blocking command waits in the same queue and under the same limits", async () => {
  await using redis = new Redis(server().url, { maxConnections: 2, maxWaiting: 1, acquireTimeout: 500 });
  await redis.ready();
  const blocked = redis.blpop("r3:q", 5);
  await until(() => statsOf(redis).leased === 1);
  const waiting = redis.blpop("r3:other", 5);
  await assert.rejects(redis.blpop("r3:third", 5), { code: "ERR_QUEUE_FULL", outcome: "not-sent" });
  await assert.rejects(waiting, {
    code: "ERR_POOL_TIMEOUT",
    outcome: "not-sent",
    message: /\(1\/2 leased, 1 shared, 1 waiting\): raise maxConnections/,
  });
  await redis.rpush("r3:q", "job");
  assert.deepEqual(await blocked, ["r3:q", "job"]);
});

test("R3: the error of a wait that no connection came of says why none could be made", async () => {
  await using proxy = await startProxy(server());
  await proxy.refuse(true);
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port, acquireTimeout: 150 });
  await assert.rejects(pool.lease(), (error) => {
    assert.ok(error instanceof PoolTimeoutError);
    assert.match(error.message, /the latest attempt to connect failed: .*connection refused/);
    assert.equal((error.cause as { code?: string }).code, "ERR_CONNECT_REFUSED");
    return true;
  });
});
