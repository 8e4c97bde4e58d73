import type { Clock } from "../base/clock.ts";
import type { ConnectError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Missing } from "./missing.ts";

/** A primary and its replicas, as whoever finds them sees them. */
export interface Members {
  readonly clock: Clock;
  /** The primary as of now, by its node's name; null while none is known. */
  readonly primary: string | null;
  /** Whether commands wait for a primary. */
  readonly isWaiting: boolean;
  /**
   * What a server says of itself: `master`, `slave` or `sentinel`.
   *
   * @throws RedisError when it does not answer within `timeout` ms; the signal's reason
   */
  roleOf(options: ResolvedOptions, timeout: number, signal: AbortSignal): Promise<string>;
  /** These serve from now on; what waits goes to them. */
  setMembers(primary: ResolvedOptions, replicas: readonly ResolvedOptions[]): void;
  /** A node is a primary no longer: what is meant for the primary waits until another one is set. */
  doubt(node: string): void;
  /** No primary can be found, and waiting cannot help: what waits fails. */
  fail(error: ConnectError): void;
}

/** Finds the members of a replicated topology, and calls its `setMembers`. */
export interface Discovery {
  /** Looks soon, because something may have changed. */
  suspect(): void;
  /** Looks as soon as it may, and waits for that, until the given time at the latest, ms on the clock. */
  soon(until: number, signal: AbortSignal | null): Promise<void>;
  /** Why no primary is known, for errors. */
  readonly missing: Missing;
  /** Why none can be found however long one waits; null when that is not so. */
  readonly fatal: ConnectError | null;
  stop(): void;
}
