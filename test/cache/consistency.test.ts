import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "../../src/index.ts";
import { sharedCaches } from "../support/cache.ts";
import { runChild } from "../support/child.ts";
import { until } from "../support/wait.ts";

/*
 * Two processes with a first level each write and read the same entries, while their connections are killed. What a read gives may be
 * older than the last acknowledged write by no more than the news of a change take, and a process's own writes are seen at once.
 */

const shared = sharedCaches();

const KEYS = 8;
/** Without kills, to measure how long news take; and with, ms. */
const CALM = 2000;
const KILLS = 5000;
/** What a busy machine may add to what was measured, ms. A first level that misses the news would be up to maxAge behind: 30 s. */
const BUSY = 250;

/** Each process writes every second entry, one after the other, and reads all of them. Times are those of the machine's one clock. */
const PROGRAM = `
  import { monitorEventLoopDelay } from "node:perf_hooks";
  const { PORT, ME, DURATION } = process.env;
  const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;
  const redis = new respool.Redis({ port: Number(PORT) });
  const mine = new cache.Cache(redis, { namespace: "both", memory: true, ttl: 600, readTimeout: 2000, writeTimeout: 2000 });
  const lag = monitorEventLoopDelay({ resolution: 1 });
  const writes = [], reads = [];
  await redis.incr("ready");
  while (Number(await redis.get("ready")) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  lag.enable();
  const end = now() + Number(DURATION);
  const numbers = Array.from({ length: ${KEYS} }, () => 0);
  const own = Array.from({ length: ${KEYS} }, () => 0);
  let stale = 0;
  for (let turn = 0; now() < end; turn++) {
    const key = (2 * turn + Number(ME)) % ${KEYS};
    if (turn % 3 === 0) {
      const number = ++numbers[key];
      const isStored = await mine.set(key, number);
      if (isStored) { own[key] = number; writes.push([key, number, now()]); }
    }
    for (let at = 0; at < ${KEYS}; at++) {
      const began = now();
      const value = await mine.get(at);
      if (value === undefined) continue;
      if (value < own[at]) stale++;
      reads.push([at, value, began]);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { hits, memory } = mine.stats();
  console.log(JSON.stringify({ writes, reads, stale, hits, memory, lag: lag.max / 1e6 }));
  await mine.close();
  redis.destroy();
`;

type Event = readonly [key: number, number: number, time: number];

interface Told {
  readonly writes: readonly Event[];
  readonly reads: readonly Event[];
  /** Reads of a value older than one that the same process had written before. */
  readonly stale: number;
  readonly hits: number;
  readonly memory: { readonly hits: number; readonly flushes: number; readonly invalidations: number };
  /** The longest turn of the event loop, ms. */
  readonly lag: number;
}

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

/** Kills connections of the two processes, those that tell of changes and those that carry commands, until the time is over. */
async function kill(redis: Redis, until: number): Promise<number> {
  const self = String(await redis.call("CLIENT", "ID"));
  let kills = 0;
  for (let turn = 0; now() < until; turn++) {
    const lines = String(await redis.call("CLIENT", "LIST")).split("\n");
    const isTelling = (line: string): boolean => /\bflags=\w*t/.test(line);
    const ids = lines
      .filter((line) => isTelling(line) === (turn % 3 !== 2))
      .map((line) => /\bid=(\d+)/.exec(line)?.[1])
      .filter((id) => id !== undefined && id !== self);
    const id = ids[turn % Math.max(1, ids.length)];
    if (id !== undefined) kills += Number(await redis.call("CLIENT", "KILL", "ID", id));
    await sleep(100);
  }
  return kills;
}

/** How much older than the last acknowledged write the oldest of the reads was, ms: the longest time since a newer one was acknowledged. */
function oldest(reads: readonly Event[], writes: readonly Event[]): number {
  const byKey = new Map<number, Event[]>();
  for (const write of writes) byKey.set(write[0], [...(byKey.get(write[0]) ?? []), write]);
  let most = 0;
  for (const [key, number, time] of reads) {
    const newer = byKey.get(key)?.find((write) => write[1] > number);
    if (newer !== undefined && newer[2] < time) most = Math.max(most, time - newer[2]);
  }
  return most;
}

test("two processes with a first level, connections killed: no read is older than the news take", async (t) => {
  const { redis } = shared;
  const env = { PORT: String(shared.server.port), DURATION: String(CALM + KILLS) };
  const children = ["0", "1"].map((ME) => runChild(PROGRAM, { ...env, ME }, { timeout: 60_000 }));
  await until(async () => (await redis.get("ready")) === "2", { timeout: 30_000 });
  const start = now();
  await sleep(CALM);
  const kills = await kill(redis, start + CALM + KILLS - 500);
  const told = (await Promise.all(children)).map(({ stdout, stderr, code }) => {
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Told;
  });
  const writes = told.flatMap((one) => one.writes);
  const reads = told.flatMap((one) => one.reads);
  const isCalm = (read: Event): boolean => read[2] < start + CALM - 100;
  const delay = oldest(reads.filter(isCalm), writes);
  const worst = oldest(reads, writes);
  const lag = Math.max(...told.map((one) => one.lag));
  const flushes = told.map(({ memory }) => memory.flushes);
  t.diagnostic(
    `${writes.length} writes, ${reads.length} reads, ${kills} kills, ${flushes.join(" and ")} flushes; news take ${delay.toFixed(1)} ms at most, ` +
      `with kills ${worst.toFixed(1)} ms; the longest turn of an event loop was ${lag.toFixed(1)} ms`,
  );
  assert.ok(kills >= 20 && writes.length > 200, `${kills} kills, ${writes.length} writes`);
  for (const { hits, memory, stale } of told) {
    assert.equal(stale, 0, "a process sees its own writes at once");
    assert.ok(memory.hits > hits / 4 && memory.flushes >= 5 && memory.invalidations > 50, JSON.stringify(memory));
  }
  assert.ok(worst <= delay + lag + BUSY, `${worst} ms`);
});
