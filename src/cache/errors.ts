import { RedisError } from "../index.ts";

/**
 * A codec was given a value that it cannot keep as it is: nothing was stored.
 *
 * `code` is `ERR_CACHE_VALUE`, `outcome` is `not-sent`.
 */
export class CacheValueError extends RedisError {
  static {
    // Like the names of all errors: one on the prototype, none per error.
    Object.defineProperty(this.prototype, "name", { value: "CacheValueError", configurable: true, writable: true });
  }

  /** Where in the value, such as `$.items[3].price`. */
  declare readonly path: string;

  /** @param what of the codec and of the value at `path`, without the path */
  constructor(codec: string, path: string, what: string, cause?: unknown) {
    const facts = cause === undefined ? {} : { cause };
    super("ERR_CACHE_VALUE", "not-sent", `the codec ${codec} cannot keep this value as it is: ${path}: ${what}`, facts);
    this.path = path;
  }
}

/**
 * Stored bytes that cannot be read: such an entry counts as a miss, and only `onError` hears of it.
 *
 * `code` is `ERR_CACHE_READ`, `outcome` is `unknown`, as that of every reply that cannot be read.
 */
export class CacheReadError extends RedisError {
  static {
    Object.defineProperty(this.prototype, "name", { value: "CacheReadError", configurable: true, writable: true });
  }

  /** `damaged`: not as its writer has made it. `foreign`: of a writer with other codecs, compressions, limits, or a later version. */
  declare readonly kind: "damaged" | "foreign";

  constructor(kind: "damaged" | "foreign", message: string, cause?: unknown) {
    super("ERR_CACHE_READ", "unknown", message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}
