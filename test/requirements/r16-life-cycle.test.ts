import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

const USES = `
  const { Redis, ConnectionPool } = respool;
  const pool = new ConnectionPool(process.env.URL, { minConnections: 2, healthCheckInterval: 50, leakThreshold: 1000 });
  const redis = new Redis({ pool });
  const own = new Redis(process.env.URL);
  await redis.set("r16:k", "v");
  await own.transaction("r16:k", (tx) => tx.multi().get("r16:k"));
  const subscription = await own.subscribe("r16:news", () => undefined);
  const waiting = own.blpop("r16:none", 0).catch((error) => error);
  await pool.use((lease) => lease.get("r16:k"));
  const signal = new AbortController().signal;
  await own.with({ timeout: 60_000, signal }).get("r16:k");
`;

test("R16: a process ends by itself once its clients and pools are closed, with nothing left open", async () => {
  for (const end of [
    "await redis.close(); await own.close(); await pool.close();",
    "redis.destroy(); own.destroy(); pool.destroy();",
  ]) {
    const result = await runChild(
      `${USES}
      ${end}
      const blocked = await waiting;
      console.log(blocked.code, subscription.isClosed);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      console.log(process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Pipe|TLS/.test(name) && name !== "PipeWrap").join());`,
      { URL: server().url },
    );
    assert.deepEqual(result, { code: 0, signal: null, stdout: result.stdout, stderr: "" }, result.stderr);
    assert.match(result.stdout, /^ERR_[A-Z_]+ true\n\n$/);
  }
});

test("R16: `await using` closes too: nothing keeps the process", async () => {
  // The disposal that \`await using\` compiles to; Node 20 does not parse the statement itself.
  const result = await runChild(
    `const redis = new respool.Redis(process.env.URL);
     try { console.log(await redis.ping()); } finally { await redis[Symbol.asyncDispose](); }`,
    { URL: server().url },
  );
  assert.deepEqual(result, { code: 0, signal: null, stdout: "PONG\n", stderr: "" });
});

test("R16: closing while the server is out of reach, or before anything was opened, ends as well", async () => {
  const result = await runChild(`
    const redis = new respool.Redis({ port: 1 });
    await redis.close();
    const trying = new respool.Redis({ port: 1, commandTimeout: 60_000 });
    const lost = trying.get("k").catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await trying.close({ timeout: 50 });
    const { code, outcome } = await lost;
    console.log(code, outcome);`);
  assert.deepEqual(result, { code: 0, signal: null, stdout: "ERR_CLOSED not-sent\n", stderr: "" });
});

test("R16: a subscription that is waiting for its server to come back ends with its client at once", async () => {
  await using own = await startServer();
  const result = await runChild(
    `const redis = new respool.Redis(process.env.URL, { reconnect: { minDelay: 20_000, maxDelay: 30_000 } });
     let onGap;
     const lost = new Promise((resolve) => (onGap = resolve));
     await redis.subscribe("news", () => undefined, { onGap });
     await redis.call("SHUTDOWN", "NOSAVE").catch(() => undefined);
     await lost;
     await new Promise((resolve) => setTimeout(resolve, 300));
     await redis.close({ timeout: 100 });
     for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
     console.log(process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).join());`,
    { URL: own.url },
  );
  assert.deepEqual(result, { code: 0, signal: null, stdout: "\n", stderr: "" });
});

test("R16: close drains first: what is in flight gets its replies, then every connection ends", async () => {
  using raw = await connectRaw(server());
  const redis = new Redis(server().url);
  await redis.ready();
  await raw.command("CLIENT", "PAUSE", 60);
  const replies = Array.from({ length: 100 }, (_, index) => redis.set(`r16:${index}`, index));
  await redis.close();
  assert.deepEqual(
    await Promise.all(replies),
    replies.map(() => "OK"),
  );
  await assert.rejects(redis.get("r16:1"), { code: "ERR_CLOSED", outcome: "not-sent" });
  assert.equal(statsOf(redis).total, 0);
  await until(async () => (await raw.clients()).length === 0);
});

test("R16: closing is told to those who wait, may be repeated, and leaves nothing on the server", async () => {
  using raw = await connectRaw(server());
  const pool = new ConnectionPool(server().url, { maxConnections: 1 });
  const held = await pool.lease();
  const waiting = assert.rejects(pool.lease(), { code: "ERR_CLOSED", outcome: "not-sent" });
  const closed = [pool.close(), pool.close()];
  await waiting;
  assert.equal(await held.ping(), "PONG", "a lease goes on to its end");
  held.release();
  await Promise.all(closed);
  await pool.close();
  pool.destroy();
  await assert.rejects(pool.lease(), { code: "ERR_CLOSED" });
  await until(async () => (await raw.clients()).length === 0);
});

test("R16: a client that has opened nothing does not keep the process, closed or not", async () => {
  const result = await runChild(
    `const redis = new respool.Redis(process.env.URL, { idleTimeout: 50 });
     console.log(Object.keys(redis.stats().nodes).length);`,
    { URL: server().url },
  );
  assert.deepEqual(result, { code: 0, signal: null, stdout: "1\n", stderr: "" });
});
