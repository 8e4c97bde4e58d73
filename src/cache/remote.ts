import { OptionsError, type Redis, type RedisError } from "../index.ts";
import type { Breaker } from "./breaker.ts";

/** How an operation on Redis went: its value, or that there is none. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

const FAILED = { ok: false } as const;

/** What went wrong between the cache and Redis. */
export interface RemoteCounters {
  /** Operations that failed or were late. */
  errors: number;
  /** Operations that were not even begun, because the breaker was open. */
  skipped: number;
  /** Writes in the background that there was no room for. */
  dropped: number;
}

/** Redis, as something that may be down: every operation has a limit of its own, fails without an error, and tells the breaker. */
export class Remote {
  readonly counters: RemoteCounters = { errors: 0, skipped: 0, dropped: 0 };
  readonly #redis: Redis;
  readonly #breaker: Breaker;
  readonly #report: (error: unknown) => void;
  readonly #maxPending: number;
  #pending = 0;
  readonly #idle = new Set<() => void>();
  /** Views of the client by their limit in whole ms: there are as many as the longest limit has. */
  readonly #views = new Map<number, Redis>();

  constructor(redis: Redis, breaker: Breaker, maxPending: number, report: (error: unknown) => void) {
    this.#redis = redis;
    this.#breaker = breaker;
    this.#maxPending = maxPending;
    this.#report = report;
  }

  get isUp(): boolean {
    return this.#breaker.state === "closed";
  }

  /**
   * Tries an operation.
   *
   * @param timeout of all its commands, ms
   */
  async attempt<T>(timeout: number, work: (redis: Redis) => Promise<T>): Promise<Attempt<T>> {
    if (timeout <= 0 || !this.#breaker.allows()) {
      this.counters.skipped++;
      return FAILED;
    }
    try {
      const value = await work(this.#view(Math.ceil(timeout)));
      this.#breaker.succeeded();
      return { ok: true, value };
    } catch (error) {
      this.#failed(error);
      return FAILED;
    }
  }

  /** Tries an operation that nobody need wait for; settles when it has gone, or there was no room for it. Whether it has gone well is told. */
  async later(timeout: number, work: (redis: Redis) => Promise<unknown>): Promise<boolean> {
    if (this.#pending >= this.#maxPending) {
      this.counters.dropped++;
      return false;
    }
    this.#pending++;
    const { ok } = await this.attempt(timeout, work);
    if (--this.#pending === 0) {
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    }
    return ok;
  }

  /** Settles when nothing runs in the background. */
  idle(): Promise<void> {
    return this.#pending === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.add(resolve));
  }

  #view(timeout: number): Redis {
    let view = this.#views.get(timeout);
    if (view === undefined) {
      view = this.#redis.with({ timeout, retry: false });
      this.#views.set(timeout, view);
    }
    return view;
  }

  #failed(error: unknown): void {
    this.counters.errors++;
    // An answer, even if it is an error, is one: Redis is up. What was refused before it was sent says nothing either.
    if (isAnswer(error) || error instanceof OptionsError) this.#breaker.succeeded();
    else this.#breaker.failed();
    this.#report(error);
  }
}

function isAnswer(error: unknown): boolean {
  const { name, code } = error as Partial<RedisError>;
  return name === "ServerError" && !UNWELL.has(code ?? "");
}

/** Answers of a server that cannot serve anything. One that takes no writes, for whatever reason, can still be read. */
const UNWELL: ReadonlySet<string> = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY"]);
