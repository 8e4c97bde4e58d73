import type { Clock } from "../base/clock.ts";
import { ConnectionLostError } from "../base/errors.ts";
import { buildCall } from "../commands/call.ts";
import { attachCommands } from "../commands/methods.ts";
import { validateDuration, validateSignal } from "../base/validate.ts";
import type { Request } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { Core } from "./core.ts";
import type { Commands } from "../commands/typings.generated.ts";
import type { MultiChain, PipelineChain } from "./chain-types.ts";
import type { PoolLease } from "../pool/lease.ts";
import { batchRequest } from "../commands/batch.ts";
import { Chain, notHere } from "./chain.ts";
import { applySettings, type CommandSettings } from "./settings.ts";

/**
 * One connection for one borrower: has every command method, and keeps WATCH, SELECT and the like to itself. Give it back with
 * `release()`, or let `await using` do it.
 *
 * @see docs/pool.md
 */
export class Lease {
  readonly #lease: PoolLease;
  readonly #settings: CommandSettings;
  readonly #clock: Clock;
  #watching = false;

  private constructor(lease: PoolLease, settings: CommandSettings, clock: Clock) {
    this.#lease = lease;
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * @internal
   * @param settings whose policy sends nothing again: another connection would not have the session that a command relies on
   */
  static of(lease: PoolLease, settings: CommandSettings, clock: Clock): Lease {
    return new Lease(lease, settings, clock);
  }

  /** Whether it was given back. */
  get isReleased(): boolean {
    return this.#lease.isReleased;
  }

  /** Gives the connection back; more than once is harmless. */
  release(): void {
    this.#lease.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lease.release();
  }

  /** Sends any command by its name, on this connection. */
  call(name: string, ...args: unknown[]): Promise<unknown> {
    try {
      return this.dispatch(buildCall(name, args));
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** Collects commands that are sent in one piece. */
  pipeline(): PipelineChain<[]> {
    const run = (parts: readonly Request[]): Promise<unknown[]> =>
      this.#execute(batchRequest("PIPELINE", parts, false)) as Promise<unknown[]>;
    return new Chain(run) as unknown as PipelineChain<[]>;
  }

  /** Collects commands that are run between MULTI and EXEC. `exec()` throws a WatchError when a watched key was changed. */
  multi(): MultiChain<[]> {
    const run = (parts: readonly Request[]): Promise<unknown[]> => {
      const watched = this.#watching;
      this.#watching = false;
      return this.#execute(batchRequest("MULTI", parts, watched)) as Promise<unknown[]>;
    };
    return new Chain(run) as unknown as MultiChain<[]>;
  }

  /** @internal */
  dispatch(request: Request): Promise<unknown> {
    if (request.route === "subscribe") return this.refuse(notHere(request.spec.name));
    if (request.spec.name === "WATCH") this.#watching = true;
    return this.#execute(request);
  }

  /** @internal */
  refuse(error: unknown): Promise<never> {
    return Promise.reject(error);
  }

  #execute(request: Request): Promise<unknown> {
    applySettings(request, this.#settings, this.#clock);
    return this.#lease.execute(request);
  }
}

export interface Lease extends Commands {}

attachCommands(Lease.prototype);

/** Leases a connection to the node that has some keys (none: any node), within the limits of a view. */
export async function leaseOn(
  { clock, options, topology }: Core,
  settings: CommandSettings,
  keys: readonly Arg[],
  asked: { readonly timeout?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Lease> {
  const timeout = asked.timeout === undefined ? options.acquireTimeout : validateDuration("timeout", asked.timeout);
  const signal = asked.signal === undefined ? settings.signal : validateSignal("signal", asked.signal);
  const own = { ...settings, policy: topology.observer };
  const until = clock.now() + timeout;
  let left = timeout;
  for (;;) {
    const limits = { timeout: left, signal, role: "leased" } as const;
    const pool = await topology.poolFor(keys, limits);
    left = Math.max(0, Math.ceil(until - clock.now()));
    try {
      return await pool.lease({ ...limits, timeout: left }, (lease) => Lease.of(lease, own, clock));
    } catch (error) {
      left = until - clock.now();
      // Another node has taken over while it waited: by now the topology names that one, or waits until it knows it.
      if (!isReplaced(error) || left <= 0) throw error;
    }
  }
}

function isReplaced(error: unknown): boolean {
  return error instanceof ConnectionLostError && error.outcome === "not-sent" && error.reason === "replaced";
}
