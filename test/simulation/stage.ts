import type { Redis, RedisOptions } from "respool";
import { SimulatedWorld, type Link, type Session } from "respool/testing";
import { ABORTED, Ledger, type Operation } from "./ledger.ts";

/** Where the one server is. */
export const ADDRESS = "simulated:6379";
export const USUAL_LATENCY = [0.05, 0.5] as const;

/** What a run showed. */
export interface Report {
  readonly ledger: Ledger;
  /** What happened, line by line; empty unless it was asked for. */
  readonly trace: readonly string[];
  readonly events: number;
  /** The simulated time it took, ms. */
  readonly time: number;
}

/** Operations whose commands may run twice. */
const REPEATABLE = new Set(["get", "echo", "set", "large", "remove", "scan"]);

export type Dice = readonly number[];

/** What a stage needs to know of its plan. */
interface StagePlan {
  readonly seed: number;
  readonly options: RedisOptions;
  readonly highWater: number;
}

/** The world in which a plan is played, and the account that is kept of it. */
export class Stage {
  readonly world: SimulatedWorld;
  readonly ledger: Ledger;
  readonly trace: string[] | null;
  /** The longest latencies of the slow times that last, ms. */
  readonly slowness: number[] = [];
  /** Links that are dead for good, which nobody is told of. */
  readonly dead: Set<Link> = new Set();
  /** Elements of queues, with the token of the pop that took them. */
  readonly taken: Map<string, string> = new Map();
  /** Elements that a primary gave away that was none any more: another may give them away again. */
  readonly doubtful: Set<string> = new Set();
  readonly #isCluster: boolean;
  readonly #options: RedisOptions;
  readonly #delivered = new Map<string, number>();

  constructor(plan: StagePlan, traced: boolean) {
    this.#isCluster = "cluster" in plan;
    this.#options = plan.options;
    this.trace = traced ? [] : null;
    this.world = new SimulatedWorld(plan.seed);
    this.world.network.weather.latency = USUAL_LATENCY;
    this.world.network.weather.highWater = plan.highWater;
    this.ledger = new Ledger(() => this.now);
  }

  get now(): number {
    return this.world.timeline.now();
  }

  tell(line: string): void {
    this.trace?.push(`${this.now.toFixed(2).padStart(9)}  ${line}`);
  }

  /** A server has run a command: `where` says which, in a trace. @returns its token */
  executed(command: readonly string[], session: Session, where: string = "server"): string | undefined {
    const token = tokenIn(command);
    if (this.trace !== null && token !== undefined)
      this.tell(`     ${where}: ${command.slice(0, 3).join(" ").slice(0, 60)} on ${session.id}`);
    if (token === undefined) return undefined;
    // A pop that blocks does nothing yet, and a cluster may send it on: there, what it takes is counted.
    if (command[0] !== "BLPOP" || !this.#isCluster) this.ledger.ran(token);
    const use = token.at(-1);
    const inMulti = session.queue !== null;
    const wrong =
      (use === "s" && (session.db !== 0 || !session.isPlain)) ||
      (use === "f" && (session.db !== 0 || !session.isPlain)) ||
      (use === "m" && (session.db !== 0 || !inMulti || session.subscriptions > 0 || session.answers !== "on"));
    if (wrong) {
      const left = `db ${session.db}, ${session.queue === null ? "no" : "in"} MULTI, ${session.watched.size} watched, replies ${session.answers}, tracking ${session.tracking}, ${session.subscriptions} subscriptions`;
      this.ledger.violate(
        "a borrower's session never reaches the next one",
        `${token} ran on connection ${session.id} with ${left}`,
      );
    }
    return token;
  }

  /** Follows a promise that settles within `limit` ms. */
  follow(
    id: number,
    kind: string,
    limit: number,
    promise: Promise<unknown>,
    tokens: readonly string[],
    check: (value: unknown, operation: Operation) => string | undefined,
  ): Operation {
    const operation = this.ledger.follow(
      {
        id,
        kind,
        due: this.now + limit,
        tokens,
        accumulates: !REPEATABLE.has(kind),
      },
      promise,
      check,
    );
    if (this.trace !== null) {
      promise.then(
        (value) => this.tell(`#${id} ${kind} → ${JSON.stringify(value)?.slice(0, 80)}`),
        (error: unknown) => this.tell(`#${id} ${kind} failed: ${String(error)} (${operation.outcome})`),
      );
    }
    return operation;
  }

  /** A view with a limit and a signal of its own, as the dice say. */
  view(redis: Redis, dice: Dice): { redis: Redis; limit: number } {
    const [kind = 0, size = 0] = dice.slice(-2);
    const { commandTimeout = 5000 } = this.#options;
    if (kind < 0.6) return { redis, limit: commandTimeout };
    if (kind < 0.75) {
      const timeout = 1 + Math.round(size * 500);
      return { redis: redis.with({ timeout }), limit: timeout };
    }
    if (kind < 0.85) return { redis: redis.with({ retry: false }), limit: commandTimeout };
    return { redis: redis.with({ signal: this.abortAfter(size ** 3 * 300) }), limit: commandTimeout };
  }

  abortAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    if (ms < 0.01) controller.abort(ABORTED);
    else this.world.timeline.after(ms, () => controller.abort(ABORTED), true);
    return controller.signal;
  }

  /** A pop has taken an element. */
  took(element: string, args: readonly string[]): void {
    const token = tokenIn(args) ?? "nobody";
    this.taken.set(element, token);
    if (this.#isCluster) this.ledger.ran(token);
  }

  delivered(element: string, id: number): string | undefined {
    const other = this.#delivered.get(element);
    this.#delivered.set(element, id);
    return other === undefined || this.doubtful.has(element) ? undefined : `${element} was given to #${other}, too`;
  }

  /** To whom an element was given. */
  receiverOf(element: string): number | undefined {
    return this.#delivered.get(element);
  }
}

/** The token in a command's arguments: `#12s` and the like; its last letter says in which session it may run. */
export function tokenIn(words: readonly string[]): string | undefined {
  for (const word of words) {
    const at = word.indexOf("#");
    if (at !== -1) return /^#[\w.]+/.exec(word.slice(at, at + 40))?.[0];
  }
  return undefined;
}

export const is =
  (expected: unknown) =>
  (value: unknown): string | undefined =>
    value === expected ? undefined : `got ${JSON.stringify(value)} for ${JSON.stringify(expected)}`;
