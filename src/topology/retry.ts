import { backoffDelay } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { events } from "../base/diagnostics.ts";
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  PoolTimeoutError,
  ServerError,
  type RedisError,
} from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Executor, Request, RetryPolicy } from "../commands/request.ts";
import { EFFECT_RANK } from "../commands/spec.ts";
import { commandSpec } from "../commands/table.ts";

/** How failed commands are sent again. */
export interface RetrySettings {
  readonly retry: ResolvedOptions["retry"];
  readonly retryOnTimeout: boolean;
}

/** Whether an error reply only tells of the server's present state, so that the same command may succeed later. */
export function isServerState(error: ServerError): boolean {
  return PASSING.has(error.code) || PERHAPS.has(error.code);
}

/** The server's state passes by itself: worth waiting for, up to the deadline. */
const PASSING = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"]);
/** The server's state may change soon: worth `attempts`. */
const PERHAPS = new Set(["READONLY", "NOREPLICAS"]);

/** The server has become a replica: a blocked command got nothing, and the new primary can run it. CLIENT UNBLOCK has other words. */
export function isRoleChange(error: ServerError): boolean {
  return error.code === "UNBLOCKED" && /instance state changed/.test(error.message);
}

/** Whether there was no connection to wait for, because the node cannot be reached. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof PoolTimeoutError && error.cause instanceof ConnectError;
}

/** Whether a command that was cut off has changed nothing: what a transaction has only read, or watched, it can read again. */
export function hasChangedNothing({ outcome, command }: ConnectionLostError): boolean {
  if (outcome === "not-sent" || command === "WATCH") return true;
  return command !== undefined && commandSpec(command)?.effect === "read";
}

type Verdict = "always" | "attempts" | "never";

/** The commands of one client that wait to be sent again. Bounded: whatever the server's state, memory is. */
export class RetryQueue {
  readonly #clock: Clock;
  readonly #executor: Executor;
  readonly #limit: number;
  readonly #pending = new Map<Request, Timer>();
  #whenEmpty: (() => void) | null = null;
  #closed = false;

  constructor(clock: Clock, executor: Executor, limit: number) {
    this.#clock = clock;
    this.#executor = executor;
    this.#limit = limit;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return !this.#closed && this.#pending.size < this.#limit;
  }

  push(request: Request, delay: number): void {
    this.#pending.set(
      request,
      this.#clock.schedule(() => this.#resend(request), delay, true),
    );
  }

  /** Returns when nothing waits any more, after `timeout` ms at most. */
  drained(timeout: number): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#whenEmpty;
      const timer = this.#clock.schedule(resolve, timeout, true);
      this.#whenEmpty = () => {
        timer.cancel();
        before?.();
        resolve();
      };
    });
  }

  /** Gives up what waits. */
  close(): void {
    this.#closed = true;
    for (const [request, timer] of this.#pending) {
      timer.cancel();
      const command = request.spec.name;
      const message = `${command} was waiting to be sent again when the client was closed`;
      request.reject(new ClosedError(request.outcome, message, { command }));
    }
    this.#pending.clear();
    this.#whenEmpty?.();
  }

  #resend(request: Request): void {
    this.#pending.delete(request);
    void this.#executor.execute(request);
    if (this.#pending.size === 0) this.#whenEmpty?.();
  }
}

/**
 * What may be sent again, and how often. A command that provably did not run is sent again whatever it does; one that may have run
 * only when its effect allows; always within its deadline.
 */
export class Retrier implements RetryPolicy {
  readonly #settings: RetrySettings;
  readonly #queue: RetryQueue;

  constructor(settings: RetrySettings, queue: RetryQueue) {
    this.#settings = settings;
    this.#queue = queue;
  }

  takeOver(request: Request, error: RedisError): boolean {
    const verdict = this.#judge(request, error);
    if (verdict === "never" || !this.#queue.hasRoom) return false;
    const { retry } = this.#settings;
    if (verdict === "attempts" && request.attempts >= retry.attempts) return false;
    const delay =
      error.outcome === "not-sent" ? 0 : backoffDelay(retry, request.attempts + 1, this.#queue.clock.random());
    if (this.#queue.clock.now() + delay >= request.deadline) return false;
    if (events.commandRetried.hasSubscribers) {
      events.commandRetried.publish({
        command: request.spec.name,
        code: error.code,
        outcome: error.outcome,
        attempt: request.attempts + 1,
        delay,
      });
    }
    request.again(error.outcome !== "not-sent");
    this.#queue.push(request, delay);
    return true;
  }

  #judge(request: Request, error: RedisError): Verdict {
    if (error instanceof ServerError) {
      if (PASSING.has(error.code) || isRoleChange(error)) return "always";
      return PERHAPS.has(error.code) ? "attempts" : "never";
    }
    if (!(error instanceof ConnectionLostError)) return "never";
    if (error.outcome === "not-sent") return "always";
    if (error.reason === "socket-timeout" && !this.#settings.retryOnTimeout) return "never";
    return EFFECT_RANK[request.effect] <= EFFECT_RANK[this.#settings.retry.effects] ? "attempts" : "never";
  }
}
