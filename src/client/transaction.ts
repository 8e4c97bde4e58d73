import { backoffDelay } from "../base/backoff.ts";
import { OptionsError, ServerError, WatchError } from "../base/errors.ts";
import { sleep, type Clock } from "../base/clock.ts";
import type { Arg } from "../commands/spec.ts";
import { Chain } from "./chain.ts";
import type { Topology } from "../topology/topology.ts";
import type { Core } from "./core.ts";
import { leaseOn, type Lease } from "./lease.ts";
import type { CommandSettings } from "./settings.ts";
import type { Commands } from "../commands/typings.generated.ts";
import type { MultiChain, PipelineChain } from "./chain-types.ts";

/** How a transaction is repeated. */
export interface TransactionOptions {
  /** How often it is tried when watched keys are changed in between; default 100. */
  readonly attempts?: number | undefined;
}

/**
 * What a transaction's callback gets: the commands of a connection of its own, on which the keys are watched. Spelled out, for
 * `Omit<Lease, …>` maps every command anew, in every program that uses it.
 */
export interface Transaction extends Commands {
  /** Sends any command by its name, on this connection. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Collects commands that are sent in one piece. */
  pipeline(): PipelineChain<[]>;
  /** Collects the commands that are to be run when no watched key was changed. */
  multi(): MultiChain<[]>;
}

/** Tries unless said otherwise: with one winner a round, enough for so many callers on the same key at once. */
const ATTEMPTS = 100;
/** Longest pause after a conflict, ms; full jitter. */
const LONGEST_PAUSE = 20;

/**
 * Watches keys, lets the callback read and build a MULTI, and executes it; from the start again when a watched key was changed.
 * The callback may return the chain (it is executed), or anything else (it is the result, and nothing is executed).
 *
 * @throws WatchError `ERR_WATCH` after the last attempt; nothing was applied
 */
async function runTransaction<T>(
  lease: Lease,
  keys: readonly Arg[],
  body: (tx: Transaction) => T | Promise<T>,
  options: TransactionOptions,
  clock: Clock,
): Promise<unknown> {
  const attempts = options.attempts ?? ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    if (keys.length > 0) await lease.call("WATCH", ...keys);
    try {
      const result: unknown = await body(lease);
      return result instanceof Chain ? await result.exec() : result;
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      if (attempt >= attempts) {
        throw new WatchError(
          attempt,
          `the watched keys were changed by others in each of ${attempt} attempts, and nothing was applied: watch fewer keys, or raise attempts`,
          {
            cause: error,
            command: "EXEC",
          },
        );
      }
    }
    await sleep(clock, clock.random() * Math.min(LONGEST_PAUSE, attempt));
  }
}

/**
 * Runs a transaction on a lease of the node that has its keys; from the start again when they are with another node by then.
 *
 * @throws OptionsError for keys that are not on one node
 */
export async function transact<T>(
  core: Core,
  settings: CommandSettings,
  keys: readonly Arg[],
  body: (tx: Transaction) => T | Promise<T>,
  options: TransactionOptions,
): Promise<unknown> {
  const { clock, topology, options: defaults } = core;
  const timeout = Math.min(defaults.acquireTimeout, settings.timeout);
  const until = clock.now() + settings.timeout;
  for (let moves = 1; ; moves++) {
    let lease: Lease | null = null;
    try {
      lease = await leaseOn(core, settings, keys, { timeout });
      return await runTransaction(lease, keys, body, options, clock);
    } catch (error) {
      refuseElsewhere(error, topology, keys);
      // Nothing was applied.
      const pause = backoffDelay(defaults.retry, moves, clock.random());
      if (!topology.learnFrom(error) || clock.now() + pause >= until) throw error;
      await sleep(clock, pause);
    } finally {
      lease?.release();
    }
  }
}

/** A key of another slot than those that are watched is elsewhere, however often it is tried. */
function refuseElsewhere(error: unknown, topology: Topology, keys: readonly Arg[]): void {
  const moved = error instanceof ServerError ? /^(?:MOVED|ASK) (\d+) /.exec(error.message) : null;
  const slot = topology.slotOf(keys[0] ?? "");
  if (moved === null || slot === null || (keys.length > 0 && Number(moved[1]) === slot)) return;
  const own = keys.length === 0 ? "it watches none" : `${slot}`;
  throw new OptionsError(
    "keys",
    `${(error as ServerError).command ?? "a command"} in a transaction must have a key of the slot that it watches (${own}), got one of slot ${moved[1]}: give all keys one hash tag, such as {user:7}`,
    { cause: error },
  );
}

/** The result of a transaction: of the chain that its callback returned, or what it returned itself. */
export type TransactionResult<T> = T extends { exec(): Promise<infer R> } ? R : T;
