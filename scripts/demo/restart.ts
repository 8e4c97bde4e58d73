import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionPool, type Outcome, Redis, RedisError } from "respool";
import type { TestServer } from "respool/testing";
import { show } from "./screen.ts";
import type { Stage } from "./stage.ts";

const CALLERS_OF_EACH = 20;
const RETRIED = "respool:command:retried";
const KINDS = ["GET", "INCR", "SET"] as const;

type Kind = (typeof KINDS)[number];

/** What became of the commands of one kind. */
interface Tally {
  succeeded: number;
  retried: number;
  /** Failed commands, by what is known about them. */
  readonly failed: Record<Outcome, number>;
}

/** What became of everything. */
export interface RestartFigures {
  readonly commands: Readonly<Record<Kind, Tally>>;
  /** Longest time without a success of anybody, ms. */
  readonly longestSilence: number;
  /** How long the restart took, ms. */
  readonly restart: number;
  readonly acknowledgedIncrements: number;
  readonly valueOfCounters: number;
  readonly unknownIncrements: number;
}

/** What one writer knows of its own key. */
interface Ledger {
  readonly key: string;
  acknowledged: number;
  /** Writes that may have run. */
  unknown: number;
  /** The latest value that the server acknowledged. */
  last: number;
  /** The highest value that it may hold. */
  highest: number;
}

/** Restarts our own server in the middle of the load, and accounts for every write. */
export async function showRestart(stage: Stage, pool: ConnectionPool): Promise<RestartFigures | null> {
  const { screen, server } = stage;
  if (server === undefined) {
    screen.heading("A restart under load: left out, for the server of REDIS_URL is not ours to restart");
    return null;
  }
  screen.heading(`A restart under load: ${CALLERS_OF_EACH * 3} callers, GETs, INCRs and SETs`);
  const load = new MixedLoad(new Redis({ pool }), await stage.put("read", "kept"), (name) => stage.key(name));
  const restart = await load.run(server, stage);
  const figures = { ...load.figures(), restart, ...(await load.audit(stage.observer)) };
  print(stage, figures);
  return figures;
}

function print(stage: Stage, figures: RestartFigures): void {
  const { screen } = stage;
  screen.table(
    ["", "succeeded", "retried", "failed: not sent", "failed: rejected", "failed: unknown"],
    KINDS.map((kind) => {
      const { succeeded, retried, failed } = figures.commands[kind];
      return [kind, succeeded, retried, failed["not-sent"], failed.rejected, failed.unknown];
    }),
  );
  screen.line(
    "unknown: the write was on its way when the connection went, so its caller is told, and it is not sent twice",
  );
  screen.line(
    `restarted in ${show(figures.restart)} ms; longest time without a success: ${show(figures.longestSilence)} ms`,
  );
  const { acknowledgedIncrements, valueOfCounters, unknownIncrements } = figures;
  screen.line(
    `nothing lost: ${show(acknowledgedIncrements)} increments acknowledged ≤ ${show(valueOfCounters)} counted ≤ ` +
      `${show(acknowledgedIncrements + unknownIncrements)} with the unknown ones; every SET accounted for`,
  );
}

class MixedLoad {
  readonly #redis: Redis;
  readonly #readKey: string;
  readonly #counters: Ledger[];
  readonly #registers: Ledger[];
  readonly #tallies: Record<Kind, Tally> = { GET: tally(), INCR: tally(), SET: tally() };
  #isRunning = true;
  #lastSuccess = performance.now();
  #longestSilence = 0;

  constructor(redis: Redis, readKey: string, key: (name: string) => string) {
    this.#redis = redis;
    this.#readKey = readKey;
    const ledgers = (name: string): Ledger[] =>
      Array.from({ length: CALLERS_OF_EACH }, (_, index) => ledger(key(`${name}:${index}`)));
    this.#counters = ledgers("counter");
    this.#registers = ledgers("register");
  }

  /** Lets everybody work, restarts the server in the middle, and returns how long that took, ms. */
  async run(server: TestServer, { screen, pace }: Stage): Promise<number> {
    const onRetry = (message: unknown): void => this.#countRetry(message);
    subscribe(RETRIED, onRetry);
    this.#lastSuccess = performance.now();
    const callers = Promise.all([
      ...this.#counters.map(() => this.#loop("GET", () => this.#read())),
      ...this.#counters.map((one) => this.#loop("INCR", () => this.#increment(one), one)),
      ...this.#registers.map((one) => this.#loop("SET", () => this.#write(one), one)),
    ]);
    callers.catch(() => undefined); // it is awaited below
    try {
      screen.progress("working, then restarting the server, then working on");
      await sleep(pace.duration / 3);
      const before = performance.now();
      await server.restart();
      const took = performance.now() - before;
      await sleep(pace.duration / 2);
      return took;
    } finally {
      this.#isRunning = false;
      await callers;
      unsubscribe(RETRIED, onRetry);
    }
  }

  figures(): Pick<RestartFigures, "commands" | "longestSilence"> {
    return { commands: this.#tallies, longestSilence: this.#longestSilence };
  }

  /** Compares what the server holds with what it acknowledged. */
  async audit(
    observer: Redis,
  ): Promise<Pick<RestartFigures, "acknowledgedIncrements" | "valueOfCounters" | "unknownIncrements">> {
    let valueOfCounters = 0;
    for (const { key, acknowledged, unknown } of this.#counters) {
      const value = Number((await observer.get(key)) ?? 0);
      if (value < acknowledged || value > acknowledged + unknown)
        throw new Error(
          `${key} holds ${value}, but ${acknowledged} increments were acknowledged and ${unknown} may have run`,
        );
      valueOfCounters += value;
    }
    for (const { key, last, highest } of this.#registers) {
      const value = Number((await observer.get(key)) ?? 0);
      if (value < last || value > highest)
        throw new Error(`${key} holds ${value}, but ${last} was acknowledged last and ${highest} sent last`);
    }
    const sum = (of: "acknowledged" | "unknown"): number => this.#counters.reduce((total, one) => total + one[of], 0);
    return { acknowledgedIncrements: sum("acknowledged"), valueOfCounters, unknownIncrements: sum("unknown") };
  }

  async #read(): Promise<void> {
    const reply = await this.#redis.get(this.#readKey);
    if (reply !== "kept") throw new Error(`a wrong reply to GET: ${reply}`);
  }

  async #increment(counter: Ledger): Promise<void> {
    const value = await this.#redis.incr(counter.key);
    if (value <= counter.last)
      throw new Error(`${counter.key} went from ${counter.last} to ${value}: a write was lost`);
    counter.last = value;
    counter.acknowledged++;
  }

  async #write(register: Ledger): Promise<void> {
    const value = ++register.highest;
    await this.#redis.set(register.key, value);
    register.last = value;
    register.acknowledged++;
  }

  async #loop(kind: Kind, command: () => Promise<void>, ledgerOfWriter?: Ledger): Promise<void> {
    const counted = this.#tallies[kind];
    while (this.#isRunning) {
      try {
        await command();
        counted.succeeded++;
        this.#succeeded();
      } catch (error) {
        // Anything else is a wrong reply, or our own mistake.
        if (!(error instanceof RedisError)) throw error;
        counted.failed[error.outcome]++;
        if (ledgerOfWriter !== undefined && error.outcome === "unknown") ledgerOfWriter.unknown++;
        await sleep(10);
      }
    }
  }

  #succeeded(): void {
    const now = performance.now();
    this.#longestSilence = Math.max(this.#longestSilence, now - this.#lastSuccess);
    this.#lastSuccess = now;
  }

  #countRetry(message: unknown): void {
    const { command, attempt } = message as { command: string; attempt: number };
    const kind = KINDS.find((one) => one === command);
    if (kind !== undefined && attempt === 1) this.#tallies[kind].retried++;
  }
}

function tally(): Tally {
  return { succeeded: 0, retried: 0, failed: { "not-sent": 0, rejected: 0, unknown: 0 } };
}

function ledger(key: string): Ledger {
  return { key, acknowledged: 0, unknown: 0, last: 0, highest: 0 };
}
