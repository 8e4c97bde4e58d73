import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("releasing twice is harmless: the connection is never lent to two callers", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1, acquireTimeout: 1000 });
  const first = await pool.lease();
  first.release();
  first.release();
  const second = await pool.lease();
  first.release(); // must not give the second borrower's connection back
  assert.equal(pool.stats().leased, 1);
  await assert.rejects(pool.lease({ timeout: 0 }), { code: "ERR_POOL_TIMEOUT", outcome: "not-sent" });
  assert.equal(await second.echo("still mine"), "still mine");
  second.release();
  assert.deepEqual([pool.stats().leased, pool.stats().idle, pool.stats().total], [0, 1, 1]);
});

test("releasing explicitly and again at the end of the scope gives the connection back once", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 2 });
  {
    await using lease = await pool.lease();
    lease.release();
    assert.equal(lease.isReleased, true);
  }
  await pool.use((lease) => lease.release());
  const [a, b] = await Promise.all([pool.lease(), pool.lease()]);
  assert.notEqual(await a.client.id(), await b.client.id());
  a.release();
  b.release();
  assert.equal(pool.stats().idle, pool.stats().total);
});

test("releasing after the connection died is harmless and frees the place", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1, acquireTimeout: 3000 });
  using raw = await connectRaw(server());
  const lease = await pool.lease();
  const id = await lease.client.id();
  await raw.command("CLIENT", "KILL", "ID", id);
  await until(() => pool.stats().total === 0);
  const next = await pool.lease();
  lease.release();
  lease.release();
  assert.equal(pool.stats().leased, 1);
  assert.notEqual(await next.client.id(), id);
  next.release();
});

test("a lease used after it was given back is refused, and the next borrower never sees its commands", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  const old = await pool.lease();
  const batch = old.pipeline().set("late", "1");
  const chain = old.multi().set("late", "2");
  const { client } = old;
  old.release();
  const next = await pool.lease();
  const refusal = { code: "ERR_CLOSED", outcome: "not-sent" };
  await assert.rejects(old.set("late", "0"), refusal);
  await assert.rejects(old.call("SET", "late", "3"), refusal);
  await assert.rejects(batch.exec(), refusal);
  await assert.rejects(chain.exec(), refusal);
  await assert.rejects(client.setname("late"), refusal);
  assert.equal(await next.get("late"), null);
  assert.equal(await next.client.getname(), null);
  next.release();
});
