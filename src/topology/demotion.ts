import { ServerError, type RedisError } from "../base/errors.ts";
import type { Request, RetryPolicy } from "../commands/request.ts";

/** Says what a refused write means where nobody looks for the new primary. */
export class DemotionNotice implements RetryPolicy {
  readonly #rules: RetryPolicy | null;

  /** @param rules for the repeats; null for none */
  constructor(rules: RetryPolicy | null) {
    this.#rules = rules;
  }

  takeOver(request: Request, error: RedisError): boolean {
    if (this.#rules?.takeOver(request, error) === true) return true;
    if (error instanceof ServerError && error.code === "READONLY") {
      const server = error.node ?? "the server";
      error.message += `; ${server} is a replica now: connect to its primary, or use Redis.sentinel() or Redis.cluster(), which find it by themselves`;
    }
    return false;
  }
}
