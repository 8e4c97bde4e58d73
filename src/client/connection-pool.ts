import type { RedisOptions } from "../base/options.ts";
import { refuseReplicas } from "../base/replica-options.ts";
import { validateDuration, validateObject, validateSignal } from "../base/validate.ts";
import type { SizingAdvice } from "../pool/advice.ts";
import type { LeaseLeak } from "../pool/housekeeper.ts";
import type { LeaseLimits, PoolLease } from "../pool/lease.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { PoolStats } from "../pool/stats.ts";
import { serverCore, type ServerCore } from "./core.ts";
import { Lease } from "./lease.ts";
import { showStats } from "./show-stats.ts";
import { defaultSettings } from "./settings.ts";

/** Limits of one wait for a lease. */
export interface LeaseOptions {
  /** Wait limit, ms; default `acquireTimeout`; 0 fails at once when no connection is idle. */
  readonly timeout?: number | undefined;
  /** Ends the wait; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How to close. */
export interface CloseOptions {
  /** How long what runs may take to come to its end, ms; default 5000. Then it is ended. */
  readonly timeout?: number | undefined;
}

/** Longest drain unless said otherwise, ms. */
const CLOSE_TIMEOUT = 5000;

/** Checks the options of a close. */
export function closeTimeout(options: CloseOptions | undefined): number {
  return options?.timeout === undefined ? CLOSE_TIMEOUT : validateDuration("timeout", options.timeout);
}

/**
 * The connections to one server, for a program that wants connections of its own beside the shared ones. `new Redis({ pool })`
 * gives it the shared commands too.
 *
 * @see docs/pool.md
 */
export class ConnectionPool implements AsyncDisposable {
  // Private, so that nobody who logs a pool logs the TLS key within its options.
  readonly #core: ServerCore;
  /** Limits of a lease where none are given. */
  readonly #limits: LeaseLimits;
  readonly #wrap: (lease: PoolLease) => Lease;

  /**
   * Opens nothing yet: connections are made when they are needed, or at once up to `minConnections`.
   *
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   */
  constructor(input?: string | URL | RedisOptions, extra?: RedisOptions) {
    this.#core = serverCore(input, extra);
    const { options, clock } = this.#core;
    refuseReplicas(options, "a pool has the connections of one server", "use new Redis(), or a pool for each server");
    this.#limits = { timeout: options.acquireTimeout, signal: null, role: "leased" };
    const settings = defaultSettings(options, null);
    this.#wrap = (lease) => Lease.of(lease, settings, clock);
  }

  /** @internal */
  static coreOf(pool: ConnectionPool): ServerCore {
    return pool.#core;
  }

  /**
   * Leases a connection for exclusive use.
   *
   * @param options.timeout wait limit in ms, default `acquireTimeout`; 0 fails at once
   * @param options.signal ends the wait
   * @returns a lease in a clean session
   * @throws PoolTimeoutError `ERR_POOL_TIMEOUT`, outcome not-sent
   * @throws QueueFullError `ERR_QUEUE_FULL` when `maxWaiting` callers wait already
   * @throws ClosedError `ERR_CLOSED` after `close()`
   * @see docs/pool.md
   */
  lease(options?: LeaseOptions): Promise<Lease> {
    if (options === undefined) return this.#pool.lease(this.#limits, this.#wrap);
    try {
      validateObject("lease", options, ["timeout", "signal"]);
      const signal = validateSignal("signal", options.signal);
      const timeout =
        options.timeout === undefined ? this.#limits.timeout : validateDuration("timeout", options.timeout);
      return this.#pool.lease({ timeout, signal, role: "leased" }, this.#wrap);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Leases a connection for the time of a callback, gives it back whatever happens, and returns the callback's value. */
  async use<T>(work: (lease: Lease) => T | Promise<T>, options: LeaseOptions = {}): Promise<T> {
    const lease = await this.lease(options);
    try {
      return await work(lease);
    } finally {
      lease.release();
    }
  }

  /** What the pool does now, and has done since its start. */
  stats(): PoolStats {
    return this.#pool.stats();
  }

  /** Advice on `maxConnections` from the load measured so far. */
  advise(): SizingAdvice {
    return this.#pool.advise();
  }

  /** Leases held for longer than `leakThreshold`, with the stack where each was taken; empty when that is 0. */
  leaks(): LeaseLeak[] {
    return this.#pool.leaks();
  }

  /** Takes no more work, lets what runs come to its end for at most `timeout` ms, then ends every connection. */
  close(options?: CloseOptions): Promise<void> {
    return this.#core.topology.close(closeTimeout(options));
  }

  /** Ends every connection at once; what is in flight fails. */
  destroy(): void {
    this.#core.topology.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #pool(): NodePool {
    return this.#core.topology.pool;
  }
}

showStats(ConnectionPool.prototype);
