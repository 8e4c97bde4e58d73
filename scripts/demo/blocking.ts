import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionPool, Redis } from "respool";
import { type LoadResult, runLoad } from "./load.ts";
import { show } from "./screen.ts";
import type { Stage } from "./stage.ts";

const CALLERS = 50;
const WAITING = 50;
/** How long a BLPOP waits, s: more than everything here takes. */
const PATIENCE = 60;
const VALUE = "v".repeat(64);

/** GETs alone, and while others wait for elements. */
export interface BlockingFigures {
  readonly alone: LoadResult;
  readonly besideWaiting: LoadResult;
  readonly waiting: number;
  /** How many of those who waited got the element that was meant for them. */
  readonly served: number;
}

/** Blocked pops have connections of their own: nobody else notices them. */
export async function showBlocking(stage: Stage, pool: ConnectionPool): Promise<BlockingFigures> {
  const { screen } = stage;
  screen.heading(`${WAITING} BLPOPs wait while GETs flow: one client, nothing to configure`);
  const redis = new Redis({ pool });
  const key = await stage.put("value", VALUE);
  const alone = await measure(stage, redis, key, "GETs alone");
  const before = (await stage.info("clients", "blocked_clients")) ?? 0;
  const queues = Array.from({ length: WAITING }, (_, index) => stage.key(`queue:${index}`));
  const pops = Promise.all(queues.map((queue) => redis.blpop(queue, PATIENCE)));
  pops.catch(() => undefined); // it is awaited below, unless the demonstration fails before
  await untilBlocked(stage, pool, before);
  const besideWaiting = await measure(stage, redis, key, `GETs beside ${WAITING} BLPOPs`);
  const { leased } = pool.stats();

  const pushed = performance.now();
  const pipeline = redis.pipeline();
  for (const [index, queue] of queues.entries()) pipeline.rpush(queue, `job ${index}`);
  await pipeline.exec();
  const served = (await pops).filter((pop, index) => pop?.[0] === queues[index] && pop?.[1] === `job ${index}`).length;
  const took = performance.now() - pushed;

  screen.table(
    ["", "GETs/s", "p50 ms", "p99 ms", "leased connections"],
    [
      ["GETs alone", alone.requestsPerSecond, alone.p50, alone.p99, 0],
      [`GETs beside ${WAITING} BLPOPs`, besideWaiting.requestsPerSecond, besideWaiting.p50, besideWaiting.p99, leased],
    ],
  );
  screen.line(`then ${WAITING} elements were pushed: ${served} of ${WAITING} got their own, within ${show(took)} ms`);
  if (served !== WAITING) throw new Error(`${WAITING - served} of ${WAITING} BLPOPs did not get their own element`);
  return { alone, besideWaiting, waiting: WAITING, served };
}

/** Returns when the server has all of them blocked. */
async function untilBlocked(stage: Stage, pool: ConnectionPool, before: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const now = await stage.info("clients", "blocked_clients");
    if (now === null ? pool.stats().leased >= WAITING : now - before >= WAITING) return;
    if (performance.now() > deadline)
      throw new Error(`only ${(now ?? 0) - before} of ${WAITING} BLPOPs wait on the server after 10 s`);
    await sleep(10);
  }
}

function measure(stage: Stage, redis: Redis, key: string, name: string): Promise<LoadResult> {
  const { screen, pace } = stage;
  screen.progress(`measuring: ${name}`);
  const onProgress = (seconds: number, requests: number): void =>
    screen.progress(`measuring: ${name}`, `${seconds.toFixed(1)} s, ${show(requests)} requests`);
  return runLoad({ callers: CALLERS, ...pace, onProgress }, async () => {
    const reply = await redis.get(key);
    if (reply !== VALUE) throw new Error(`a wrong reply to GET: ${reply}`);
  });
}
