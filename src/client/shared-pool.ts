import { OptionsError } from "../base/errors.ts";
import { ConnectionPool } from "./connection-pool.ts";

/** Uses a pool that others use too; it stays open when this client is closed. */
export interface SharedPoolOptions {
  readonly pool: ConnectionPool;
}

/**
 * Whether a client is to use a pool that others use too.
 *
 * @throws OptionsError for a pool that is none, or one beside other options
 */
export function isSharedPool(input: unknown, extra?: object): input is SharedPoolOptions {
  if (typeof input !== "object" || input === null || !("pool" in input)) return false;
  if (!(input.pool instanceof ConnectionPool))
    throw new OptionsError("pool", `pool must be a ConnectionPool, got ${typeof input.pool}`);
  const others = Object.keys(input).filter((name) => name !== "pool");
  if (others.length > 0 || extra !== undefined)
    throw new OptionsError(
      others[0] ?? "pool",
      `${others.join(", ") || "options"} cannot be given beside pool: set it where the pool is made`,
    );
  return true;
}
