import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, type PoolStats } from "respool";
import { Random, startServer, type TestServer } from "respool/testing";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";
import { FAULT_NAMES, FAULTS, type FaultName, type FaultParts } from "./faults.ts";
import { Inspector, type Rounds } from "./inspector.ts";
import { LIMITS, Load } from "./load.ts";
import { Oracle, type Ending } from "./oracle.ts";
import { OpenLoop } from "./pacing.ts";
import { takeStock, type Resources } from "./resources.ts";

/** How to soak. */
export interface SoakOptions {
  /** How long the load is held, s. */
  readonly seconds: number;
  readonly seed: number;
  /** maxConnections of the client. */
  readonly connections: number;
  /** Mean time between two faults, s. */
  readonly every: number;
  /** How long the capacity is measured, s. */
  readonly measure: number;
  /** Share of the capacity that is offered. */
  readonly share: number;
  /** Exchanges one reply for another one's, to see that it is noticed. */
  readonly corrupts: boolean;
}

/** What came of it. */
export interface SoakReport {
  readonly ok: boolean;
  /** What did not hold; empty when everything did. */
  readonly violations: readonly string[];
  readonly seed: number;
  /** Operations each second: what there is room for, what was offered, and what was settled. */
  readonly load: { readonly capacity: number; readonly offered: number; readonly held: number };
  readonly operations: number;
  readonly outcomes: Readonly<Record<Ending, number>>;
  readonly kinds: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly faults: { readonly total: number; readonly kinds: Readonly<Partial<Record<FaultName, number>>> };
  /** From the end of a fault to the first success, ms. */
  readonly recoveries: {
    readonly count: number;
    readonly median: number;
    readonly max: number;
    readonly limit: number;
  };
  /** Values compared with what they had to be; looks at the statistics; words found on the server; jobs; messages. */
  readonly oracle: Readonly<Record<"values" | "samples" | "writes" | "jobs" | "messages" | "gaps", number>>;
  readonly connections: { readonly opened: number; readonly ended: PoolStats["closedBecause"] };
  readonly start: Resources;
  readonly end: Resources;
}

const CLIENT_NAME = "soak";
/** The heap may be so much larger in the end, bytes: compiled code, and the arrays that keep their room. */
const HEAP_SLACK = 12 * 2 ** 20;
/** From a fault's end to the first success: the longest pause, one attempt, and the steps of the clock. ms. */
const RECOVERY = LIMITS.reconnect.maxDelay + LIMITS.connectTimeout + 60;
const WARM_UP = 1500;
/**
 * The capacity is what so many callers get who each wait for their reply. More of them make larger batches, and a load that the process could
 * not bear without the server: what fails costs it more than what succeeds.
 */
const CALLERS = 32;

type Tell = (line: string) => void;

interface Recovery {
  readonly name: FaultName;
  readonly time: number;
}

/** Holds a mixed load with random faults, and says whether every promise was kept. */
export async function soak(options: SoakOptions, tell: Tell): Promise<SoakReport> {
  // As little as possible between a reply and the disk: what was acknowledged is there after SIGKILL.
  await using server = await startServer({ config: { appendonly: "yes", appendfsync: "no" } });
  await using proxy = await startProxy(server);
  const inspector = await Inspector.open(server);
  const stray: string[] = [];
  const onStray = (reason: unknown): unknown =>
    stray.push(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason));
  process.on("unhandledRejection", onStray);
  try {
    const capacity = await warmUp(options, server, proxy, inspector, tell);
    const start = await takeStock();
    const run = new Run(options, server, proxy, inspector, tell);
    await run.hold(capacity * options.share, options.seconds * 1000);
    await run.close();
    // What a run keeps for its report is not the client's.
    const end = await takeStock();
    for (const text of stray) run.oracle.violate("no rejection is left unhandled", text);
    compare(start, end, run.oracle);
    return run.report(capacity, start, end);
  } finally {
    process.off("unhandledRejection", onStray);
    inspector.close();
  }
}

/** Measures what there is room for, and lets everything run once, so that the stock is taken of warm code. */
async function warmUp(
  options: SoakOptions,
  server: TestServer,
  proxy: Proxy,
  inspector: Inspector,
  tell: Tell,
): Promise<number> {
  const run = new Run({ ...options, corrupts: false }, server, proxy, inspector, () => {});
  const capacity = await run.measure(options.measure * 1000);
  tell(`capacity: ${Math.round(capacity)} operations/s of one process with a proxy in between`);
  await run.hold(capacity / 2, WARM_UP, 0);
  await run.close();
  const [violation] = run.oracle.violations;
  if (violation !== undefined) throw new Error(`even without faults: ${violation}`);
  await inspector.raw.command("FLUSHALL");
  return capacity;
}

/** One client under load. */
class Run {
  readonly oracle: Oracle = new Oracle();
  readonly load: Load;
  readonly #options: SoakOptions;
  readonly #pool: ConnectionPool;
  readonly #redis: Redis;
  readonly #proxy: Proxy;
  readonly #inspector: Inspector;
  readonly #faults: FaultParts;
  readonly #random: Random;
  readonly #recoveries: Recovery[] = [];
  readonly #tell: Tell;
  #samples = 0;
  #calmSince = 0;
  /** The fault that is there now. */
  #now: FaultName | null = null;
  #held = 0;
  #stats: PoolStats;

  constructor(options: SoakOptions, server: TestServer, proxy: Proxy, inspector: Inspector, tell: Tell) {
    this.#options = options;
    this.#proxy = proxy;
    this.#inspector = inspector;
    this.#tell = tell;
    this.#random = new Random(options.seed);
    this.#pool = new ConnectionPool({
      host: proxy.host,
      port: proxy.port,
      maxConnections: options.connections,
      clientName: CLIENT_NAME,
      ...LIMITS,
    });
    this.#redis = new Redis({ pool: this.#pool });
    this.#stats = this.#pool.stats();
    this.#faults = { server, proxy, inspector, random: this.#random.fork("faults"), clientName: CLIENT_NAME };
    this.load = new Load({
      redis: this.#redis,
      pool: this.#pool,
      oracle: this.oracle,
      random: this.#random.fork("load"),
      // What a fault leaves behind is noticed within the limits of a connection.
      disturbedSince: (time) => time <= this.#calmSince + LIMITS.socketTimeout + LIMITS.connectTimeout,
      corrupts: options.corrupts,
    });
  }

  get #rounds(): Rounds {
    const { tokens, tokenLists, jobs, jobLists, feeds } = this.load;
    return { tokens, tokenLists, jobs, jobLists, feeds, jobsPerSecond: this.#slowRate / 3 };
  }

  /** Operations that hold a connection for a while: as many as the connections can bear. */
  get #slowRate(): number {
    return this.#options.connections * 4;
  }

  /** Measures how many plain operations there is room for, per second, with all that is done to check them. */
  async measure(time: number): Promise<number> {
    await this.load.prepare();
    this.oracle.start();
    this.#inspector.start(this.#rounds);
    const rate = await this.load.measure(time, CALLERS);
    await this.#settle();
    await this.#inspector.stop(this.#rounds);
    this.oracle.stop();
    return rate;
  }

  /** Holds a load of so many operations per second for so long, ms. */
  async hold(rate: number, time: number, faults = Infinity): Promise<void> {
    const { oracle, load } = this;
    await load.prepare();
    const subscriptions = await load.listen();
    oracle.start();
    this.#inspector.start(this.#rounds);
    const watch = setInterval(() => this.#sample(), 20);
    const loops = [new OpenLoop(), new OpenLoop()] as const;
    const began = performance.now();
    const running = [loops[0].run(rate, () => load.quick()), loops[1].run(this.#slowRate, () => load.slow())];
    const progress = setInterval(() => this.#progress(began), 5000);
    await this.#disturb(began + time, faults);
    await sleep(Math.max(0, began + time - performance.now()));
    for (const loop of loops) loop.stop();
    await Promise.all(running);
    this.#held = (oracle.settled / (performance.now() - began)) * 1000;
    clearInterval(progress);
    await this.#settle();
    await this.#inspector.stop(this.#rounds);
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    clearInterval(watch);
    oracle.stop();
    await this.#audit();
  }

  async #settle(): Promise<void> {
    while (this.oracle.open > 0) {
      await sleep(20);
      this.oracle.findOverdue();
    }
    // Jobs that are still there may be popped by nobody any more; timers of aborts that came too late may run.
    await sleep(350);
  }

  /** Compares the server's own account with what the callers were told. */
  async #audit(): Promise<void> {
    const { raw } = this.#inspector;
    const left: string[] = [];
    for (const list of this.load.jobLists) left.push(...((await raw.command("LRANGE", list, 0, -1)) as string[]));
    this.load.jobs.close(left);
    await this.load.close(async (key) => (await raw.command("GET", key)) as string | null);
  }

  /** Makes one random fault after the other, and waits each time for the first success after it. */
  async #disturb(end: number, most: number): Promise<void> {
    const { random } = this.#faults;
    let deck: FaultName[] = [];
    for (let made = 0; made < most; made++) {
      await sleep(this.#options.every * 1000 * random.between(0.5, 1.5));
      if (performance.now() >= end) return;
      if (deck.length === 0) deck = shuffled(FAULT_NAMES, random);
      const name = deck.pop() ?? "cut";
      this.#calmSince = Infinity;
      this.#now = name;
      await FAULTS[name](this.#faults);
      await this.#recover(name);
    }
  }

  async #recover(name: FaultName): Promise<void> {
    const { oracle } = this;
    const ended = performance.now();
    const stalledBefore = oracle.stalled;
    const success = oracle.nextSuccess();
    let back: number | null = null;
    while (back === null) {
      back = await Promise.race([success, sleep(100, null)]);
      const limit = RECOVERY + 2 * (oracle.stalled - stalledBefore);
      const since = performance.now() - ended;
      if (since > limit + 150) {
        oracle.violate(
          "the first success comes within reconnect.maxDelay + connectTimeout",
          `${name}: none ${Math.round(since)} ms after its end`,
        );
        back = performance.now();
      }
    }
    this.#calmSince = performance.now();
    this.#now = null;
    this.#recoveries.push({ name, time: back - ended });
  }

  #sample(): void {
    const stats = this.#pool.stats();
    if (this.#samples++ % 25 === 0) this.oracle.findOverdue();
    const { total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections } = stats;
    if (total !== idle + leased + lanes + subscribers + repairing || total + connecting > maxConnections)
      this.oracle.violate("the sum rule of the statistics", JSON.stringify(stats));
  }

  #progress(began: number): void {
    const { endings } = this.oracle;
    const time = (performance.now() - began) / 1000;
    const latest = this.#recoveries.at(-1);
    const faults =
      latest === undefined
        ? "no fault yet"
        : `${this.#recoveries.length} faults, the latest ${latest.name}, back after ${Math.round(latest.time)} ms`;
    const now = this.#now === null ? "" : `, and now ${this.#now}`;
    const broken = this.oracle.violations.length === 0 ? "" : `; BROKEN: ${this.oracle.violations[0] ?? ""}`;
    this.#tell(
      `${time.toFixed(0)} s: ${Math.round(this.oracle.settled / time)} operations/s, ${endings["not-sent"]} not sent, ${endings.unknown} unknown; ${faults}${now}; heap ${megabytes(process.memoryUsage().heapUsed)}${broken}`,
    );
  }

  /** Closes the client when its statistics and the server's agree, and waits for its last connection to be gone. */
  async close(): Promise<void> {
    const agree = async (): Promise<boolean> => {
      const clients = (await this.#inspector.raw.clients()).filter(({ name }) => name === CLIENT_NAME);
      this.#stats = this.#pool.stats();
      return clients.length === this.#stats.total && this.#stats.connecting === 0;
    };
    await until(agree, { what: "the server has as many clients as the statistics say", interval: 20 }).catch(
      (error: Error) =>
        this.oracle.violate(
          "the server's CLIENT LIST agrees when quiet",
          `${error.message}: ${JSON.stringify(this.#stats)}`,
        ),
    );
    await this.#redis.close();
    await this.#pool.close();
    await until(() => this.#proxy.connections === 0).catch(() =>
      this.oracle.violate("after close() there is no socket", `${this.#proxy.connections} are open`),
    );
  }

  report(capacity: number, start: Resources, end: Resources): SoakReport {
    const { oracle, load } = this;
    const times = this.#recoveries.map(({ time }) => time).sort((a, b) => a - b);
    const kinds: Partial<Record<FaultName, number>> = {};
    for (const { name } of this.#recoveries) kinds[name] = (kinds[name] ?? 0) + 1;
    const { created, closedBecause } = this.#pool.stats();
    return {
      ok: oracle.violations.length === 0,
      violations: oracle.violations,
      seed: this.#options.seed,
      load: {
        capacity: Math.round(capacity),
        offered: Math.round(capacity * this.#options.share),
        held: Math.round(this.#held),
      },
      operations: oracle.settled,
      outcomes: oracle.endings,
      kinds: oracle.kinds,
      errors: oracle.errors,
      faults: { total: times.length, kinds },
      recoveries: {
        count: times.length,
        median: Math.round(times[times.length >> 1] ?? 0),
        max: Math.round(times.at(-1) ?? 0),
        limit: RECOVERY,
      },
      oracle: {
        values: oracle.checks,
        samples: this.#samples,
        writes: load.tokens.found,
        jobs: load.jobs.popped,
        messages: load.feeds.reduce((sum, feed) => sum + feed.received, 0),
        gaps: load.feeds.reduce((sum, feed) => sum + feed.gaps, 0),
      },
      connections: { opened: created, ended: closedBecause },
      start,
      end,
    };
  }
}

/** What must be as it was at the start. */
function compare(start: Resources, end: Resources, oracle: Oracle): void {
  for (const name of ["sockets", "timers", "listeners"] as const) {
    if (end[name] !== start[name])
      oracle.violate("after close() nothing is left", `${start[name]} ${name} at the start, ${end[name]} in the end`);
  }
  if (end.heap > start.heap + HEAP_SLACK)
    oracle.violate(
      "memory is back to what it was",
      `${megabytes(start.heap)} at the start, ${megabytes(end.heap)} in the end`,
    );
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  const result: T[] = [];
  while (left.length > 0) result.push(...left.splice(random.below(left.length), 1));
  return result;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
