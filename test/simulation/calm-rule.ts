import { RedisError, type Lease, type RedisOptions } from "respool";
import type { SimulatedServer } from "respool/testing";
import { nameOf, type Operation } from "./ledger.ts";
import type { Stage } from "./stage.ts";
import type { Trouble } from "./trouble.ts";

/** What was done a few round trips ago may not be over yet: an UNBLOCK, a repair, a new connection, the reply of what was aborted. */
const ROUND_TRIPS = 10;
/** The server is asked to let go of a pop so long before its limit, ms. */
const LET_GO = 60;
/** The longest without any fault, ms. */
const ROUND_TRIP = 1;
/** More than any value that is written has, with its command, bytes. */
const LARGEST = 65_000;
const USUAL = 200;

/** A refusal may be mistaken by so much: the pace of the latest replies is a guide to that of the next ones, and no more. */
const TOLERANCE = 2;

/** Operations that need a connection of their own. */
const ALONE: ReadonlySet<string> = new Set(["lease", "pop", "transaction", "subscribe"]);

/** Whether what the world contains explains that an operation ended in an error though nothing disturbed the client. */
type Explanation = (operation: Operation, world: CalmWorld) => boolean;

/** All errors that an operation may end with in calm time, and what each needs to be believed. No other is allowed then. */
const CALM_ENDS: Readonly<Record<string, Explanation>> = {
  // its caller's own doing
  aborted: () => true,
  "callback error": ({ kind }) => kind === "transaction",
  ERR_WATCH: (operation, world) => world.others(operation).some(({ kind }) => kind === "transaction"),
  "ERR_CONNECTION_LOST unread": (operation, world) => world.isOnLease(operation),
  // the client is closed
  ERR_CLOSED: (_operation, world) => world.isClosing,
  "ERR_CONNECTION_LOST closed": (_operation, world) => world.isClosing,
  // a limit that the plan has made small, and that others have reached
  ERR_POOL_TIMEOUT: (operation, world) => world.isLentOut || world.serverWasBusy(operation),
  ERR_COMMAND_TIMEOUT: (operation, world) =>
    world.waitedForLease(operation) ||
    world.serverWasBusy(operation) ||
    world.ranLate(operation, world.options.commandTimeout ?? 0),
  "ERR_QUEUE_FULL maxWaiting": (operation, world) => world.waiting(operation) >= (world.options.maxWaiting ?? Infinity),
  "ERR_QUEUE_FULL maxInFlight": (operation, world) =>
    world.commands(operation) > (world.options.maxInFlight ?? Infinity),
  "ERR_QUEUE_FULL maxQueuedBytes": (operation, world) =>
    world.bytes(operation) > (world.options.maxQueuedBytes ?? Infinity),
  // a server that is slower than the load
  "ERR_CONNECTION_LOST socket-timeout": (operation, world) =>
    world.serverWasSilent ||
    world.serverWasBusy(operation) ||
    world.ranLate(operation, world.options.socketTimeout ?? 0),
  "ERR_QUEUE_FULL commandTimeout": (operation, world) =>
    world.waitedForLease(operation) || world.wouldBeLate(operation),
};

/** What callers have done to each other, as they know it themselves: nothing of it is the client's own word. */
export class CalmWorld {
  readonly options: RedisOptions;
  isClosing = false;
  /** ms. */
  readonly #aftermath: number;
  readonly #stage: Stage;
  readonly #server: SimulatedServer;
  /** Leases that are held, subscriptions that are open by their operation, and when those that have ended did. */
  readonly #held = new Set<Lease | number>();
  readonly #freed: { readonly what: Lease | number; readonly at: number }[] = [];

  constructor(stage: Stage, server: SimulatedServer, options: RedisOptions) {
    this.#stage = stage;
    this.#server = server;
    this.options = options;
    this.#aftermath = ROUND_TRIPS * (ROUND_TRIP + server.serviceTime);
  }

  lent(what: Lease | number): void {
    this.#held.add(what);
  }

  givenBack(what: Lease | number): void {
    if (this.#held.delete(what)) this.#freed.push({ what, at: this.#stage.now });
  }

  /** Whether there is no connection to lend: the shared commands keep one of several. */
  get isLentOut(): boolean {
    return this.#taken(this.#stage.now - this.#aftermath) >= Math.max(1, (this.options.maxConnections ?? 1) - 1);
  }

  /** With a single connection shared commands wait for whoever has it; a second subscription waits for the connection of the first. */
  waitedForLease({ kind, since }: Operation): boolean {
    if (kind === "subscribe") return this.isLentOut;
    return this.options.maxConnections === 1 && this.#taken(since) > 0;
  }

  /** With a single connection what was ended early keeps it, and others waiting, for so long at most, ms. */
  get #kept(): number {
    return this.options.maxConnections === 1 ? (this.options.socketTimeout ?? 0) + LET_GO : 0;
  }

  /** How many connections somebody had for himself at any time since then. */
  #taken(since: number): number {
    const { ledger } = this.#stage;
    const had = [...this.#held, ...this.#freed.filter(({ at }) => at >= since).map(({ what }) => what)];
    const leases = had.filter((what) => typeof what !== "number").length;
    // A pop has its connection from when the server runs it, or a little before. With a single connection there is none to ask the
    // server on to let go of it, so one that was ended early keeps it for as long as that is tried.
    const isUnderWay = this.#server.busySince !== null;
    const pops = this.#recent(since - this.#kept).filter(
      ({ kind, tokens }) => kind === "pop" && (isUnderWay || ledger.runs.has(tokens[0] ?? "")),
    );
    // All subscriptions have one together.
    return leases + pops.length + (had.length > leases ? 1 : 0);
  }

  /** Whether the server had other work for most of an operation's time: a round trip or two is all it had to wait for, else. */
  serverWasBusy({ since, workedBefore }: Operation): boolean {
    return this.#server.worked - workedBefore > (this.#stage.now - since) / 2;
  }

  /** A pop waits for its connection, and for its turn at the server, within its limit: what it waits then is not left for it to block. */
  ranLate({ kind, tokens, since }: Operation, by: number): boolean {
    return kind === "pop" && (this.#stage.ledger.ranAt.get(tokens[0] ?? "") ?? 0) > since + by - LET_GO;
  }

  /** Whether the server can have left a connection alone for `socketTimeout`, for it had so much to do for others. */
  get serverWasSilent(): boolean {
    const { busySince } = this.#server;
    return (
      busySince !== null && this.#stage.now - busySince > (this.options.socketTimeout ?? Infinity) - this.#aftermath
    );
  }

  /** Whether the server has so much to do that an operation would have been late, had it been let in. */
  wouldBeLate(operation: Operation): boolean {
    const { now, ledger } = this.#stage;
    const { serviceTime, backlog } = this.#server;
    // To the admission a batch is one command with one reply: behind some, the pace is theirs.
    if (this.others(operation).some(({ kind }) => kind === "pipeline" || kind === "multi")) return serviceTime > 0;
    const fresh = ledger.operations.filter(({ since }) => since >= now - this.#aftermath);
    const ahead = backlog + fresh.reduce((sum, other) => sum + commandsOf(other), 0);
    const limit = (operation.due - operation.since) / (operation.kind === "chain" ? 2 : 1);
    return ahead * serviceTime * TOLERANCE >= limit;
  }

  /** Operations that may still be under way beside this one. */
  others(operation: Operation): Operation[] {
    // A server that has not rested since may still have what nobody waits for any more.
    const since = Math.min(this.#stage.now, this.#server.busySince ?? Infinity) - this.#aftermath - this.#kept;
    return this.#recent(since).filter((other) => other !== operation);
  }

  isOnLease({ kind, tokens }: Operation): boolean {
    return kind === "mischief" || tokens.some((token) => token.endsWith("f"));
  }

  waiting(operation: Operation): number {
    return this.others(operation).filter(({ kind }) => ALONE.has(kind)).length;
  }

  /** How many commands may be under way, with its own. */
  commands(operation: Operation): number {
    let commands = 0;
    for (const other of [operation, ...this.others(operation)]) commands += commandsOf(other);
    return commands;
  }

  bytes(operation: Operation): number {
    let bytes = 0;
    for (const other of [operation, ...this.others(operation)])
      bytes += other.kind === "large" ? LARGEST : USUAL * commandsOf(other);
    return bytes;
  }

  /** Operations that were under way at any time since then. */
  #recent(since: number): Operation[] {
    return this.#stage.ledger.operations.filter(({ state, settledAt }) => state === "open" || settledAt >= since);
  }
}

/** At most. */
function commandsOf({ kind, tokens }: Operation): number {
  if (kind === "pipeline") return 3 + Math.ceil(tokens.length * 1.5); // every third is an ECHO, which is not counted
  if (kind === "pop") return 2; // the push that it is given, and the UNBLOCK that ends it
  return kind === "multi" ? tokens.length + 2 : 1;
}

/** In calm time nothing fails without a cause that the world contains. */
export class CalmRule {
  readonly world: CalmWorld;
  readonly #stage: Stage;
  readonly #trouble: Trouble;
  readonly #settling: number;

  constructor(stage: Stage, server: SimulatedServer, options: RedisOptions, trouble: Trouble) {
    const { reconnect, connectTimeout = 0, socketTimeout = 0 } = options;
    this.world = new CalmWorld(stage, server, options);
    this.#stage = stage;
    this.#trouble = trouble;
    // What is promised: the first success comes within the first two, and a silent connection is noticed within the third.
    this.#settling = (reconnect?.maxDelay ?? 0) + connectTimeout + socketTimeout;
  }

  settled(operation: Operation): void {
    if (operation.state === "failed") this.failed(operation, operation.error);
  }

  /** An operation, or one of its commands, has ended in an error. */
  failed(operation: Operation, error: unknown): void {
    const { since, outcome, due } = operation;
    const name = error instanceof RedisError ? endOf(error) : String(outcome);
    if (CALM_ENDS[name]?.(operation, this.world) === true) return;
    if (!this.#trouble.wasCalm(since, this.#stage.now, this.#settling)) return;
    const limit = `${(due - since).toFixed(0)} ms`;
    const text = `${nameOf(operation)}, with a limit of ${limit}, ended in calm time with ${name}, which nothing explains: ${String(error)}`;
    this.#stage.ledger.violate("nothing fails without a cause", text);
  }
}

function endOf(error: RedisError): string {
  if ("reason" in error) return `${error.code} ${String(error.reason)}`;
  return "limit" in error ? `${error.code} ${String(error.limit)}` : error.code;
}
