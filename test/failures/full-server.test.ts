import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, type Lease } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

test("a server with no client left to give caps the pool for a while: no hot loop, and what there is works on", async () => {
  await using server = await startServer({ config: { maxclients: 8 } });
  await using link = await startProxy(server);
  using raw = await connectRaw(server);
  await using pool = new ConnectionPool({
    host: link.host,
    port: link.port,
    maxConnections: 50,
    acquireTimeout: 4000,
    reconnect: { minDelay: 20, maxDelay: 200 },
  });
  const waiting = Promise.allSettled(Array.from({ length: 30 }, () => pool.lease()));
  await until(() => pool.stats().leased >= 5 && pool.stats().connecting === 0);
  await sleep(300);
  const attempts = link.accepted;
  await sleep(400);
  assert.equal(link.accepted, attempts, "while the cap is down nobody knocks again");
  assert.ok(attempts <= 30, `${attempts} attempts for 30 callers`);
  const settled = await waiting;
  const leases = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  assert.ok(leases.length >= 5 && leases.length <= 7, `${leases.length} leases of 7 possible`);
  for (const one of settled) {
    if (one.status === "fulfilled") continue;
    assert.deepEqual([one.reason.code, one.reason.outcome], ["ERR_POOL_TIMEOUT", "not-sent"]);
    assert.match(one.reason.message, /maxclients/, "the error says what to change");
    assert.equal(one.reason.cause?.code, "ERR_CONNECT_MAX_CLIENTS");
  }
  assert.deepEqual(
    await Promise.all(leases.map((lease) => lease.echo("works"))),
    leases.map(() => "works"),
  );
  for (const lease of leases) lease.release();
  assert.equal(await pool.use((lease) => lease.echo("lent again")), "lent again");
  void raw;
});

test("when the limit is raised the pool grows again to its own maximum", async () => {
  await using server = await startServer({ config: { maxclients: 6 } });
  using raw = await connectRaw(server);
  await using pool = new ConnectionPool({
    port: server.port,
    maxConnections: 12,
    acquireTimeout: 12_000,
    reconnect: { minDelay: 20, maxDelay: 100 },
  });
  const waiting = Promise.all(Array.from({ length: 12 }, () => pool.lease()));
  await until(() => pool.stats().leased > 0 && pool.stats().connecting === 0);
  assert.ok(pool.stats().leased < 6);
  await raw.command("CONFIG", "SET", "maxclients", 100);
  const leases: Lease[] = await waiting;
  assert.equal(new Set(await Promise.all(leases.map((lease) => lease.client.id()))).size, 12);
  for (const lease of leases) lease.release();
});

test("a full server with nothing open yet is asked with growing pauses, and served as soon as it has room", async () => {
  await using server = await startServer({ config: { maxclients: 3 } });
  await using link = await startProxy(server);
  const raws = [await connectRaw(server), await connectRaw(server), await connectRaw(server)];
  await using redis = new Redis({ host: link.host, port: link.port, reconnect: { minDelay: 50, maxDelay: 300 } });
  await assert.rejects(
    redis.with({ timeout: 1000 }).get("k"),
    (error: { code: string; outcome: string; cause: { code: string } }) => {
      assert.deepEqual(
        [error.code, error.outcome, error.cause.code],
        ["ERR_COMMAND_TIMEOUT", "not-sent", "ERR_CONNECT_MAX_CLIENTS"],
      );
      return true;
    },
  );
  assert.ok(link.accepted >= 2 && link.accepted <= 20, `${link.accepted} attempts in a second`);
  const reading = redis.get("k");
  for (const raw of raws) raw.close();
  assert.equal(await reading, null);
});

test("a full server is told from other refusals however early it says so", async () => {
  await using server = await startServer({ config: { maxclients: 2 } });
  const raws = [await connectRaw(server), await connectRaw(server)];
  // Asking for credentials takes time, and the server has said its word before the first command.
  const credentials = async (): Promise<{ password: string }> => {
    await sleep(30);
    return { password: "unused" };
  };
  await using slow = new ConnectionPool({ port: server.port, credentials });
  await assert.rejects(
    slow.lease({ timeout: 400 }),
    (error: { cause: { code: string } }) => error.cause.code === "ERR_CONNECT_MAX_CLIENTS",
  );
  for (const raw of raws) raw.close();
});
