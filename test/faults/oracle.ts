import assert from "node:assert/strict";
import {
  RedisError,
  type Commands,
  type ConnectionPool,
  type Lease,
  type Outcome,
  type Redis,
} from "../../src/index.ts";
import type { RawClient } from "../support/raw-client.ts";
import { assertSumRule } from "../support/stats.ts";

/** How an operation ended: with its reply, with an error that tells what became of it, or with its signal's reason. */
export type Ending = "acknowledged" | Outcome | "aborted";

/** What an operation came to. */
export interface Result<T> {
  readonly ending: Ending;
  readonly value: T | undefined;
}

/** One accumulating command, on a key of its own: what the server has there tells how often it ran. */
interface Effect {
  readonly key: string;
  ending: Ending | "pending";
}

/** The step of the library's clock, and what timers and a busy machine may add, ms. */
const LATENESS = 20 + 100;
const SAMPLE = 4;
/** A sample so much later is a stall, ms. */
const STALL = 5;
const READ_KEYS = 10;

/** Rejections that nobody handled, of the whole process. */
const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** What a signal of a test is aborted with. */
export const ABORTED: Error = new Error("aborted by the test");

/**
 * Holds the promises of a client against what it does, whatever else happens to it. Every operation goes through it; in the end
 * `verify` compares what was said with what the server has.
 */
export class Oracle implements Disposable {
  /** What was not as promised. */
  readonly problems: string[] = [];
  /** How often each error code came. */
  readonly codes: Map<string, number> = new Map();
  readonly endings: Record<Ending, number> = { acknowledged: 0, "not-sent": 0, rejected: 0, unknown: 0, aborted: 0 };
  /** Replies that belonged to another command. */
  foreign = 0;
  readonly #prefix: string;
  readonly #pool: ConnectionPool;
  readonly #effects: Effect[] = [];
  /** When each operation that is under way was begun. */
  readonly #running = new Map<string, number>();
  readonly #sampler: NodeJS.Timeout;
  #sampledAt = performance.now();
  #stalled = 0;
  #longest = 0;
  #firstForeign = "";
  #serial = 0;

  constructor(prefix: string, pool: ConnectionPool) {
    this.#prefix = prefix;
    this.#pool = pool;
    this.#sampler = setInterval(() => this.#sample(), SAMPLE);
  }

  /** Sets the keys that are read. */
  async prepare(raw: RawClient): Promise<void> {
    const pairs = Array.from({ length: READ_KEYS }, (_, index) => [this.#readKey(index), this.#valueOf(index)]);
    await raw.command("MSET", ...pairs.flat());
  }

  /** Time that the event loop was busy elsewhere, in sum, ms. */
  get stalled(): number {
    return this.#stalled;
  }

  /** The longest that any operation has taken so far, those under way included, ms. */
  get longest(): number {
    const now = performance.now();
    return Math.max(this.#longest, ...[...this.#running.values()].map((began) => now - began));
  }

  problem(text: string): void {
    if (this.problems.length < 10) this.problems.push(text);
  }

  /** Runs an operation that has to settle within `limit` ms, and, if with an error, with one that tells its outcome. */
  async perform<T>(what: string, limit: number, run: () => Promise<T>): Promise<Result<T>> {
    const name = `${what} (${++this.#serial})`;
    this.#sample();
    const { stalled } = this;
    const began = performance.now();
    this.#running.set(name, began);
    let ending: Ending = "acknowledged";
    let value: T | undefined;
    try {
      value = await run();
    } catch (error) {
      ending = this.#endingOf(name, error);
    }
    this.#running.delete(name);
    const took = performance.now() - began;
    this.#sample();
    this.#longest = Math.max(this.#longest, took);
    if (took > limit + LATENESS + this.stalled - stalled)
      this.problem(`${name} took ${Math.round(took)} ms, its limit was ${limit}`);
    this.endings[ending]++;
    return { ending, value };
  }

  /** Reads a key whose value tells its name. */
  async read(via: Commands, limit: number): Promise<Ending> {
    const index = this.#serial % READ_KEYS;
    const { ending, value } = await this.perform("GET", limit, () => via.get(this.#readKey(index)));
    if (ending === "acknowledged") this.#expect(value, this.#valueOf(index), `GET ${index}`);
    return ending;
  }

  /** Runs an INCR, whose key has no other. */
  async increment(via: Commands, limit: number): Promise<Ending> {
    const effect = this.#effect();
    const { ending, value } = await this.perform("INCR", limit, () => via.incr(effect.key));
    effect.ending = ending;
    if (ending === "acknowledged") this.#expect(value, 1, `INCR ${effect.key}`);
    return ending;
  }

  /** Runs several commands at once: as a pipeline, or atomically. */
  async batch(via: Redis | Lease, limit: number, kind: "pipeline" | "multi", times = 1): Promise<Ending> {
    const index = this.#serial % READ_KEYS;
    const effects = Array.from({ length: times }, () => this.#effect());
    const { ending, value } = await this.perform<readonly unknown[]>(kind, limit, () => {
      const chain = via[kind]();
      for (const { key } of effects) chain.get(this.#readKey(index)).incr(key).echo(key);
      return chain.exec();
    });
    for (const [at, effect] of effects.entries()) {
      if (value === undefined) {
        effect.ending = ending;
        continue;
      }
      const [read, count, word] = value.slice(3 * at, 3 * at + 3);
      effect.ending = count instanceof Error ? this.#endingOf(`${kind}'s INCR`, count) : "acknowledged";
      if (!(read instanceof Error)) this.#expect(read, this.#valueOf(index), `GET in a ${kind}`);
      if (!(count instanceof Error)) this.#expect(count, 1, `INCR in a ${kind}`);
      if (!(word instanceof Error)) this.#expect(word, effect.key, `ECHO in a ${kind}`);
    }
    return ending;
  }

  /** Waits until everything that was begun has ended. */
  async settled(limit: number): Promise<void> {
    const deadline = performance.now() + limit;
    while (this.#running.size > 0) {
      if (performance.now() > deadline) {
        this.problem(`never settled: ${[...this.#running.keys()].slice(0, 5).join(", ")}`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /**
   * Compares what was said of each accumulating command with how often it ran, on all the servers together.
   *
   * @param options.foreignReplies so many replies may have reached another caller
   */
  async verify(raws: readonly RawClient[], options: { foreignReplies?: number } = {}): Promise<void> {
    for (let at = 0; at < this.#effects.length; at += 500) {
      const effects = this.#effects.slice(at, at + 500);
      const counts = effects.map(() => 0);
      for (const raw of raws) {
        const values = (await raw.command("MGET", ...effects.map(({ key }) => key))) as (string | null)[];
        for (const [index, value] of values.entries()) counts[index] = (counts[index] ?? 0) + Number(value ?? 0);
      }
      for (const [index, effect] of effects.entries()) this.#judge(effect, counts[index] ?? 0);
    }
    if (this.foreign > (options.foreignReplies ?? 0))
      this.problem(`${this.foreign} replies of others: ${this.#firstForeign}`);
    for (const reason of unhandled.splice(0)) this.problem(`unhandled rejection: ${String(reason)}`);
    assert.deepEqual(this.problems, []);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sampler);
  }

  #judge({ key, ending }: Effect, ran: number): void {
    if (ending === "pending") return; // told as never settled
    if (ran > 1) this.problem(`${key} ran ${ran} times (${ending})`);
    if (ending === "acknowledged" && ran === 0) this.problem(`${key} was acknowledged and did not run`);
    if ((ending === "not-sent" || ending === "rejected") && ran > 0) this.problem(`${key} is called ${ending} and ran`);
  }

  #effect(): Effect {
    const effect: Effect = { key: `${this.#prefix}:n:${this.#effects.length}`, ending: "pending" };
    this.#effects.push(effect);
    return effect;
  }

  #endingOf(name: string, error: unknown): Ending {
    if (error === ABORTED) return "aborted";
    if (!(error instanceof RedisError)) {
      this.problem(`${name} failed with ${String(error)}`);
      return "unknown";
    }
    this.codes.set(error.code, (this.codes.get(error.code) ?? 0) + 1);
    return error.outcome;
  }

  #expect(value: unknown, expected: unknown, what: string): void {
    if (value === expected) return;
    this.foreign++;
    this.#firstForeign ||= `${what} gave ${JSON.stringify(value)}`;
  }

  #sample(): void {
    const now = performance.now();
    const late = now - this.#sampledAt - SAMPLE;
    if (late > STALL) this.#stalled += late;
    this.#sampledAt = now;
    try {
      const stats = this.#pool.stats();
      assertSumRule(stats, stats.maxConnections);
    } catch (error) {
      this.problem(`the sum rule: ${String(error)}`);
    }
  }

  #readKey(index: number): string {
    return `${this.#prefix}:k:${index}`;
  }

  #valueOf(index: number): string {
    return `value of ${this.#readKey(index)}`;
  }
}
