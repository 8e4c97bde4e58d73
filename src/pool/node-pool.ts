import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { QueueFullError, RedisError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { tickerOf, type Ticking } from "../base/ticker.ts";
import type { Executor, Request } from "../commands/request.ts";
import type { Connection } from "../connection/connection.ts";
import { Admission } from "./admission.ts";
import type { SizingAdvice } from "./advice.ts";
import { Budget } from "./budget.ts";
import { Housekeeper, type House, type LeaseLeak } from "./housekeeper.ts";
import type { Lanes } from "./lanes.ts";
import { LeaseWaiter, type LeaseLimits, type LeaseSource, type PoolLease } from "./lease.ts";
import { LeasedRun, type RunSource } from "./leased-run.ts";
import type { Open } from "./opener.ts";
import { blockedAtEnd, nodeLeft, poolClosed, tooManyWaiting, tooMuchQueued } from "./refusals.ts";
import { Rejections } from "./rejections.ts";
import { Returns } from "./returns.ts";
import type { Entry, Roster } from "./roster.ts";
import { Sizing } from "./sizing.ts";
import { Counters, snapshot, type PoolStats } from "./stats.ts";
import { Supply, type SupplyListener } from "./supply.ts";
import type { Waiter } from "./waiters.ts";

/** A node that owes a reply and has been silent for so long may have been replaced by another, ms. */
const SUSPICIOUS = 500;

type PoolState = "open" | "closing" | "closed";

/** What a pool is made of, passed in so that it runs in a simulation too. */
export interface NodePoolParts {
  readonly options: ResolvedOptions;
  readonly open: Open;
  readonly clock: Clock;
  readonly budget?: Budget;
  /** Told when the node cannot be reached, has ended a connection, or is silent: a topology looks whether it has changed. */
  readonly onTrouble?: () => void;
}

/**
 * All connections to one node. A command shares a lane or leases a connection, as its facts say; whatever is missing is opened,
 * within the budget. The supply keeps the connections; the pool takes the commands, keeps the time, and ends it all.
 */
export class NodePool implements Executor, Ticking, SupplyListener, House, LeaseSource, RunSource {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly #supply: Supply;
  readonly #lanes: Lanes;
  readonly #counters = new Counters();
  readonly #housekeeper: Housekeeper;
  readonly #sizing: Sizing;
  readonly #admission: Admission;
  readonly #returns: Returns;
  readonly #refusals = new Rejections();
  readonly #onTrouble: (() => void) | null;
  readonly #runs = new Set<LeasedRun>();
  #state: PoolState = "open";
  #leaving = false;
  #waitingBytes = 0;
  #ticking = false;
  /** Whether a reply has been due for long, as of the latest step of the clock. */
  #silent = false;
  #whenClosed: (() => void) | null = null;

  constructor(parts: NodePoolParts) {
    this.options = parts.options;
    this.clock = parts.clock;
    this.#supply = new Supply({
      ...parts,
      budget: parts.budget ?? new Budget(parts.options.maxConnections),
      counters: this.#counters,
      listener: this,
    });
    this.#lanes = this.#supply.lanes;
    this.#housekeeper = new Housekeeper(this);
    this.#admission = new Admission(this.options);
    this.#sizing = new Sizing({ ...parts, supply: this.#supply, counters: this.#counters });
    this.#returns = new Returns({
      ...parts,
      supply: this.#supply,
      counters: this.#counters,
      meter: this.#sizing.meter,
      executeOwn: (request, connection) => this.executeOwn(request, connection),
    });
    this.#onTrouble = parts.onTrouble ?? null;
    if (this.options.minConnections > 0) {
      this.#housekeeper.wake();
      this.clock.defer(() => this.#supply.balance());
    }
  }

  /** Shared commands are to be expected: leases leave them one connection. A pool of leases alone lends every one. */
  keepLane(): void {
    this.#supply.keepLane();
  }

  get roster(): Roster {
    return this.#supply.roster;
  }

  // --- commands ---

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    if (request.isOver) return promise;
    this.#counters.commands++;
    this.#startTicking();
    const lane = this.#lanes.only;
    // The way of nearly every command, without the sums over all lanes: half of what the pool cost.
    if (lane !== null && request.route === "share" && this.#state === "open" && this.#mayJoin(lane, request)) {
      lane.enqueue(request);
      return promise;
    }
    if (this.#state !== "open" && !(this.#state === "closing" && request.repeated)) request.fail(this.#ended(request));
    else if (request.route === "share") this.#share(request);
    else this.#runAlone(request);
    return promise;
  }

  /** Runs one of the pool's own commands: while closing, too, for what is closed must be let go of. No limit refuses it. */
  executeOwn(request: Request, connection: Connection | null = this.#lanes.pick()): Promise<unknown> {
    const promise = request.start();
    this.#startTicking();
    if (this.#state === "closed") request.fail(this.#ended(request));
    else if (connection === null) this.#waitForLane(request);
    else connection.executeOwn(request);
    return promise;
  }

  executeOn(entry: Entry, request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    this.#counters.commands++;
    this.#startTicking();
    const full = this.#admission.limit(entry.live.outstanding, entry.live.queuedBytes + request.bytes);
    if (full !== null) this.#refuse(request, tooMuchQueued(request, full, this.options));
    else entry.live.enqueue(request);
    return promise;
  }

  #share(request: Request): void {
    const queuedBytes = this.#lanes.queuedBytes + this.#waitingBytes + request.bytes;
    const refusal = this.#admission.refusal(request, this.#lanes.callers, queuedBytes);
    if (refusal !== null) {
      this.#refuse(request, refusal);
      return;
    }
    const lane = this.#lanes.pick();
    if (lane === null) this.#waitForLane(request);
    else lane.enqueue(request);
  }

  #waitForLane(request: Request): void {
    this.#lanes.wait(request);
    this.#supply.balance();
  }

  /** Whether the only lane can take a command, the pool's own counted in; where not, the slow way counts exactly, and finds out why. */
  #mayJoin(lane: Connection, request: Request): boolean {
    return this.#admission.admits(request, lane.outstanding, lane.queuedBytes + this.#waitingBytes + request.bytes);
  }

  #refuse(request: Request, error: QueueFullError): void {
    this.#counters.rejected++;
    this.#refusals.add(request, error);
  }

  #runAlone(request: Request): void {
    // How many may wait is bounded by maxWaiting.
    const full = this.#admission.limit(0, this.#lanes.queuedBytes + this.#waitingBytes + request.bytes);
    if (full !== null) {
      this.#refuse(request, tooMuchQueued(request, full, this.options));
      return;
    }
    const run = new LeasedRun(this, request, this.options.acquireTimeout);
    this.#runs.add(run);
    this.acquire(run);
  }

  runWaits(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  runEnded(run: LeasedRun): void {
    this.#runs.delete(run);
  }

  /** Whether anything is to be expected of the node: it was not tried yet, or there is a connection that answers. */
  get isReachable(): boolean {
    return !this.#silent && (this.#supply.opener.lastError === null || this.roster.total > 0);
  }

  /** Why there is no connection; null after a success. */
  get lastError(): RedisError | null {
    return this.#supply.opener.lastError;
  }

  /** The availability zone of the node; empty where it is not known. */
  get zone(): string {
    return this.#supply.zone;
  }

  /** Takes out the commands that wait for a connection: none of them was sent. */
  reclaim(): Request[] {
    const requests = this.#lanes.reclaim();
    for (const run of this.#runs) {
      const request = run.leave();
      if (request !== null) requests.push(request);
    }
    return requests;
  }

  /** Sends those who wait for a lease elsewhere. */
  refuseWaiters(): void {
    for (const waiter of this.#supply.waiters.drain()) waiter.refused(nodeLeft(null, this.options));
  }

  /** Its node serves nothing any more: what comes still goes elsewhere, and what runs may take so long to come to its end, ms. */
  leave(timeout: number): Promise<void> {
    this.#leaving = true;
    return this.close(timeout);
  }

  #ended(request: Request | null): RedisError {
    return this.#leaving ? nodeLeft(request?.spec.name ?? null, this.options) : poolClosed(request, this.options);
  }

  /** Another node has taken over: where this one is silent, nothing is to be expected of it any more. */
  abandonSilent(): void {
    const now = this.clock.now();
    const live = [...this.roster.all].filter((entry) => entry.connection !== null).map((entry) => entry.live);
    if (!live.some((connection) => connection.silence(now) >= SUSPICIOUS)) return;
    for (const connection of live) if (connection.outstanding > 0) connection.close("replaced");
  }

  // --- leases ---

  /** Leases a connection; see `LeaseLimits`. @returns what `wrap` makes of the lease */
  lease<T>(limits: LeaseLimits, wrap: (lease: PoolLease) => T): Promise<T> {
    const stack = this.options.leakThreshold > 0 ? (new Error("the lease was taken here").stack ?? null) : null;
    return new LeaseWaiter(this, limits, stack, wrap).start();
  }

  acquire(waiter: Waiter): void {
    if (this.#state !== "open") {
      waiter.refused(this.#ended(null));
      return;
    }
    if (this.#supply.lendAtOnce(waiter)) return;
    this.#startTicking();
    if (this.#supply.waiters.size >= this.options.maxWaiting) {
      this.#counters.rejected++;
      waiter.refused(tooManyWaiting(this.stats(), this.options));
      return;
    }
    this.#supply.waiters.push(waiter);
    this.#supply.balance();
    if (waiter.timeout <= 0) this.#supply.expireWaiters(waiter.deadline, () => this.stats());
  }

  left(): void {
    this.#supply.waiters.left();
  }

  release(entry: Entry): void {
    this.#returns.take(entry, this.#state === "closed");
  }

  checked(entry: Entry): void {
    this.#returns.checked(entry);
  }

  renewLane(entry: Entry): void {
    this.#supply.renewLane(entry);
  }

  demandAppeared(): void {
    this.#startTicking();
  }

  connectionOpened(): void {
    this.#housekeeper.wake();
  }

  connectionFailed(): void {
    this.#onTrouble?.();
  }

  // --- time ---

  tick(now: number): boolean {
    const late = this.#lanes.expire(now, this.options.node, this.#supply.opener.lastError);
    this.#counters.timeouts += late;
    this.#admission.observe(now, this.#lanes);
    this.#supply.expireWaiters(now, () => this.stats());
    let silent = false;
    let busy = this.#lanes.pending > 0 || this.#supply.waiters.size > 0 || this.roster.count("connecting") > 0;
    for (const entry of this.roster.all) {
      if (entry.connection === null || entry.live.outstanding === 0) continue;
      busy = true;
      silent ||= entry.live.silence(now) >= SUSPICIOUS;
      this.#counters.timeouts += entry.live.expire(now);
    }
    this.#silent = silent;
    if (silent) this.#onTrouble?.();
    this.#supply.balance();
    if (this.#state === "closing") {
      busy ||= this.roster.count("leased") > 0 || this.roster.count("repairing") > 0;
      if (!busy) this.destroy();
    }
    this.#ticking = busy && this.#state !== "closed";
    return this.#ticking;
  }

  #startTicking(): void {
    if (this.#ticking || this.#state === "closed") return; // what still comes is refused at once and has no deadline
    this.#ticking = true;
    tickerOf(this.clock).add(this);
  }

  roundEnded(): void {
    this.#sizing.round(this);
    this.#returns.asksNext = this.#sizing.asksNextLease;
    this.#supply.balance();
  }

  // --- what is told ---

  stats(): PoolStats {
    return snapshot({
      maxConnections: this.options.maxConnections,
      roster: this.roster,
      lanes: this.#lanes,
      waiting: this.#supply.waiters.size,
      waitingBytes: this.#waitingBytes,
      counters: this.#counters,
      lastConnectError: this.#supply.opener.lastError,
    });
  }

  advise(): SizingAdvice {
    return this.#sizing.advise();
  }

  /** Leases held for longer than `leakThreshold`; empty when that is 0. */
  leaks(): LeaseLeak[] {
    return this.#housekeeper.leaks();
  }

  // --- the end ---

  /** Lets what runs come to its end, for at most `timeout` ms; then ends everything. */
  close(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === "closed") return resolve();
      const before = this.#whenClosed;
      const timer = this.clock.schedule(() => this.destroy(), timeout, true);
      this.#whenClosed = () => {
        timer.cancel();
        before?.();
        resolve();
      };
      this.#beginClosing();
    });
  }

  #beginClosing(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#supply.end("closing");
    for (const waiter of this.#supply.waiters.drain()) waiter.refused(this.#ended(null));
    // Blocked commands would hold the close up for as long as they block: the server is asked to let go of them.
    for (const run of [...this.#runs]) run.close(this.#leaving ? this.#ended(null) : blockedAtEnd());
    for (const entry of this.roster.idle.slice()) entry.live.close("closed");
    this.#startTicking();
    this.tick(this.clock.now());
  }

  /** Ends everything at once. */
  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#housekeeper.stop();
    this.#supply.end("closed");
    tickerOf(this.clock).remove(this);
    this.#ticking = false;
    this.#lanes.failPending((request) => this.#ended(request));
    for (const waiter of this.#supply.waiters.drain()) waiter.refused(this.#ended(null));
    for (const entry of [...this.roster.all]) entry.connection?.close("closed");
    assert(this.roster.total === 0, "a connection outlived its pool");
    this.#whenClosed?.();
    this.#whenClosed = null;
  }
}
