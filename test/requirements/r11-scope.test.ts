import assert from "node:assert/strict";
import { test } from "node:test";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ConnectionPool, type Lease } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("R11: `await using` gives the connection back at the end of the scope, however it ends", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const failure = new Error("from within");
  const work = async (end: "falls through" | "returns" | "throws"): Promise<string | null> => {
    await using lease = await pool.lease();
    await lease.set("r11:k", end);
    assert.equal(pool.stats().leased, 1);
    if (end === "returns") return await lease.get("r11:k");
    if (end === "throws") throw failure;
    return null;
  };
  assert.equal(await work("returns"), "returns");
  assert.equal(pool.stats().leased, 0);
  await assert.rejects(work("throws"), failure);
  assert.equal(pool.stats().leased, 0);
  assert.equal(await work("falls through"), null);
  const { leased, idle, created } = pool.stats();
  assert.deepEqual({ leased, idle, created }, { leased: 0, idle: 1, created: 1 });
});

test("R11: `use` returns the callback's value and gives the connection back, whatever happens", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const failure = new Error("from within");
  assert.equal(await pool.use(async (lease) => lease.set("r11:u", 1)), "OK");
  assert.equal(await pool.use(() => "not even a promise"), "not even a promise");
  await assert.rejects(
    pool.use(() => {
      throw failure;
    }),
    failure,
  );
  await assert.rejects(
    pool.use(() => Promise.reject(failure)),
    failure,
  );
  await assert.rejects(
    pool.use((lease) => lease.call("NO-SUCH-COMMAND")),
    { code: "ERR", outcome: "rejected" },
  );
  const { leased, idle, created } = pool.stats();
  assert.deepEqual({ leased, idle, created }, { leased: 0, idle: 1, created: 1 });
});

test("R11: a lease that was carried out of its scope is of no use any more", async () => {
  await using pool = new ConnectionPool(server().url);
  let escaped: Lease | undefined;
  await pool.use((lease) => void (escaped = lease));
  assert.equal(escaped?.isReleased, true);
  await assert.rejects(escaped.get("k"), {
    code: "ERR_CLOSED",
    outcome: "not-sent",
    message: /given back; take a new one/,
  });
  await assert.rejects(escaped.multi().get("k").exec(), { code: "ERR_CLOSED" });
  escaped.release();
});

test("R11: a connection given back with a reply outstanding is ended, never lent with it", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
  for (let round = 0; round < 10; round++) {
    const forgotten = await pool.use((lease) => {
      void lease.set("r11:late", round); // it is answered before the one that is awaited
      return lease.get("r11:late");
    });
    assert.equal(forgotten, String(round));
    const lease = await pool.lease();
    const late = lease.get("r11:late");
    lease.release();
    await assert.rejects(late, { code: "ERR_CONNECTION_LOST", message: /given back too early, await every command/ });
    assert.equal(await pool.use((next) => next.echo("mine")), "mine");
  }
  assert.equal(pool.stats().closedBecause.unread, 10);
});

test("R11: a thousand scopes, failing ones among them, leak nothing", async () => {
  await using pool = new ConnectionPool(server().url, { maxConnections: 5, acquireTimeout: 10_000 });
  const all = Array.from({ length: 1000 }, (_, index) =>
    pool
      .use(async (lease) => {
        await lease.incr("r11:n");
        if (index % 7 === 0) throw new Error("one of seven");
        if (index % 11 === 0) await lease.watch("r11:n");
      })
      .catch(() => undefined),
  );
  await Promise.all(all);
  await until(() => pool.stats().repairing === 0);
  const { leased, waiting, idle, acquired, created } = pool.stats();
  assert.deepEqual(
    { leased, waiting, acquired, idle, created },
    { leased: 0, waiting: 0, acquired: 1000, idle: 5, created: 5 },
  );
});

test("R11: a lease taken without a scope and held too long is reported with the place that took it", async () => {
  const told: { heldFor: number; stack: string }[] = [];
  const listener = (message: unknown): void => void told.push(message as { heldFor: number; stack: string });
  subscribe("respool:lease:leaked", listener);
  try {
    await using pool = new ConnectionPool(server().url, { leakThreshold: 40 });
    const forgotten = await pool.lease();
    await until(() => told.length === 1);
    const [leak] = pool.leaks();
    for (const report of [leak, told[0]]) {
      assert.ok(report !== undefined && report.heldFor >= 40);
      assert.match(report.stack, /r11-scope\.test/);
    }
    forgotten.release();
    assert.deepEqual(pool.leaks(), []);
  } finally {
    unsubscribe("respool:lease:leaked", listener);
  }
});
