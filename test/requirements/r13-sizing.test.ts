import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";

test("R13: too small a pool is advised to grow, from the leases that were needed at once", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url, { maxConnections: 4, acquireTimeout: 10_000 });
  const all = Array.from({ length: 60 }, () => pool.use(() => sleep(20)));
  await Promise.all(all);
  const advice = pool.advise();
  assert.equal(advice.measured.maxConnections, 4);
  assert.equal(advice.measured.mostLeased, 4);
  assert.ok(advice.maxConnections > 4, advice.reason);
  assert.match(advice.reason, /^raise maxConnections from 4 to \d+: .* lease\(s\) are needed at once$/);
});

test("R13: too large a pool is told that less would do", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url, { maxConnections: 50 });
  for (let index = 0; index < 50; index++) await pool.use((lease) => lease.get("k"));
  const advice = pool.advise();
  assert.ok(advice.maxConnections < 10, advice.reason);
  assert.match(advice.reason, /^maxConnections of 50 is enough, \d+ would do: /);
});

test("R13: the rule of thumb is requests per second / 1000 plus a buffer, from the measured peak", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url);
  await using redis = new Redis({ pool });
  const end = performance.now() + 1200;
  while (performance.now() < end) await Promise.all(Array.from({ length: 200 }, () => redis.get("k")));
  await until(() => pool.advise().measured.peakCommandsPerSecond > 0);
  const { ruleOfThumb, measured, maxConnections } = pool.advise();
  assert.ok(measured.peakCommandsPerSecond > 1000, `${measured.peakCommandsPerSecond} commands/s`);
  assert.equal(ruleOfThumb, Math.ceil(measured.peakCommandsPerSecond / 1000) + 10);
  assert.ok(maxConnections <= 3, "one shared connection carries it all, whatever the rule of thumb says");
});

test("R13: Little's law: the leases held at once on the average are leases per second × time of one", async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool(server.url, { maxConnections: 20 });
  // Three borrowers without a pause: three leases are out, whatever the rate and the time of each are.
  const end = performance.now() + 1300;
  const borrower = async (): Promise<void> => {
    while (performance.now() < end) await pool.use(() => sleep(15));
  };
  await Promise.all([borrower(), borrower(), borrower()]);
  const { concurrentLeases, measured } = pool.advise();
  assert.equal(measured.mostLeased, 3);
  assert.ok(concurrentLeases > 2 && concurrentLeases <= 3.001, `${concurrentLeases} leases`);
  const product = (measured.peakLeasesPerSecond * measured.meanLeaseTime) / 1000;
  assert.ok(product > 1.5 && product < 4.5, `${product}`);
});

test("R13: the advice is bounded by the server's maxclients, and says so", async () => {
  for (const shares of [true, false]) {
    await using server = await startServer({ config: { maxclients: 20 } });
    await using pool = new ConnectionPool(server.url, { maxConnections: 18, acquireTimeout: 10_000 });
    await using redis = shares ? new Redis({ pool }) : null;
    await redis?.ready();
    const end = performance.now() + 1300;
    const borrower = async (): Promise<void> => {
      while (performance.now() < end) await pool.use(() => sleep(10));
    };
    await Promise.all(Array.from({ length: 60 }, borrower));
    await until(() => pool.advise().maxClients === 20, { what: shares ? "with a client" : "of leases alone" });
    const advice = pool.advise();
    assert.equal(advice.maxConnections, 16, "four fifths of 20: others need some too");
    assert.match(advice.reason, /bounded by the server's maxclients of 20$/);
  }
});

test("R13: advice is there from the beginning, and only says what is known", async () => {
  await using pool = new ConnectionPool({ port: 1 });
  const advice = pool.advise();
  assert.deepEqual([advice.maxClients, advice.concurrentLeases, advice.ruleOfThumb], [null, 0, 10]);
  assert.match(advice.reason, /would do/);
});
