import { setTimeout as sleep } from "node:timers/promises";
import { CommandTimeoutError, QueueFullError, Redis, RedisError, type QueueLimit } from "respool";
import { startServer } from "respool/testing";
import { measureRate, OpenLoop } from "./pacing.ts";
import { collect } from "./resources.ts";

/** What came of it. */
export interface OverloadReport {
  readonly ok: boolean;
  readonly violations: readonly string[];
  /** Commands each second: what there is room for, and what was offered. */
  readonly capacity: number;
  readonly offered: number;
  readonly calls: number;
  /** By the option that held the limit. */
  readonly refused: Readonly<Partial<Record<QueueLimit, number>>>;
  readonly succeeded: number;
  readonly late: number;
  readonly failed: number;
  /** Successes in the second half, each second: what is left of the capacity. */
  readonly goodput: number;
  /** Of those accepted in the second half, when the pace is known, the share that succeeded. */
  readonly inTime: number;
  /** CPU of this process for one refused command, µs. */
  readonly refusalCost: number;
  /** How long after its deadline an accepted command was settled at the latest, ms, less what the event loop has stalled. */
  readonly latest: number;
  readonly mostInFlight: number;
  /** Bytes in use after a garbage collection: at the start, and at most. */
  readonly heap: { readonly start: number; readonly most: number };
  /** From the load's end to the first command that succeeds, ms. */
  readonly recovery: number;
  /** Of 200 commands at a tenth of the capacity within the second after that, how many succeeded. */
  readonly afterwards: number;
  /** One of the refusals. */
  readonly message: string;
}

/** How many times more is offered than there is room for. */
const FACTOR = 10;
/** The client's commandTimeout, ms. */
const LIMIT = 300;
/**
 * For so long, s, the server works on one command. Many characters, so that it reads few commands at once: it answers all that it has read
 * together, and that must not last for the limit.
 */
const SLEEP = "0.0005".padEnd(400, "0");
/** The client's maxInFlight: the default. */
const MAX_IN_FLIGHT = 65_536;
/** One step of the clock, one that may be left out after a stall, and timers that come late. ms. */
const GRACE = 120;
/** How often the event loop is looked at, ms. */
const BEAT = 20;
/** What one outstanding command may take of the heap, bytes. */
const PER_COMMAND = 3000;
const HEAP_SLACK = 8 * 2 ** 20;

/** What became of the calls. */
class Counts {
  readonly violations: string[] = [];
  readonly refused: Partial<Record<QueueLimit, number>> = {};
  calls = 0;
  succeeded = 0;
  late = 0;
  failed = 0;
  latest = 0;
  message = "";
  #stalled = 0;
  #beat = performance.now();

  /** To be called every BEAT ms: what comes late tells of a stall. */
  beat(): void {
    this.#stalled = this.stalled;
    this.#beat = performance.now();
  }

  /** How long the event loop has stalled altogether, with the stall that may go on now, ms. */
  get stalled(): number {
    return this.#stalled + Math.max(0, performance.now() - this.#beat - BEAT - 2);
  }

  violate(text: string): void {
    if (this.violations.length < 10) this.violations.push(text);
  }

  error(error: unknown): void {
    if (error instanceof QueueFullError) {
      this.refused[error.limit] = (this.refused[error.limit] ?? 0) + 1;
      this.message = error.message;
      if (error.outcome !== "not-sent") this.violate(`a refused command is ${error.outcome}`);
    } else if (error instanceof CommandTimeoutError) this.late++;
    else {
      this.failed++;
      this.violate(error instanceof RedisError ? error.message : String(error));
    }
  }
}

/**
 * Offers ten times what a server can take, which is made slow without using the processor: each command sleeps for a while.
 *
 * @param seconds how long
 */
export async function overload(seconds: number, tell: (line: string) => void): Promise<OverloadReport> {
  await using server = await startServer({ config: { "enable-debug-command": "yes" } });
  await using redis = new Redis(server.url, { commandTimeout: LIMIT });
  const call = (): Promise<unknown> => redis.call("DEBUG", "SLEEP", SLEEP);
  const capacity = await measureRate(async () => void (await call()), 1000, 4);
  const offered = Math.round(capacity * FACTOR);
  tell(`capacity: ${Math.round(capacity)} commands/s; ${offered} are offered`);

  const counts = new Counts();
  const start = collect();
  const watch = watching(redis, counts, tell);
  const loop = new OpenLoop();
  const running = loop.run(offered, () => follow(call, counts));
  await sleep(seconds * 500);
  const half = { succeeded: counts.succeeded, late: counts.late };
  await sleep(seconds * 500);
  const refusalCost = costOfRefusals(call, counts);
  const second = { succeeded: counts.succeeded - half.succeeded, late: counts.late - half.late };
  loop.stop();
  await running;
  const recovery = await firstSuccess(redis, counts);
  const afterwards = await calmLoad(call, capacity);
  const { mostInFlight, mostHeap } = watch.stop();
  check(counts, { start, mostHeap, mostInFlight, recovery });
  const { violations, refused, calls, succeeded, late, failed, latest, message } = counts;
  const goodput = Math.round(second.succeeded / (seconds / 2));
  const inTime = second.succeeded / Math.max(1, second.succeeded + second.late);
  const heap = { start, most: mostHeap };
  return {
    ok: violations.length === 0,
    violations,
    capacity: Math.round(capacity),
    offered,
    calls,
    refused,
    succeeded,
    late,
    failed,
    goodput,
    inTime,
    refusalCost,
    latest: Math.round(latest),
    mostInFlight,
    heap,
    recovery: Math.round(recovery),
    afterwards,
    message,
  };
}

function follow(call: () => Promise<unknown>, counts: Counts): void {
  const since = performance.now();
  const { stalled } = counts;
  counts.calls++;
  const settled = (): void => {
    const late = performance.now() - since - LIMIT - 2 * (counts.stalled - stalled);
    counts.latest = Math.max(counts.latest, late);
    if (late > GRACE) counts.violate(`a command was settled ${Math.round(late)} ms after its deadline`);
  };
  call().then(
    () => {
      counts.succeeded++;
      settled();
    },
    (error: unknown) => {
      counts.error(error);
      settled();
    },
  );
}

/** Looks at what is in flight and at the heap. */
function watching(
  redis: Redis,
  counts: Counts,
  tell: (line: string) => void,
): { stop: () => { mostInFlight: number; mostHeap: number } } {
  let mostInFlight = 0;
  let mostHeap = 0;
  let beats = 0;
  const timer = setInterval(() => {
    counts.beat();
    const inFlight = Object.values(redis.stats().nodes)[0]?.inFlight ?? 0;
    mostInFlight = Math.max(mostInFlight, inFlight);
    if (beats++ % 25 === 0) mostHeap = Math.max(mostHeap, collect());
    if (beats % 250 === 0)
      tell(`${counts.calls} calls, ${counts.succeeded} in time, ${counts.late} late, ${inFlight} in flight`);
  }, BEAT);
  return {
    stop: () => {
      clearInterval(timer);
      return { mostInFlight, mostHeap };
    },
  };
}

/** Calls again and again until so many were refused in one turn. @returns µs of CPU for each */
function costOfRefusals(call: () => Promise<unknown>, counts: Counts): number {
  const many = 2000;
  for (let round = 0; round < 3; round++) {
    const before = process.cpuUsage();
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < many; index++) calls.push(call());
    const { user, system } = process.cpuUsage(before);
    counts.calls += many;
    for (const one of calls)
      one.then(
        () => counts.succeeded++,
        (error: unknown) => counts.error(error),
      );
    if (round === 2) return (user + system) / many;
  }
  return 0;
}

async function firstSuccess(redis: Redis, counts: Counts): Promise<number> {
  const ended = performance.now();
  for (;;) {
    try {
      await redis.ping();
      break;
    } catch (error) {
      if (!(error instanceof QueueFullError || error instanceof CommandTimeoutError)) throw error;
      if (performance.now() - ended > 10_000) {
        counts.violate("no command has succeeded in 10 s after the load's end");
        break;
      }
      await sleep(5);
    }
  }
  return performance.now() - ended;
}

async function calmLoad(call: () => Promise<unknown>, capacity: number): Promise<number> {
  const pause = Math.max(1, 1000 / (capacity / 10));
  const calls: Promise<boolean>[] = [];
  while (calls.length < 200) {
    const due = Math.min(200 - calls.length, Math.ceil(4 / pause));
    for (let index = 0; index < due; index++)
      calls.push(
        call().then(
          () => true,
          () => false,
        ),
      );
    await sleep(4);
  }
  return (await Promise.all(calls)).filter(Boolean).length;
}

function check(
  counts: Counts,
  seen: { start: number; mostHeap: number; mostInFlight: number; recovery: number },
): void {
  // The check of the order of replies may add one of its own.
  if (seen.mostInFlight > MAX_IN_FLIGHT + 1)
    counts.violate(`${seen.mostInFlight} commands were in flight, the limit is ${MAX_IN_FLIGHT}`);
  const room = seen.mostInFlight * PER_COMMAND + HEAP_SLACK;
  if (seen.mostHeap > seen.start + room)
    counts.violate(
      `the heap grew by ${seen.mostHeap - seen.start} bytes with at most ${seen.mostInFlight} commands in flight`,
    );
  const stalls = 2 * counts.stalled;
  if (seen.recovery > 1000 + Math.min(stalls, 1000))
    counts.violate(`the first success came ${Math.round(seen.recovery)} ms after the load's end`);
}
