import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { events } from "../base/diagnostics.ts";
import {
  ClosedError,
  PoolTimeoutError,
  QueueFullError,
  type ConnectError,
  type RedisError,
} from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { tickerOf, type Ticking } from "../base/ticker.ts";
import type { Executor, Request } from "../commands/request.ts";
import type { CloseReason, Connection, ConnectionOwner } from "../connection/connection.ts";
import { cleanUp } from "../connection/handshake.ts";
import { adviseSize, type SizingAdvice } from "./advice.ts";
import { Budget } from "./budget.ts";
import { Housekeeper, type House, type LeaseLeak } from "./housekeeper.ts";
import { LeaseWaiter, type LeaseLimits, type LeaseSource, type PoolLease } from "./lease.ts";
import { LeasedRun, type RunSource } from "./leased-run.ts";
import { Lanes } from "./lanes.ts";
import { LoadMeter } from "./load-meter.ts";
import { Opener, type Open, type OpenerListener } from "./opener.ts";
import { Roster, type Entry } from "./roster.ts";
import { Counters, type PoolStats } from "./stats.ts";
import { Waiters, type Waiter } from "./waiters.ts";

/** A connection that lived shorter than this died young, ms. */
const INFANCY = 500;
/** `maxLifetime` is shortened by up to this share, so that connections opened together do not end together. */
const LIFETIME_JITTER = 0.1;

type PoolState = "open" | "closing" | "closed";

/** What a pool is made of, passed in so that it runs in a simulation too. */
export interface NodePoolParts {
  readonly options: ResolvedOptions;
  readonly open: Open;
  readonly clock: Clock;
  readonly budget?: Budget;
}

/**
 * All connections to one node. A command shares a lane or leases a connection, as its facts say; whatever is missing is opened,
 * within the budget. `#balance` is the one place where connections meet those who want them.
 */
export class NodePool implements Executor, Ticking, ConnectionOwner, OpenerListener, House, LeaseSource, RunSource {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly roster: Roster = new Roster();
  readonly #budget: Budget;
  readonly #opener: Opener;
  readonly #lanes: Lanes;
  readonly #waiters = new Waiters();
  readonly #counters = new Counters();
  readonly #housekeeper: Housekeeper;
  readonly #meter: LoadMeter;
  readonly #runs = new Set<LeasedRun>();
  #state: PoolState = "open";
  #ticking = false;
  #whenClosed: (() => void) | null = null;

  constructor(parts: NodePoolParts) {
    this.options = parts.options;
    this.clock = parts.clock;
    this.#budget = parts.budget ?? new Budget(parts.options.maxConnections);
    this.#opener = new Opener(parts.open, this.options, this.clock, this.#budget, this.roster, this);
    this.#lanes = new Lanes(this.roster, this.clock);
    this.#housekeeper = new Housekeeper(this);
    this.#meter = new LoadMeter(this.#counters, this.options.maxLanes);
    if (this.options.minConnections > 0) {
      this.#housekeeper.wake();
      this.clock.defer(() => this.#balance());
    }
  }

  // --- commands ---

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    if (request.isOver) return promise;
    this.#counters.commands++;
    if (!this.#ticking) this.#startTicking();
    if (this.#state !== "open" && !(this.#state === "closing" && request.attempts > 0)) request.fail(this.#closedError(request));
    else if (request.route === "share") this.#share(request);
    else this.#runAlone(request);
    return promise;
  }

  executeOn(entry: Entry, request: Request): Promise<unknown> {
    this.#counters.commands++;
    if (!this.#ticking) this.#startTicking();
    return entry.live.execute(request);
  }

  #share(request: Request): void {
    const { maxInFlight, maxQueuedBytes } = this.options;
    if (this.#lanes.outstanding >= maxInFlight) {
      this.#refuse(request, "maxInFlight", `${maxInFlight} commands are in flight or queued`);
      return;
    }
    if (this.#lanes.queuedBytes + request.bytes > maxQueuedBytes) {
      this.#refuse(request, "maxQueuedBytes", `${maxQueuedBytes} bytes are waiting to be written`);
      return;
    }
    const lane = this.#lanes.pick();
    if (lane !== null) {
      lane.enqueue(request);
      return;
    }
    this.#lanes.wait(request);
    this.#balance();
  }

  #runAlone(request: Request): void {
    const run = new LeasedRun(this, request, this.options.acquireTimeout);
    this.#runs.add(run);
    this.acquire(run);
  }

  runEnded(run: LeasedRun): void {
    this.#runs.delete(run);
  }

  // --- leases ---

  /** Leases a connection; see `LeaseLimits`. */
  lease(limits: LeaseLimits): Promise<PoolLease> {
    const stack = this.options.leakThreshold > 0 ? (new Error("the lease was taken here").stack ?? null) : null;
    return new LeaseWaiter(this, limits, stack).start();
  }

  acquire(waiter: Waiter): void {
    if (this.#state !== "open") {
      waiter.refused(this.#closedError(null));
      return;
    }
    if (!this.#ticking) this.#startTicking();
    if (this.#waiters.size >= this.options.maxWaiting) {
      this.#counters.rejected++;
      const { maxWaiting } = this.options;
      const message = `${maxWaiting} callers are waiting for a connection already (${this.#occupancy()}): lower the load, raise maxConnections or maxWaiting`;
      waiter.refused(new QueueFullError("maxWaiting", message, { node: this.options.node }));
      return;
    }
    this.#waiters.push(waiter);
    this.#balance();
    if (waiter.timeout <= 0) this.#expireWaiters(waiter.deadline);
  }

  left(): void {
    this.#waiters.left();
  }

  release(entry: Entry): void {
    if (entry.state !== "leased") return; // its connection has ended meanwhile
    const now = this.clock.now();
    this.#counters.useTime.record(now - entry.since);
    entry.stack = null;
    entry.onLost = null;
    const connection = entry.live;
    if (!connection.isQuiet) {
      connection.close("unread");
    } else if (this.#state === "closed") {
      connection.close("closed");
    } else if (entry.expiresAt <= now) {
      connection.close("lifetime");
    } else if (connection.session.cleanup === "clean") {
      this.roster.moveTo(entry, "idle", now);
      this.#balance();
    } else if (connection.session.cleanup === "destroy") {
      connection.close("unclean");
    } else {
      void this.#repair(entry);
    }
  }

  async #repair(entry: Entry): Promise<void> {
    this.roster.moveTo(entry, "repairing", this.clock.now());
    const limit = this.clock.schedule(() => entry.live.close("unclean"), this.options.connectTimeout, true);
    const clean = await cleanUp(entry.live, this.options);
    limit.cancel();
    if (clean) this.checked(entry);
    else entry.live.close("unclean");
  }

  checked(entry: Entry): void {
    if (entry.state !== "repairing") return;
    this.roster.moveTo(entry, "idle", this.clock.now());
    this.#balance();
  }

  // --- supply and demand ---

  /** Gives connections to those who want them, and opens what is missing. */
  #balance(): void {
    if (this.#state === "closed") return;
    if (this.#wantsLane()) this.#makeLane();
    while (this.#waiters.size > 0 && this.roster.idle.length > 0) this.#grant();
    this.#openMissing();
    if (this.#waiters.size > 0 && this.options.maxConnections === 1) this.#yieldLane();
  }

  #wantsLane(): boolean {
    return this.#lanes.pending > 0 && this.#lanes.active === 0;
  }

  #makeLane(): void {
    const entry = this.roster.idle.at(-1);
    if (entry === undefined) return;
    this.roster.moveTo(entry, "lane", this.clock.now());
    this.#lanes.repick();
    this.#lanes.flush(entry.live);
  }

  #grant(): void {
    const entry = this.roster.idle.at(-1);
    const waiter = this.#waiters.shift();
    if (entry === undefined || waiter === undefined) return;
    const now = this.clock.now();
    this.roster.moveTo(entry, waiter.role, now);
    const counters = this.#counters;
    counters.acquired++;
    counters.waitTime.record(now - waiter.since);
    counters.mostLeased = Math.max(counters.mostLeased, this.roster.count("leased"));
    entry.reported = false;
    entry.stack = waiter.stack;
    waiter.granted(entry);
  }

  #openMissing(): void {
    if (this.#state !== "open" && this.#lanes.pending === 0) return;
    const lane = this.#wantsLane() ? 1 : 0;
    const short = Math.max(0, this.options.minConnections - this.roster.total);
    const wanted = Math.max(lane + this.#waiters.size, short) - this.roster.count("connecting");
    if (wanted <= 0) return;
    // The last connection is kept for the shared commands, so that blocked ones never stall them.
    const reserve = lane === 0 && this.#lanes.active === 0 && this.options.maxConnections > 1 ? 1 : 0;
    const count = Math.min(wanted, this.#opener.room() - reserve);
    if (count > 0) this.#opener.start(count);
  }

  /** With a single connection, shared commands and leases take turns. */
  #yieldLane(): void {
    const entry = this.roster.lanes[0];
    if (entry === undefined || entry.retiring) return;
    entry.retiring = true;
    void entry.live.drained().then(() => {
      entry.retiring = false;
      if (entry.state !== "lane") return;
      this.roster.moveTo(entry, "idle", this.clock.now());
      if (this.#waiters.size > 0) this.#grant();
      this.#balance();
    });
  }

  opened(entry: Entry, connection: Connection): void {
    const now = this.clock.now();
    entry.connection = connection;
    entry.openedAt = now;
    entry.expiresAt = now + this.options.maxLifetime * (1 - LIFETIME_JITTER * Math.random());
    this.#counters.created++;
    this.roster.moveTo(entry, "idle", now);
    if (this.#state === "closed") {
      connection.owner = this;
      connection.close("closed");
      return;
    }
    connection.owner = this;
    if (!connection.isOpen) {
      // It ended between its handshake and now: nobody has told the pool.
      this.onClosed(connection, "lost");
      return;
    }
    this.#housekeeper.wake();
    if (events.connectionOpened.hasSubscribers) {
      events.connectionOpened.publish({ node: this.options.node, id: connection.info.id, protocol: connection.info.protocol });
    }
    this.#balance();
  }

  failed(error: ConnectError): void {
    if (error.permanent) {
      this.#lanes.failPending(() => error);
      for (const waiter of this.#waiters.drain()) waiter.refused(error);
    }
    if (!this.#ticking) this.#startTicking();
  }

  onClosed(connection: Connection, reason: CloseReason, error?: RedisError): void {
    const now = this.clock.now();
    for (const entry of this.roster.all) {
      if (entry.connection !== connection) continue;
      this.roster.moveTo(entry, "closed", now);
      this.#budget.give();
      this.#counters.closed(reason);
      const unasked = reason === "lost" || reason === "protocol";
      if (unasked && now - entry.openedAt < INFANCY) this.#opener.penalise();
      if (error !== undefined) entry.onLost?.(error);
      break;
    }
    this.#lanes.repick();
    if (events.connectionClosed.hasSubscribers) {
      events.connectionClosed.publish({ node: this.options.node, id: connection.info.id, reason });
    }
    this.#balance();
  }

  end(entry: Entry, reason: CloseReason): void {
    entry.live.close(reason);
  }

  renewLane(entry: Entry): void {
    // Make before break: the next lane first, where there is room for it.
    const spare = this.roster.idle.at(-1);
    if (spare !== undefined) this.roster.moveTo(spare, "lane", this.clock.now());
    else if (this.#opener.room() > 0) {
      if (this.roster.count("connecting") === 0) this.#opener.start(1);
      return;
    }
    this.#retire(entry, "lifetime");
  }

  #retire(entry: Entry, reason: CloseReason): void {
    entry.retiring = true;
    this.#lanes.repick();
    void entry.live.drained().then(() => entry.live.close(reason));
  }

  // --- time ---

  tick(now: number): boolean {
    const late = this.#lanes.expire(now, this.options.node, this.#opener.lastError);
    this.#counters.timeouts += late;
    this.#expireWaiters(now);
    let busy = this.#lanes.pending > 0 || this.#waiters.size > 0 || this.roster.count("connecting") > 0;
    for (const entry of this.roster.all) {
      if (entry.connection === null || entry.live.outstanding === 0) continue;
      busy = true;
      this.#counters.timeouts += entry.live.expire(now);
    }
    this.#balance();
    if (this.#state === "closing") {
      busy ||= this.roster.count("leased") > 0 || this.roster.count("repairing") > 0;
      if (!busy) this.destroy();
    }
    this.#ticking = busy && this.#state !== "closed";
    return this.#ticking;
  }

  #startTicking(): void {
    this.#ticking = true;
    tickerOf(this.clock).add(this);
  }

  #expireWaiters(now: number): void {
    for (const waiter of this.#waiters.expire(now)) {
      this.#counters.timeouts++;
      waiter.refused(this.#waitedTooLong(waiter));
    }
  }

  roundEnded(seconds: number): void {
    const lanes = this.#lanes;
    const full = this.roster.lanes.some((entry) => entry.live.isFull);
    const wanted = this.#meter.sample(seconds, { lanes: lanes.active, outstanding: lanes.outstanding, full });
    if (wanted > lanes.active && lanes.active > 0) this.#addLane();
    else if (wanted < lanes.active && wanted > 0) this.#dropLane();
    if (this.#meter.wantsServerLimit && lanes.active > 0) void this.#meter.askServer(this);
    this.#balance();
  }

  #addLane(): void {
    const entry = this.roster.idle.at(-1);
    if (entry !== undefined) this.roster.moveTo(entry, "lane", this.clock.now());
    else if (this.roster.count("connecting") === 0 && this.#opener.room() > 0) this.#opener.start(1);
  }

  #dropLane(): void {
    const entry = this.roster.lanes.find((lane) => !lane.retiring);
    if (entry !== undefined) this.#retire(entry, "surplus");
  }

  // --- what is told ---

  stats(): PoolStats {
    const { roster } = this;
    const counters = this.#counters;
    let inFlight = this.#lanes.pending;
    let queuedBytes = this.#lanes.queuedBytes;
    for (const entry of roster.all) {
      if (entry.connection === null) continue;
      inFlight += entry.live.outstanding;
      if (entry.state !== "lane") queuedBytes += entry.live.queuedBytes;
    }
    return {
      total: roster.total,
      idle: roster.count("idle"),
      leased: roster.count("leased"),
      lanes: roster.count("lane"),
      subscribers: roster.count("subscriber"),
      repairing: roster.count("repairing"),
      connecting: roster.count("connecting"),
      waiting: this.#waiters.size,
      inFlight,
      queuedBytes,
      acquired: counters.acquired,
      created: counters.created,
      destroyed: counters.destroyed,
      timeouts: counters.timeouts,
      rejected: counters.rejected,
      waitTime: counters.waitTime.percentiles(),
      useTime: counters.useTime.percentiles(),
      closedBecause: { ...counters.closedBecause },
    };
  }

  advise(): SizingAdvice {
    const { roster } = this;
    return adviseSize(
      this.#meter.load({
        lanes: roster.count("lane"),
        subscribers: roster.count("subscriber"),
        maxConnections: this.options.maxConnections,
      }),
    );
  }

  /** Leases held for longer than `leakThreshold`; empty when that is 0. */
  leaks(): LeaseLeak[] {
    return this.#housekeeper.leaks();
  }

  // --- the end ---

  /** Lets what runs come to its end, for at most `timeout` ms; then ends everything. */
  close(timeout: number): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    return new Promise((resolve) => {
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
    for (const waiter of this.#waiters.drain()) waiter.refused(this.#closedError(null));
    // Blocked commands would hold the close up for as long as they block: the server is asked to let go of them.
    for (const run of [...this.#runs]) run.close(new ClosedError("rejected", "the client was closed; the blocked command got nothing"));
    for (const entry of this.roster.idle.slice()) entry.live.close("closed");
    if (!this.#ticking) this.#startTicking();
    this.tick(this.clock.now());
  }

  /** Ends everything at once. */
  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#housekeeper.stop();
    this.#opener.stop();
    tickerOf(this.clock).remove(this);
    this.#ticking = false;
    this.#lanes.failPending((request) => this.#closedError(request));
    for (const waiter of this.#waiters.drain()) waiter.refused(this.#closedError(null));
    for (const entry of [...this.roster.all]) entry.connection?.close("closed");
    assert(this.roster.total === 0, "a connection outlived its pool");
    this.#whenClosed?.();
    this.#whenClosed = null;
  }

  // --- errors ---

  #occupancy(): string {
    const { leased, lanes, subscribers, connecting } = this.stats();
    const other = lanes + subscribers + connecting > 0 ? `, ${lanes} shared, ${subscribers} subscribed, ${connecting} connecting` : "";
    return `${leased}/${this.options.maxConnections} leased${other}, ${this.#waiters.size} waiting`;
  }

  #waitedTooLong(waiter: Waiter): PoolTimeoutError {
    const { lastError } = this.#opener;
    const { maxConnections, node } = this.options;
    const state = { leased: this.roster.count("leased"), waiting: this.#waiters.size, maxConnections };
    const remedy =
      lastError === null ? "raise maxConnections or hold leases for less time" : `the latest attempt to connect failed: ${lastError.message}`;
    const message = `no connection within ${waiter.timeout} ms (${this.#occupancy()}): ${remedy}`;
    return new PoolTimeoutError(waiter.timeout, state, message, { node, ...(lastError === null ? {} : { cause: lastError }) });
  }

  #refuse(request: Request, limit: "maxInFlight" | "maxQueuedBytes", state: string): void {
    this.#counters.rejected++;
    const command = request.spec.name;
    const message = `${command} was refused: ${state} for ${this.options.node}; the server or the network is slower than the load: send less at once, or raise ${limit}`;
    request.reject(new QueueFullError(limit, message, { command, node: this.options.node }));
  }

  #closedError(request: Request | null): ClosedError {
    const command = request === null ? {} : { command: request.spec.name };
    const subject = request === null ? "no connection can be leased" : `${request.spec.name} was not sent`;
    return new ClosedError(request?.outcome ?? "not-sent", `${subject}: the client is closed`, { node: this.options.node, ...command });
  }
}
