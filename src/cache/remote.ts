import { ConnectionLostError, OptionsError, ServerError, type CommandOptions, type Redis } from "../index.ts";
import type { Breaker } from "./breaker.ts";
import type { ResolvedCache } from "./options.ts";
import type { Report } from "./report.ts";
import { clock } from "./time.ts";

/** How an operation on Redis went: its value, or that there is none, and whether it may have been sent. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | Failure;

interface Failure {
  readonly ok: false;
  readonly wasSent: boolean;
  /** null where it was not begun. */
  readonly error: unknown;
}

const SKIPPED: Failure = { ok: false, wasSent: false, error: null };

/** What went wrong between the cache and Redis. */
export interface RemoteCounters {
  /** Operations that failed or were late. */
  errors: number;
  /** What the latest of them failed with; null without any. */
  lastError: unknown;
  /** Operations that were not even begun: the breaker was open, or those before had taken all the time. */
  skipped: number;
  /** Writes in the background that there was no room for. */
  dropped: number;
}

/** Redis, as something that may be down: every operation has a limit of its own, fails without an error, and tells the breaker. */
export class Remote {
  readonly counters: RemoteCounters = { errors: 0, lastError: null, skipped: 0, dropped: 0 };
  readonly #redis: Redis;
  readonly #breaker: Breaker;
  readonly #report: Report;
  readonly #maxPending: number;
  readonly #readFrom: CommandOptions["readFrom"];
  /** Operations that nobody waits for. */
  #pending = 0;
  /** These, and what will lead to such. */
  #working = 0;
  readonly #idle = new Set<() => void>();
  /** Views of the client by their limit: at most one for each whole ms of the longest. */
  readonly #views = new Map<number, Redis>();

  constructor(
    redis: Redis,
    breaker: Breaker,
    { maxPendingWrites, memory }: Pick<ResolvedCache, "maxPendingWrites" | "memory">,
    report: Report,
  ) {
    this.#redis = redis;
    this.#breaker = breaker;
    this.#maxPending = maxPendingWrites;
    // What is told of changes is told by primaries: a replica may still have what was there before.
    this.#readFrom = memory === null ? undefined : "primary";
    this.#report = report;
  }

  /**
   * Tries an operation.
   *
   * @param timeout of all its commands, ms
   */
  attempt<T>(timeout: number, work: (redis: Redis) => Promise<T>): Promise<Attempt<T>> {
    return this.attemptAs(timeout, work, asItIs);
  }

  /** The same, and what `told` makes of it: one promise less than who awaits an attempt has, and every look-up is one. */
  async attemptAs<T, R>(
    timeout: number,
    work: (redis: Redis) => Promise<T>,
    told: (attempt: Attempt<T>) => R | Promise<R>,
  ): Promise<R> {
    if (timeout <= 0 || !this.#breaker.allows()) {
      this.counters.skipped++;
      return told(SKIPPED);
    }
    const began = clock.now();
    let attempt: Attempt<T>;
    try {
      attempt = { ok: true, value: await work(this.#view(Math.ceil(timeout))) };
      this.#breaker.succeeded();
    } catch (error) {
      this.#failed(error, began);
      attempt = { ok: false, wasSent: true, error };
    }
    return told(attempt);
  }

  /** Tries an operation that nobody need wait for; settles when it has gone, or there was no room for it. Whether it has gone well is told. */
  async later(timeout: number, work: (redis: Redis) => Promise<unknown>): Promise<boolean> {
    if (this.#pending >= this.#maxPending) {
      this.counters.dropped++;
      return false;
    }
    this.#pending++;
    const { ok } = await this.during(this.attempt(timeout, work));
    this.#pending--;
    return ok;
  }

  /** Work that is under way: `idle` waits for it. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#working++;
    try {
      return await work;
    } finally {
      if (--this.#working === 0) {
        for (const resolve of this.#idle) resolve();
        this.#idle.clear();
      }
    }
  }

  /** Settles when nothing runs in the background. */
  idle(): Promise<void> {
    return this.#working === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.add(resolve));
  }

  #view(timeout: number): Redis {
    let view = this.#views.get(timeout);
    if (view === undefined) {
      view = this.#redis.with({ timeout, retry: false, readFrom: this.#readFrom });
      this.#views.set(timeout, view);
    }
    return view;
  }

  #failed(error: unknown, began: number): void {
    this.counters.errors++;
    this.counters.lastError = error;
    // An answer, even if it is an error, is one: Redis is up. What was refused before it was sent says nothing either.
    if (isAnswer(error) || error instanceof OptionsError) this.#breaker.succeeded();
    else this.#breaker.failed(began, error instanceof ConnectionLostError);
    this.#report(error);
  }
}

function asItIs<T>(attempt: Attempt<T>): Attempt<T> {
  return attempt;
}

function isAnswer(error: unknown): boolean {
  return error instanceof ServerError && !UNWELL.has(error.code);
}

/** Answers of a server that cannot serve anything. One that takes no writes, for whatever reason, can still be read. */
const UNWELL: ReadonlySet<string> = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY"]);
