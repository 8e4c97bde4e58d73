import { QueueFullError, RedisError, ServerError } from "respool";

/** How an operation ended, as its caller saw it. */
export type Ending = "succeeded" | "not-sent" | "rejected" | "unknown" | "aborted";

/** One operation on its way. */
export interface Operation {
  readonly kind: string;
  /** When it was called, ms. */
  readonly since: number;
  /** When it must be settled at the latest, had the event loop not stalled; ms. */
  readonly due: number;
  readonly stalledBefore: number;
}

/** What an operation is, and how its end is judged. */
export interface Task<T> {
  readonly kind: string;
  /** Longest time that it may take, ms. */
  readonly limit: number;
  run(): Promise<T>;
  /** Says what is wrong with a value. */
  check?(value: T): string | undefined;
  ended?(ending: Ending): void;
}

/** The reason of every abort. */
export const ABORTED: Error = new Error("the caller has aborted");

/** The clock that ends what is late has steps of 20 ms, and leaves one out after a stall; the rest is for timers that come late. */
const GRACE = 120;
/** Lateness of a timer that counts as a stall of the event loop, ms. */
const STEP = 20;
const MOST_VIOLATIONS = 20;
/** What a server may answer with while it starts, or to a command that was let go of. Anything else means that arguments were mixed up. */
const HARMLESS = new Set(["LOADING", "EXECABORT", "UNBLOCKED"]);
/** Operations that any shared connection serves: their success shows that the client is well again. */
const PLAIN = new Set(["get", "set", "incr"]);

/**
 * Follows every promise to its end, and says which promise of the library was broken. What it keeps is bounded by what is
 * under way.
 */
export class Oracle {
  readonly violations: string[] = [];
  readonly endings: Record<Ending, number> = { succeeded: 0, "not-sent": 0, rejected: 0, unknown: 0, aborted: 0 };
  readonly kinds: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  /** Values that were compared with what they had to be. */
  checks = 0;
  #stalled = 0;
  readonly #open = new Map<number, Operation>();
  #next = 0;
  #watch: NodeJS.Timeout | null = null;
  #beat = 0;
  #recovery: { readonly since: number; readonly resolve: (at: number) => void } | null = null;

  get open(): number {
    return this.#open.size;
  }

  get settled(): number {
    return this.#next - this.#open.size;
  }

  /** How long the event loop has stalled, in sum, ms; what lasts at this moment too. */
  get stalled(): number {
    return this.#stalled + this.#gap(performance.now());
  }

  #gap(now: number): number {
    return this.#watch === null ? 0 : Math.max(0, now - this.#beat - STEP - 2);
  }

  /** Begins to look at the event loop, and at what is late. */
  start(): void {
    this.#beat = performance.now();
    this.#watch = setInterval(() => {
      const now = performance.now();
      this.#stalled += this.#gap(now);
      this.#beat = now;
    }, STEP);
  }

  stop(): void {
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
  }

  violate(rule: string, text: string): void {
    if (this.violations.length < MOST_VIOLATIONS) this.violations.push(`${rule}: ${text}`);
  }

  /** Resolves with the time of the first success of a plain command that was called after now. */
  nextSuccess(): Promise<number> {
    return new Promise((resolve) => {
      this.#recovery = { since: performance.now(), resolve };
    });
  }

  follow<T>(task: Task<T>): void {
    const id = this.#next++;
    const since = performance.now();
    const operation = { kind: task.kind, since, due: since + task.limit, stalledBefore: this.stalled };
    this.#open.set(id, operation);
    this.kinds[task.kind] = (this.kinds[task.kind] ?? 0) + 1;
    task.run().then(
      (value) => {
        this.#settle(id, operation);
        this.checks++;
        const wrong = task.check?.(value);
        if (wrong !== undefined) this.violate("every reply belongs to its caller", `${task.kind}: ${wrong}`);
        this.#end(task, "succeeded");
        if (this.#recovery !== null && since >= this.#recovery.since && PLAIN.has(task.kind)) {
          this.#recovery.resolve(performance.now());
          this.#recovery = null;
        }
      },
      (error: unknown) => {
        this.#settle(id, operation);
        this.#end(task, this.endingOf(task.kind, error));
      },
    );
  }

  /** What an error says about the command. */
  endingOf(kind: string, error: unknown): Ending {
    if (error === ABORTED) return "aborted";
    if (!(error instanceof RedisError)) {
      this.violate(
        "errors are of the library's own",
        `${kind}: ${error instanceof Error ? error.stack : String(error)}`,
      );
      return "unknown";
    }
    const name = error instanceof QueueFullError ? `${error.code} (${error.limit})` : error.code;
    this.errors[name] = (this.errors[name] ?? 0) + 1;
    if (error instanceof ServerError && !HARMLESS.has(error.code)) {
      this.violate("every command reaches the server as it was given", `${kind}: ${error.message}`);
    }
    return error.outcome;
  }

  /** Names what should have been settled long ago. */
  findOverdue(): void {
    const now = performance.now();
    for (const [id, operation] of this.#open) {
      if (this.#lateness(operation, now) <= 0) continue;
      this.#open.delete(id);
      this.violate(
        "every promise settles in its time",
        `${operation.kind} is still open, ${Math.round(now - operation.due)} ms late`,
      );
    }
  }

  #end<T>(task: Task<T>, ending: Ending): void {
    this.endings[ending]++;
    task.ended?.(ending);
  }

  #settle(id: number, operation: Operation): void {
    const late = this.#lateness(operation, performance.now());
    if (this.#open.delete(id) && late > 0)
      this.violate("every promise settles in its time", `${operation.kind} was settled ${Math.round(late)} ms late`);
  }

  #lateness(operation: Operation, now: number): number {
    // A stalled event loop settles nothing, and what it took from a turn is added to that turn's deadlines.
    return now - operation.due - GRACE - 2 * (this.stalled - operation.stalledBefore);
  }
}
