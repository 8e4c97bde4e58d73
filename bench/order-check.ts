/**
 * What the check of the reply order (an ECHO now and then) costs: client CPU per GET with it, by that without it, in short rounds
 * that alternate in one process. Beside it the same with no ECHO in either, which is what the method itself adds.
 * Run: npx tsx bench/order-check.ts
 */
import { OrderCheck } from "../src/connection/order-check.ts";
import { Redis } from "../src/index.ts";
import { startServer } from "../src/testing/index.ts";

const COMMANDS = 30_000;
const PAIRS = 400;
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

/** Switches the ECHO off and on; the way to the switch is the same for both. */
const echo = { on: true, allowed: true };
const mayProbe = Object.getOwnPropertyDescriptor(OrderCheck.prototype, "mayProbe");
Object.defineProperty(OrderCheck.prototype, "mayProbe", {
  get(this: OrderCheck): boolean {
    return echo.on && echo.allowed && (mayProbe?.get?.call(this) as boolean);
  },
});

async function cpuOf(load: Load, redis: Redis, on: boolean): Promise<number> {
  echo.on = on;
  const before = process.cpuUsage();
  await load(redis);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The median of the pairs' ratios; the order within a pair changes. */
async function ratio(load: Load, redis: Redis): Promise<number> {
  const ratios: number[] = [];
  for (let pair = -WARM_UP; pair < PAIRS; pair++) {
    const first = pair % 2 === 0;
    const one = await cpuOf(load, redis, first);
    const other = await cpuOf(load, redis, !first);
    if (pair >= 0) ratios.push(first ? one / other : other / one);
  }
  return ratios.sort((a, b) => a - b)[PAIRS >> 1] as number;
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
  const figures: string[] = [];
  for (const allowed of [true, false]) {
    echo.allowed = allowed;
    figures.push((await ratio(load, redis)).toFixed(4));
  }
  console.log(`${title.padEnd(16)} with the check by without ${figures[0]}; nothing by nothing ${figures[1]}`);
}
