import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandTimeoutError, QueueFullError, Redis } from "../../src/index.ts";
import { TICK } from "../../src/base/ticker.ts";
import { startServer } from "../../src/testing/index.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";
import { overload } from "../soak/overload.ts";

test("under ten times the load the server works for those who get their replies in time, and the others are refused at once", async () => {
  const report = await overload(4, () => {});
  const text = JSON.stringify(report, null, 2);
  // Bounded memory, no late settling, refusals that are not sent, and recovery: each is a violation where it does not hold.
  assert.deepEqual(report.violations, [], text);
  assert.equal(report.failed, 0, text);
  assert.ok((report.refused.commandTimeout ?? 0) > report.calls / 2, text);
  assert.ok(report.inTime > 0.75, text);
  assert.ok(report.afterwards >= 150, text);
  assert.match(
    report.message,
    /^DEBUG was refused: \d+ commands are ahead of it at .*, so it would wait for about \d+ ms, longer than its limit of 300 ms; /,
  );
});

test("where no command has a limit of time it is the number of them that is bounded", async () => {
  await using server = await startServer({ config: { "enable-debug-command": "yes" } });
  await using redis = new Redis(server.url, { commandTimeout: Infinity, maxInFlight: 200 });
  const calls = Array.from({ length: 1000 }, () => redis.call("DEBUG", "SLEEP", 0.0005));
  const results = await Promise.allSettled(calls);
  const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  assert.equal(refused.length, 800);
  for (const error of refused) {
    assert.ok(error instanceof QueueFullError, String(error));
    assert.equal(error.limit, "maxInFlight");
    assert.equal(error.outcome, "not-sent");
  }
});

test("a command that may wait for longer is taken while one in a hurry is refused", async () => {
  await using server = await startServer({ config: { "enable-debug-command": "yes" } });
  await using redis = new Redis(server.url, { commandTimeout: 30_000 });
  const hurried = redis.with({ timeout: 100 });
  // A standing backlog of two seconds. The server reads some hundred commands at once, and answers them together.
  const backlog = Array.from({ length: 1000 }, () => redis.call("DEBUG", "SLEEP", 0.002));
  await until(() => statsOf(redis).inFlight < 1000);
  await sleep(3 * TICK); // its pace is known
  const refused = await hurried.ping().catch((error: unknown) => error);
  assert.ok(refused instanceof QueueFullError, String(refused));
  assert.equal(refused.limit, "commandTimeout");
  assert.equal(refused.outcome, "not-sent");
  assert.equal(refused.command, "PING");
  assert.equal(await redis.ping(), "PONG", "the patient one");
  await Promise.all(backlog);
  assert.equal(await hurried.ping(), "PONG", "when the backlog is gone");
});

test("a burst is not refused for the wait that it makes; what is late of it is told so", async () => {
  await using server = await startServer({ config: { "enable-debug-command": "yes" } });
  await using redis = new Redis(server.url, { commandTimeout: 500 });
  await redis.ping();
  // Long, so that the server reads less than a hundred of them at once, for it answers all that it has read together.
  const time = "0.001".padEnd(200, "0");
  const burst = await Promise.allSettled(Array.from({ length: 1000 }, () => redis.call("DEBUG", "SLEEP", time)));
  const errors = burst.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  assert.ok(errors.length > 0 && errors.length < 1000, `${errors.length} of 1000 failed`);
  for (const error of errors)
    assert.ok(error instanceof CommandTimeoutError && error.outcome === "unknown", String(error));
});
