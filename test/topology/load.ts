import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisError, type Redis } from "../../src/index.ts";

/** An operation that has failed. */
export interface Failure {
  readonly what: string;
  readonly code: string;
  readonly outcome: string;
  readonly message: string;
  /** ms since the load's begin. */
  readonly at: number;
}

const COUNTERS = 60;
const VALUES = 120;
const LISTS = 6;
const PAUSE = 4;

/**
 * A constant load of everything that must survive a change of the nodes: reads that describe their own key, increments, blocking
 * pops with those who push to them, a loop of transactions, pipelines over all nodes. What it saw is checked at the end.
 */
export class Load {
  readonly failures: Failure[] = [];
  readonly #redis: Redis;
  readonly #acknowledged = new Map<string, number>();
  readonly #unknown = new Map<string, number>();
  readonly #pushed = new Map<string, number>();
  readonly #popped: string[] = [];
  readonly #workers: Promise<void>[] = [];
  readonly #began = performance.now();
  readonly #operations = new Map<string, number>();
  #stopped = false;

  private constructor(redis: Redis) {
    this.#redis = redis;
  }

  static async start(redis: Redis): Promise<Load> {
    const load = new Load(redis);
    for (let index = 0; index < VALUES; index++) await redis.set(`value:${index}`, `of value:${index}`);
    for (let worker = 0; worker < 4; worker++) {
      load.#loop(() => load.#read(`value:${random(VALUES)}`));
      load.#loop(() => load.#count(`counter:${random(COUNTERS)}`));
    }
    load.#loop(() => load.#transact(`counter:${random(COUNTERS)}`));
    load.#loop(() => load.#pipeline());
    for (let list = 0; list < LISTS; list++) {
      load.#loop(() => load.#pop(`list:${list}`));
      load.#loop(() => load.#push(`list:${list}`), 10 * PAUSE);
    }
    return load;
  }

  /** Operations that have succeeded, by kind. */
  get operations(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#operations);
  }

  /**
   * Ends the load, and compares what the servers hold with what the callers were told.
   *
   * @returns acknowledged increments that are not there: a server that is replaced without its consent takes writes with it that it
   *   has acknowledged and not passed on
   */
  async stop(): Promise<number> {
    this.#stopped = true;
    for (let list = 0; list < LISTS; list++) await this.#redis.rpush(`list:${list}`, "end");
    await Promise.all(this.#workers);
    let lost = 0;
    for (let index = 0; index < COUNTERS; index++) {
      const key = `counter:${index}`;
      const value = Number((await this.#redis.get(key)) ?? 0);
      const least = this.#acknowledged.get(key) ?? 0;
      const most = least + (this.#unknown.get(key) ?? 0);
      assert.ok(value <= most, `${key} is ${value}, expected ${least} to ${most}`);
      lost += Math.max(0, least - value);
    }
    const twice = this.#popped.filter((element, index) => this.#popped.indexOf(element) !== index);
    assert.deepEqual(twice, [], "elements that were popped twice");
    return lost;
  }

  /** Elements that were pushed for certain, and neither popped nor still there. */
  async lostElements(): Promise<number> {
    let left = 0;
    for (let list = 0; list < LISTS; list++)
      left += (await this.#redis.lrange(`list:${list}`, 0, -1)).filter((element) => element !== "end").length;
    let pushed = 0;
    for (const count of this.#pushed.values()) pushed += count;
    return pushed - this.#popped.length - left;
  }

  #loop(work: () => Promise<void>, pause: number = PAUSE): void {
    const run = async (): Promise<void> => {
      while (!this.#stopped) {
        await work();
        await sleep(pause);
      }
    };
    // One that finds a broken promise ends all: the others would go on for ever.
    const running = run().finally(() => (this.#stopped = true));
    this.#workers.push(running);
  }

  async #read(key: string): Promise<void> {
    await this.#attempt("read", key, async () => {
      assert.equal(await this.#redis.get(key), `of ${key}`, "a value of another key");
    });
  }

  async #count(key: string): Promise<void> {
    await this.#attempt("count", key, async () => {
      await this.#redis.incr(key);
      add(this.#acknowledged, key);
    });
  }

  async #transact(key: string): Promise<void> {
    await this.#attempt("transaction", key, async () => {
      await this.#redis.transaction(key, async (tx) => {
        const value = Number((await tx.get(key)) ?? 0);
        return tx.multi().set(key, value + 1);
      });
      add(this.#acknowledged, key);
    });
  }

  async #pipeline(): Promise<void> {
    const keys = [0, 1, 2, 3].map(() => `value:${random(VALUES)}`);
    const counter = `counter:${random(COUNTERS)}`;
    let chain = this.#redis.pipeline().incr(counter);
    for (const key of keys) chain = chain.get(key) as never;
    let results: readonly unknown[];
    try {
      results = await chain.exec();
    } catch (error) {
      results = [...keys, counter].map(() => error);
    }
    const [counted, ...values] = results;
    await this.#attempt("pipeline", counter, async () => {
      if (counted instanceof Error) throw counted;
      add(this.#acknowledged, counter);
    });
    for (const [index, key] of keys.entries()) {
      await this.#attempt("read", key, async () => {
        if (values[index] instanceof Error) throw values[index];
        assert.equal(values[index], `of ${key}`, "a value of another key");
      });
    }
  }

  async #push(list: string): Promise<void> {
    const element = `${list}:${this.#pushed.get(list) ?? 0}:${Math.random()}`;
    await this.#attempt("push", list, async () => {
      await this.#redis.rpush(list, element);
      add(this.#pushed, list);
    });
  }

  async #pop(list: string): Promise<void> {
    await this.#attempt("pop", "", async () => {
      const popped = await this.#redis.blpop(list, 1);
      if (popped !== null && popped[1] !== "end") this.#popped.push(popped[1]);
    });
  }

  async #attempt(what: string, key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RedisError)) throw error;
      if (error.outcome === "unknown" && what !== "read") add(this.#unknown, key);
      const { code, outcome, message } = error;
      this.failures.push({ what, code, outcome, message, at: Math.round(performance.now() - this.#began) });
      return;
    }
    add(this.#operations, what);
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function random(count: number): number {
  return Math.floor(Math.random() * count);
}
