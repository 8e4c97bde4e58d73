import { backoffDelay } from "../../base/backoff.ts";
import { ServerError, type RedisError } from "../../base/errors.ts";
import type { Request, RetryPolicy } from "../../commands/request.ts";
import { isRoleChange, isUnreachable, type RetryQueue } from "../retry.ts";

/** So often a command goes at once to the server that is the primary by then; then with pauses. */
const AT_ONCE = 3;
const PAUSES = { minDelay: 10, maxDelay: 500 };

/** The members, as their rules see them. */
export interface RulesTarget {
  /** Whether somebody looks for the primary. */
  readonly discovers: boolean;
  /** Learns what a server's refusal tells of its role. */
  learn(error: ServerError): void;
  suspect(): void;
  execute(request: Request): Promise<unknown>;
}

/**
 * Sends to the new primary what the old one has refused, and leaves everything else to the view's own rules. That a command found
 * a replica is no failure of it: it goes on without `retry` too.
 */
export class ReplicaRules implements RetryPolicy {
  readonly #target: RulesTarget;
  readonly #rules: RetryPolicy | null;
  readonly #queue: RetryQueue;

  constructor(target: RulesTarget, rules: RetryPolicy | null, queue: RetryQueue) {
    this.#target = target;
    this.#rules = rules;
    this.#queue = queue;
  }

  takeOver(request: Request, error: RedisError): boolean {
    const target = this.#target;
    if (error instanceof ServerError) target.learn(error);
    if (target.discovers) {
      if (isDemotion(error)) return this.#sendOn(request, AT_ONCE);
      const mayPass = isUnreachable(error) || (error instanceof ServerError && error.code === "NOREPLICAS");
      if (mayPass && this.#rules !== null) {
        target.suspect();
        return this.#sendOn(request, 0);
      }
    }
    return this.#rules !== null && this.#rules.takeOver(request, error);
  }

  #sendOn(request: Request, atOnce: number): boolean {
    const redirects = request.redirects + 1;
    const delay = redirects <= atOnce ? 0 : backoffDelay(PAUSES, redirects - atOnce, this.#queue.clock.random());
    if (delay > 0 && (!this.#queue.hasRoom || this.#queue.clock.now() + delay >= request.deadline)) return false;
    request.redirects = redirects;
    request.again(false);
    if (delay > 0) this.#queue.push(request, delay);
    else void this.#target.execute(request);
    return true;
  }
}

/** Whether a server has refused a command because it is a replica: the command has not run. */
export function isDemotion(error: unknown): boolean {
  return error instanceof ServerError && (error.code === "READONLY" || isRoleChange(error));
}
