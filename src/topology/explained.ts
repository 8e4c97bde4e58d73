import { ServerError, type RedisError } from "../base/errors.ts";
import type { Request, RetryPolicy } from "../commands/request.ts";

/** Says what an error means where nobody acts on it. */
export class Explained implements RetryPolicy {
  readonly #rules: RetryPolicy | null;
  readonly #meanings: ReadonlyMap<string, string>;

  /**
   * @param rules for the repeats; null for none
   * @param meanings what is added to the message, by the error's code
   */
  constructor(rules: RetryPolicy | null, meanings: ReadonlyMap<string, string>) {
    this.#rules = rules;
    this.#meanings = meanings;
  }

  takeOver(request: Request, error: RedisError): boolean {
    if (this.#rules?.takeOver(request, error) === true) return true;
    const meaning = error instanceof ServerError ? this.#meanings.get(error.code) : undefined;
    if (meaning !== undefined) error.message += `; ${error.node ?? "the server"} ${meaning}`;
    return false;
  }
}

/** Where nobody looks for another server. */
export const ON_ONE_SERVER: ReadonlyMap<string, string> = new Map([
  [
    "READONLY",
    "is a replica now: connect to its primary, or use Redis.sentinel() or Redis.cluster(), which find it by themselves",
  ],
  ["MOVED", "is a node of a cluster: use Redis.cluster()"],
  ["CLUSTERDOWN", "is a node of a cluster, which is down: look at its CLUSTER INFO"],
]);

/** On a lease, whose commands are never sent elsewhere. */
export const ON_A_LEASE: ReadonlyMap<string, string> = new Map([
  ["MOVED", "does not have the key's slot: a lease stays on its node; take one with lease({ key })"],
  ["ASK", "is giving the key's slot away: a lease stays on its node; take one with lease({ key }) when that is done"],
]);
