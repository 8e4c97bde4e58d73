// A worker that takes jobs from a list, and is stopped at any time without losing one.
//
//   npx tsx examples/worker/worker.ts          with a server on localhost:6379
//   WORKER=2 REDIS_URL=redis://host:6379 npx tsx examples/worker/worker.ts     a second one, with a name of its own
//   redis-cli rpush jobs '{"id":1}'            gives it a job; it ends up in jobs:done
//
// A job is always in a list: jobs, then jobs:working:<name> while it is worked on, then jobs:done. What a worker that
// was killed leaves in its list, the next one of that name gives back. So each job is done at least once.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, RedisError } from "respool";

const QUEUE = "jobs";
const WORKING = `jobs:working:${process.env.WORKER ?? "1"}`;
const DONE = "jobs:done";

const redis = new Redis(process.env.REDIS_URL, { clientName: "worker-example" });
const stopping = new AbortController();
const untilStop = redis.with({ signal: stopping.signal });

/** Waits for the next job; null when the worker is to stop. */
async function next(): Promise<string | null> {
  try {
    return await untilStop.blmove(QUEUE, WORKING, "LEFT", "RIGHT", 0);
  } catch (error) {
    // A job that the server had moved by then would have been returned: there is none.
    if (stopping.signal.aborted) return null;
    throw error;
  }
}

async function work(job: string): Promise<void> {
  await sleep(2); // stands for the work
  // Both or neither, so that the job is in exactly one list.
  await redis.multi().lrem(WORKING, 1, job).rpush(DONE, job).exec();
}

async function run(): Promise<void> {
  while ((await redis.lmove(WORKING, QUEUE, "RIGHT", "LEFT")) !== null); // left over from an earlier run
  while (!stopping.signal.aborted) {
    const job = await next();
    if (job !== null) await work(job);
  }
}

process.once("SIGTERM", () => stopping.abort());
console.log(`waiting for jobs in ${QUEUE}`);

while (!stopping.signal.aborted) {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    await sleep(500);
  }
}
await redis.close({ timeout: 5000 });
