import { RedisError, type Outcome } from "respool";

/** What became of one command, or of several that belong together. */
export interface Operation {
  readonly id: number;
  readonly kind: string;
  /** When it was called, ms. */
  readonly since: number;
  /** When it must be settled at the latest, ms, had the event loop not stalled. */
  readonly due: number;
  /** How long the event loop had stalled before it, in sum, ms. */
  readonly stalledBefore: number;
  /** How long the server had worked before it, in sum, ms. */
  readonly workedBefore: number;
  /** Tokens of its commands: each stands in exactly one command's arguments. */
  readonly tokens: readonly string[];
  /** Whether running twice would show: such a command must never run twice. */
  readonly accumulates: boolean;
  state: "open" | "succeeded" | "failed";
  settledAt: number;
  outcome: Outcome | "aborted" | "callback error" | null;
  error: unknown;
}

/** A broken promise. */
export interface Violation {
  readonly at: number;
  readonly rule: string;
  readonly text: string;
}

/** Two steps of the clock that ends what is late: the one that finds it, and one that is left out after a stall. ms. */
const GRACE = 45;

/**
 * Keeps account of what was called, what the server has run, and what the callers were told, and says where the three do not agree.
 */
export class Ledger {
  readonly operations: Operation[] = [];
  readonly violations: Violation[] = [];
  /** How long the event loop has stalled, in sum, ms. */
  stalled = 0;
  /** How long the server has worked, in sum, ms; where it takes no time, 0. */
  worked: () => number = () => 0;
  /** Whether an operation may have got what is not its own. */
  excuses: (operation: Operation) => boolean = () => false;
  /** Whether an operation may have met with somebody else's reply, or somebody else with its own. */
  mixedUp: (operation: Operation) => boolean = () => false;
  /** Told of every operation that has ended, as soon as it has. */
  onSettled: ((operation: Operation) => void) | null = null;
  /** How often the server has run the command with this token. */
  readonly runs: Map<string, number> = new Map();
  /** When it has run the first of the commands with this token, ms. */
  readonly ranAt: Map<string, number> = new Map();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  violate(rule: string, text: string): void {
    this.violations.push({ at: this.#now(), rule, text });
  }

  ran(token: string): void {
    this.runs.set(token, (this.runs.get(token) ?? 0) + 1);
    if (!this.ranAt.has(token)) this.ranAt.set(token, this.#now());
  }

  /** Follows a promise of the client; `check` says what is wrong with the value, or undefined. */
  follow(
    facts: Pick<Operation, "id" | "kind" | "due" | "tokens" | "accumulates">,
    promise: Promise<unknown>,
    check: (value: unknown, operation: Operation) => string | undefined,
  ): Operation {
    const operation: Operation = {
      ...facts,
      since: this.#now(),
      stalledBefore: this.stalled,
      workedBefore: this.worked(),
      state: "open",
      settledAt: 0,
      outcome: null,
      error: null,
    };
    this.operations.push(operation);
    promise.then(
      (value) => {
        operation.state = "succeeded";
        this.#settled(operation);
        const wrong = safely(() => check(value, operation));
        this.onSettled?.(operation);
        if (wrong !== undefined && !this.excuses(operation))
          this.violate("every reply belongs to its caller", `${nameOf(operation)}: ${wrong}`);
      },
      (error: unknown) => {
        operation.state = "failed";
        this.#settled(operation);
        operation.error = error;
        operation.outcome = outcomeOf(error);
        this.onSettled?.(operation);
        if (operation.outcome === null)
          this.violate("errors are of the library's own", `${nameOf(operation)}: ${String(error)}`);
      },
    );
    return operation;
  }

  /** Whether the server has run the command with this token, as whoever got its reply may rely on. */
  applied(token: string): string | undefined {
    return this.runs.has(token) ? undefined : `${token} was acknowledged and never ran`;
  }

  #settled(operation: Operation): void {
    const now = this.#now();
    operation.settledAt = now;
    // A stalled event loop settles nothing, and what it took from a turn is added to that turn's deadlines.
    const late = now - operation.due - GRACE - 2 * (this.stalled - operation.stalledBefore);
    if (late > 0)
      this.violate("no later than its deadline", `${nameOf(operation)} was due at ${operation.due.toFixed(1)}`);
  }

  /** What must hold when everything is over. */
  close(): void {
    for (const operation of this.operations) {
      if (operation.state === "open") {
        this.violate("every promise settles", `${nameOf(operation)} is still open`);
        continue;
      }
      for (const token of operation.tokens) this.#judge(operation, token, this.runs.get(token) ?? 0);
    }
  }

  #judge(operation: Operation, token: string, runs: number): void {
    // An error that was meant for another may have said that nothing has run.
    if (operation.accumulates && runs > 1 && !this.mixedUp(operation)) {
      this.violate("an accumulating write is applied at most once", `${nameOf(operation)}: ${token} ran ${runs} times`);
    }
    if (operation.outcome === "not-sent" && runs > 0) {
      this.violate(
        "not-sent commands never ran",
        `${nameOf(operation)}: ${token} ran ${runs} times, ${String(operation.error)}`,
      );
    }
  }
}

export function nameOf(operation: Pick<Operation, "id" | "kind" | "since">): string {
  return `#${operation.id} ${operation.kind} (called at ${operation.since.toFixed(1)})`;
}

/** A value that cannot even be looked at is wrong. */
function safely(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return String(error);
  }
}

/** null for what no caller should ever see. */
function outcomeOf(error: unknown): Operation["outcome"] {
  if (error instanceof RedisError) return error.outcome;
  if (error === ABORTED) return "aborted";
  return error === CALLBACK_ERROR ? "callback error" : null;
}

/** The reason of every abort. */
export const ABORTED: Error = new Error("the caller has aborted");
/** What a transaction's callback throws. */
export const CALLBACK_ERROR: Error = new Error("the callback throws");
