/**
 * What the check of the reply order (an ECHO now and then) costs: client CPU per GET with it, by that without it, in short rounds
 * that alternate in one process. Beside it the same with no ECHO in either, which is what the method itself adds.
 * Run: npx tsx bench/order-check.ts
 */
import { Connection } from "../src/connection/connection.ts";
import { Redis } from "../src/index.ts";
import { startServer } from "../src/testing/index.ts";

const COMMANDS = 30_000;
const PAIRS = 1000;
const WARM_UP = 6;

type Load = (redis: Redis) => Promise<void>;

/** So many at once, again and again: the batches are the same in every round. */
function batches(size: number): Load {
  return async (redis) => {
    for (let sent = 0; sent < COMMANDS; sent += size) {
      await Promise.all(Array.from({ length: size }, () => redis.get("k")));
    }
  };
}

/** So many always in flight: one more command can change how replies and commands gather in batches. */
function inFlight(size: number): Load {
  return async (redis) => {
    let left = COMMANDS;
    const caller = async (): Promise<void> => {
      while (left-- > 0) await redis.get("k");
    };
    await Promise.all(Array.from({ length: size }, caller));
  };
}

/** The lanes, whose own switch turns the check on and off. */
const lanes: Connection[] = [];
const share = Object.getOwnPropertyDescriptor(Connection.prototype, "share")?.value as (
  this: Connection,
  on: boolean,
) => void;
Connection.prototype.share = function (this: Connection, on: boolean): void {
  if (!lanes.includes(this)) lanes.push(this);
  share.call(this, on);
};

async function cpuOf(load: Load, redis: Redis, on: boolean): Promise<number> {
  for (const lane of lanes) share.call(lane, on);
  const before = process.cpuUsage();
  await load(redis);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** By chance, which of the two comes first: a collection of garbage every so many rounds must not meet one of them more often. */
async function ratios(load: Load, redis: Redis, check: boolean): Promise<number[]> {
  const all: number[] = [];
  for (let pair = -WARM_UP; pair < PAIRS; pair++) {
    const first = Math.random() < 0.5;
    const one = await cpuOf(load, redis, first && check);
    const other = await cpuOf(load, redis, !first && check);
    if (pair >= 0) all.push(first ? one / other : other / one);
  }
  return all.sort((a, b) => a - b);
}

/** The median, and between which two it is with a chance of 95 %: for any distribution, by the ranks alone. */
function median(sorted: readonly number[]): string {
  const middle = sorted.length / 2;
  const margin = 0.98 * Math.sqrt(sorted.length);
  const at = (rank: number): string => (sorted[Math.round(rank)] as number).toFixed(4);
  return `${at(middle)} (${at(middle - margin)} to ${at(middle + margin)})`;
}

const LOADS: readonly (readonly [string, Load])[] = [
  ["500 at once", batches(500)],
  ["50 in flight", inFlight(50)],
  ["500 in flight", inFlight(500)],
];

await using server = await startServer();
await using redis = new Redis({ host: server.host, port: server.port });
await redis.set("k", "x".repeat(64));
for (const [title, load] of LOADS) {
  const [check, nothing] = [await ratios(load, redis, true), await ratios(load, redis, false)];
  console.log(`${title.padEnd(16)} with the check by without ${median(check)}; nothing by nothing ${median(nothing)}`);
}
