import { setMaxListeners } from "node:events";
import { backoffDelay } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { events } from "../base/diagnostics.ts";
import type { ConnectError, RedisError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Connection } from "../connection/connection.ts";
import type { Budget } from "./budget.ts";
import { Entry, type Roster } from "./roster.ts";

/** How long a full server keeps the cap low, ms: long enough not to knock again at once, short enough to recover. */
const FULL_SERVER_PAUSE = 5000;

/** A connection that lived shorter than this died young, ms. */
export const INFANCY: number = 500;

/** Opens one connection; the pool is given this and knows no topology. */
export type Open = (signal: AbortSignal) => Promise<Connection>;

/** The pool, as its opener sees it. */
export interface OpenerListener {
  opened(entry: Entry, connection: Connection): void;
  failed(error: ConnectError): void;
}

/**
 * Opens connections: never tied to the caller who wanted one, within the budget, pausing after failures with full jitter, and
 * modest for a while after the server said that it has no client left to give.
 */
export class Opener {
  readonly #open: Open;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #roster: Roster;
  readonly #listener: OpenerListener;
  readonly #stop = new AbortController();
  #failures = 0;
  #youngDeaths = 0;
  #diedYoungAt = 0;
  #pausedUntil = 0;
  #cap = Infinity;
  #capUntil = 0;
  #lastError: ConnectError | null = null;
  #youngDeath: RedisError | null = null;

  constructor(
    open: Open,
    options: ResolvedOptions,
    clock: Clock,
    budget: Budget,
    roster: Roster,
    listener: OpenerListener,
  ) {
    this.#open = open;
    this.#options = options;
    this.#clock = clock;
    this.#budget = budget;
    this.#roster = roster;
    this.#listener = listener;
    // Every attempt listens while it lasts, and there may be as many as connections: no leak to warn about.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Why there is no connection: the latest attempt failed, or what came of it ended at once; null after a success. */
  get lastError(): RedisError | null {
    return this.#lastError ?? this.#youngDeath;
  }

  /**
   * How many more connections may be opened now.
   *
   * @param urgent whether shared commands have none at all: then one may be tried whatever a full server has said, at the pace of
   *   the reconnects, for it may have room again
   */
  room(urgent = false): number {
    const now = this.#clock.now();
    if (now < this.#pausedUntil || this.#stop.signal.aborted) return 0;
    if (now >= this.#capUntil) this.#cap = Infinity;
    const used = this.#roster.total + this.#roster.count("connecting");
    const cap = urgent ? Math.max(this.#cap, used + 1) : this.#cap;
    return Math.max(0, Math.min(this.#budget.left, Math.min(cap, this.#options.maxConnections) - used));
  }

  /** Starts to open `count` connections; there must be room. */
  start(count: number): void {
    for (let index = 0; index < count && this.#budget.take(); index++) {
      const entry = new Entry();
      this.#roster.add(entry);
      void this.#attempt(entry);
    }
  }

  /** A connection died young: wait before the next one, or a server that hangs up would be dialled in a hot loop. */
  diedYoung(error: RedisError | null): void {
    const now = this.#clock.now();
    this.#youngDeath = error;
    // Each of them was a success before, so their failures are counted apart, until there was none for a while.
    if (now - this.#diedYoungAt > 2 * this.#options.reconnect.maxDelay + INFANCY) this.#youngDeaths = 0;
    this.#diedYoungAt = now;
    if (now < this.#pausedUntil) return; // one of several that ended together
    this.#youngDeaths++;
    this.#pausedUntil = now + backoffDelay(this.#options.reconnect, this.#youngDeaths, this.#clock.random());
  }

  /** Ends all attempts. */
  stop(): void {
    // Without a reason Node would make an exception with a stack, a twentieth of what a short-lived client costs.
    this.#stop.abort("the pool was closed");
  }

  async #attempt(entry: Entry): Promise<void> {
    try {
      const connection = await this.#open(this.#stop.signal);
      this.#succeeded();
      this.#listener.opened(entry, connection);
    } catch (error) {
      this.#budget.give();
      this.#roster.moveTo(entry, "closed", this.#clock.now());
      this.#failed(error as ConnectError);
    }
  }

  #succeeded(): void {
    if (this.#lastError !== null && events.connectionRestored.hasSubscribers) {
      events.connectionRestored.publish({ node: this.#options.node, failures: this.#failures });
    }
    this.#failures = 0;
    this.#lastError = null;
    this.#youngDeath = null;
  }

  #failed(error: ConnectError): void {
    this.#lastError = error;
    const now = this.#clock.now();
    if (now >= this.#pausedUntil) {
      this.#failures++;
      this.#pausedUntil = now + backoffDelay(this.#options.reconnect, this.#failures, this.#clock.random());
    }
    if (error.code === "ERR_CONNECT_MAX_CLIENTS") {
      this.#cap = Math.max(1, this.#roster.total);
      this.#capUntil = this.#clock.now() + FULL_SERVER_PAUSE;
    }
    if (events.connectionFailed.hasSubscribers) {
      events.connectionFailed.publish({
        node: this.#options.node,
        code: error.code,
        message: error.message,
        failures: this.#failures,
      });
    }
    this.#listener.failed(error);
  }
}
