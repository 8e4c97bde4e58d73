import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "respool";
import { startServer } from "respool/testing";
import { RunningExample } from "../../test/support/example.ts";
import { until } from "../../test/support/wait.ts";

const QUEUE = "jobs";
const WORKING = "jobs:working:1";
const DONE = "jobs:done";

/** Pushes numbered jobs until it is told to stop. */
function pushing(redis: Redis): { stop(): Promise<string[]> } {
  const pushed: string[] = [];
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const job = `job-${pushed.length}`;
      await redis.rpush(QUEUE, job);
      pushed.push(job);
      // Now and then the queue runs dry, so that a stop also comes while the worker is blocked.
      await sleep(pushed.length % 20 === 0 ? 60 : 1);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await done;
      return pushed;
    },
  };
}

async function startWorker(url: string): Promise<RunningExample> {
  const worker = new RunningExample("examples/worker/worker.ts", { REDIS_URL: url });
  await worker.line(/^waiting for jobs/);
  return worker;
}

async function allLists(redis: Redis): Promise<{ queue: string[]; working: string[]; done: string[] }> {
  const [queue, working, done] = await Promise.all([
    redis.lrange(QUEUE, 0, -1),
    redis.lrange(WORKING, 0, -1),
    redis.lrange(DONE, 0, -1),
  ]);
  return { queue, working, done };
}

test("a worker that is stopped by SIGTERM again and again loses no job and does none twice", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  const pusher = pushing(redis);
  for (let round = 0; round < 4; round++) {
    await using worker = await startWorker(server.url);
    const before = await redis.llen(DONE);
    await until(async () => (await redis.llen(DONE)) > before + 10, { what: "the worker does jobs" });
    await sleep(Math.random() * 100);
    worker.kill("SIGTERM");
    await worker.endsWell();
    assert.deepEqual((await allLists(redis)).working, [], "it ends between two jobs");
  }
  const pushed = await pusher.stop();
  const { queue, done } = await allLists(redis);
  assert.deepEqual([...queue, ...done].sort(), pushed.sort());
});

test("a worker that waits for a job ends at once on SIGTERM", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  await using worker = await startWorker(server.url);
  await until(async () => /blocked_clients:1/.test(await redis.info("clients")), { what: "the worker is blocked" });
  worker.kill("SIGTERM");
  await worker.endsWell();
  await redis.rpush(QUEUE, "later");
  assert.deepEqual(await allLists(redis), { queue: ["later"], working: [], done: [] });
});

test("what a killed worker leaves is done by the next one", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  const pusher = pushing(redis);
  for (let round = 0; round < 3; round++) {
    await using worker = await startWorker(server.url);
    const before = await redis.llen(DONE);
    await until(async () => (await redis.llen(DONE)) > before + 10, { what: "the worker does jobs" });
    worker.kill("SIGKILL");
    await worker.ended();
  }
  const pushed = await pusher.stop();
  await redis.rpush(WORKING, "left-over");
  await using worker = await startWorker(server.url);
  await until(async () => (await redis.llen(QUEUE)) + (await redis.llen(WORKING)) === 0, {
    what: "everything is done",
    timeout: 20_000,
  });
  worker.kill("SIGTERM");
  await worker.endsWell();
  const { done } = await allLists(redis);
  assert.deepEqual(new Set(done), new Set([...pushed, "left-over"]));
});
