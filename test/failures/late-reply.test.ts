import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer({ config: { "enable-debug-command": "yes" } });

/** What a promise rejected with, and after how many ms. */
async function failure(promise: Promise<unknown>): Promise<{ error: Record<string, unknown>; after: number }> {
  const start = performance.now();
  const error = await promise.then(
    (value) => assert.fail(`got ${String(value)}`),
    (reason: Record<string, unknown>) => reason,
  );
  return { error, after: performance.now() - start };
}

test("a timeout fires while the reply is outstanding because the server sleeps", async () => {
  await using redis = new Redis({ port: server().port });
  await redis.set("k", "v");
  using raw = await connectRaw(server());
  let awake = false;
  const sleeping = raw.command("DEBUG", "SLEEP", "2").then(() => (awake = true));
  using other = await connectRaw(server());
  await until(() => Promise.race([other.command("PING").then(() => false), sleep(100).then(() => true)]));
  const { error } = await failure(redis.with({ timeout: 200 }).get("k"));
  assert.deepEqual(
    [error["name"], error["code"], error["outcome"]],
    ["CommandTimeoutError", "ERR_COMMAND_TIMEOUT", "unknown"],
  );
  assert.equal(error["timeout"], 200);
  assert.equal(awake, false, "the timeout did not wait for the server");
  await sleeping;
  // The late reply met its tombstone, and the connection goes on.
  assert.equal(await redis.get("k"), "v");
  assert.equal(redis.stats().nodes[`localhost:${server().port}`]?.created, 1);
});

test("a timeout fires while the server's process is stopped, on lanes, leases, pipelines and transactions", async () => {
  await using own = await startServer();
  await using pool = new ConnectionPool({ port: own.port, commandTimeout: 400 });
  await using redis = new Redis({ pool });
  await redis.set("k", "v");
  const lease = await pool.lease();
  own.pause();
  try {
    const failures = await Promise.all([
      failure(redis.get("k")),
      failure(redis.incr("n")),
      failure(redis.pipeline().get("k").incr("n").exec()),
      failure(redis.multi().incr("n").exec()),
      failure(lease.incr("n")),
    ]);
    for (const { error, after } of failures) {
      assert.deepEqual([error["name"], error["outcome"]], ["CommandTimeoutError", "unknown"]);
      assert.ok(after < 4000, `${after} ms`);
    }
  } finally {
    own.resume();
  }
  lease.release();
  await until(async () => (await redis.get("k").catch(() => null)) === "v");
  assert.equal(pool.stats().timeouts >= 5, true);
});

test("commands of many callers each get their own timeout, and late replies reach nobody", async () => {
  await using own = await startServer();
  await using redis = new Redis({ port: own.port });
  for (let i = 0; i < 40; i++) await redis.set(`key:${i}`, `value ${i}`);
  own.pause();
  const settled = Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => redis.with({ timeout: i % 2 === 0 ? 100 : 4000 }).get(`key:${i}`)),
  );
  await until(() => (redis.stats().nodes[`localhost:${own.port}`]?.timeouts ?? 0) === 20);
  own.resume();
  for (const [i, result] of (await settled).entries()) {
    if (i % 2 === 1) assert.deepEqual(result, { status: "fulfilled", value: `value ${i}` });
    else assert.equal(result.status === "rejected" && result.reason.outcome, "unknown");
  }
  assert.equal(await redis.get("key:3"), "value 3");
});

test("time that the program computes before a command is not taken off the command's own limit", async () => {
  await using redis = new Redis({ port: server().port });
  await redis.set("k", "v");
  for (let round = 0; round < 3; round++) {
    await redis.get("k");
    const end = performance.now() + 900;
    while (performance.now() < end); // as parsing, hashing or rendering does
    assert.equal(await redis.with({ timeout: 800 }).get("k"), "v");
  }
});
