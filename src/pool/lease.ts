import { ignoreAbort, onAbort } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { ClosedError, type RedisError } from "../base/errors.ts";
import type { Executor, Request } from "../commands/request.ts";
import type { Entry } from "./roster.ts";
import type { Waiter } from "./waiters.ts";

/** Limits of one wait for a connection. */
export interface LeaseLimits {
  /** ms; 0 fails at once. */
  readonly timeout: number;
  readonly signal: AbortSignal | null;
  readonly role: "leased" | "subscriber";
}

/** The pool, as a lease sees it. */
export interface LeaseSource {
  readonly clock: Clock;
  acquire(waiter: Waiter): void;
  left(): void;
  release(entry: Entry): void;
  /** Runs a command on the connection of an entry, with the pool's deadlines. */
  executeOn(entry: Entry, request: Request): Promise<unknown>;
}

let capturedResolve: (value: unknown) => void;
let capturedReject: (reason: unknown) => void;
// One shared executor instead of a closure per lease.
const capture = (resolve: (value: never) => void, reject: (reason: unknown) => void): void => {
  capturedResolve = resolve as (value: unknown) => void;
  capturedReject = reject;
};

/** The right to use one connection alone, until it is given back. Giving back twice is harmless. */
export class PoolLease implements Executor {
  readonly #source: LeaseSource;
  #entry: Entry | null;

  constructor(source: LeaseSource, entry: Entry) {
    this.#source = source;
    this.#entry = entry;
  }

  get isReleased(): boolean {
    return this.#entry === null;
  }

  /** The connection's entry, until it is given back. */
  get entry(): Entry | null {
    return this.#entry;
  }

  execute(request: Request): Promise<unknown> {
    if (this.#entry !== null) return this.#source.executeOn(this.#entry, request);
    const promise = request.start();
    request.fail(
      new ClosedError(
        "not-sent",
        `${request.spec.name} was not sent: this lease was given back; take a new one for more commands`,
        {
          command: request.spec.name,
        },
      ),
    );
    return promise;
  }

  release(): void {
    const entry = this.#entry;
    this.#entry = null;
    if (entry !== null) this.#source.release(entry);
  }
}

/** Waits for a lease as a promise of what `wrap` makes of it, without another promise on the way. */
export class LeaseWaiter<T> implements Waiter {
  readonly timeout: number;
  readonly deadline: number;
  readonly since: number;
  readonly role: "leased" | "subscriber";
  readonly stack: string | null;
  readonly promise: Promise<T>;
  readonly #source: LeaseSource;
  readonly #signal: AbortSignal | null;
  readonly #wrap: (lease: PoolLease) => T;
  readonly #resolve: (lease: T) => void;
  readonly #reject: (reason: unknown) => void;
  #state: "waiting" | "over" = "waiting";

  constructor(source: LeaseSource, limits: LeaseLimits, stack: string | null, wrap: (lease: PoolLease) => T) {
    this.#source = source;
    this.#wrap = wrap;
    this.stack = stack;
    this.#signal = limits.signal;
    this.timeout = limits.timeout;
    this.since = source.clock.now();
    this.deadline = this.since + limits.timeout;
    this.role = limits.role;
    this.promise = new Promise(capture);
    this.#resolve = capturedResolve;
    this.#reject = capturedReject;
  }

  get isGone(): boolean {
    return this.#state === "over";
  }

  /** Queues for a connection. */
  start(): Promise<T> {
    if (this.#signal?.aborted === true) {
      this.#over();
      this.#reject(this.#signal.reason);
    } else {
      if (this.#signal !== null) onAbort(this.#signal, this);
      this.#source.acquire(this);
    }
    return this.promise;
  }

  granted(entry: Entry): void {
    this.#over();
    this.#resolve(this.#wrap(new PoolLease(this.#source, entry)));
  }

  refused(error: RedisError): void {
    this.#over();
    this.#reject(error);
  }

  /** The signal's listener. */
  handleEvent(): void {
    if (this.#state === "over") return;
    this.#over();
    this.#source.left();
    this.#reject(this.#signal?.reason);
  }

  #over(): void {
    this.#state = "over";
    if (this.#signal !== null) ignoreAbort(this.#signal, this);
  }
}
