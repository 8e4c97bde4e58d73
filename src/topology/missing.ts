import { PoolTimeoutError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";

/** Why there is no node for what waits. */
export interface Missing {
  readonly text: string;
  /** The latest error, such as of an attempt to connect; undefined where there was none. */
  readonly cause: unknown;
}

/** The error for a wait for a connection that ended before it was known which node to connect to. */
export function noNodeWithin(
  limit: number,
  { text, cause }: Missing,
  { maxConnections }: ResolvedOptions,
): PoolTimeoutError {
  const timeout = Math.round(limit);
  const state = { leased: 0, waiting: 1, maxConnections };
  return new PoolTimeoutError(timeout, state, `no connection within ${timeout} ms: ${text}`, { cause });
}
