import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { ConnectionPool, type Lease } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

async function takeAndForget(pool: ConnectionPool): Promise<Lease> {
  return pool.lease();
}

test("a lease that is not given back is reported once, with the place where it was taken", async () => {
  const reports: { heldFor: number; stack: string }[] = [];
  const listener = (message: unknown): void => {
    reports.push(message as { heldFor: number; stack: string });
  };
  subscribe("respool:lease:leaked", listener);
  try {
    await using pool = new ConnectionPool({ port: server().port, leakThreshold: 50 });
    const lease = await takeAndForget(pool);
    await until(() => reports.length > 0);
    assert.match(reports[0]?.stack ?? "", /takeAndForget/);
    assert.ok((reports[0]?.heldFor ?? 0) >= 50);
    const [leak, ...others] = pool.leaks();
    assert.deepEqual(others, []);
    assert.match(leak?.stack ?? "", /takeAndForget/);
    await until(() => (pool.leaks()[0]?.heldFor ?? 0) > 200);
    assert.equal(reports.length, 1, "once is enough");
    lease.release();
    assert.deepEqual(pool.leaks(), []);
  } finally {
    unsubscribe("respool:lease:leaked", listener);
  }
});

test("the same connection is reported again when its next borrower keeps it, too", async () => {
  await using pool = new ConnectionPool({ port: server().port, leakThreshold: 40, maxConnections: 1 });
  const first = await pool.lease();
  await until(() => pool.leaks().length === 1);
  first.release();
  const second = await pool.lease();
  assert.deepEqual(pool.leaks(), [], "its time begins anew");
  await until(() => pool.leaks().length === 1);
  second.release();
});

test("without leakThreshold nothing is watched", async () => {
  await using pool = new ConnectionPool({ port: server().port });
  await pool.use(() => assert.deepEqual(pool.leaks(), []));
});
