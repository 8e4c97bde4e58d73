import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { events } from "../base/diagnostics.ts";
import type { ConnectError, RedisError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Connection, ConnectionOwner } from "../connection/connection.ts";
import type { CloseReason } from "../connection/lost.ts";
import type { Budget, BudgetMember } from "./budget.ts";
import { connectionsToOpen, reservesOne } from "./demand.ts";
import { Lanes } from "./lanes.ts";
import { INFANCY, Opener, type Open, type OpenerListener } from "./opener.ts";
import { Roster, type Entry } from "./roster.ts";
import { waitedTooLong } from "./refusals.ts";
import type { Counters, PoolStats } from "./stats.ts";
import { Waiters, type Waiter } from "./waiters.ts";

/** `maxLifetime` is shortened by up to this share, so that connections opened together do not end together. */
const LIFETIME_JITTER = 0.1;

/** The ends of a connection that say something of its node. */
const FAILURES: ReadonlySet<CloseReason> = new Set(["lost", "socket-timeout", "health"]);

/** What a supply is made of. */
export interface SupplyParts {
  readonly options: ResolvedOptions;
  readonly open: Open;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly counters: Counters;
  readonly listener: SupplyListener;
}

/** The pool, as its supply sees it. */
export interface SupplyListener {
  /** Something waits, so deadlines run. */
  demandAppeared(): void;
  /** There is a connection to keep house for. */
  connectionOpened(): void;
  /** One could not be opened, or was ended by the other side. */
  connectionFailed(): void;
}

/**
 * The connections of a pool and those who want them. `balance` is the one place where they meet: it is called after everything that
 * changes either side.
 */
export class Supply implements ConnectionOwner, OpenerListener, BudgetMember {
  readonly roster: Roster = new Roster();
  readonly waiters: Waiters = new Waiters();
  readonly lanes: Lanes;
  readonly opener: Opener;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #counters: Counters;
  readonly #listener: SupplyListener;
  #state: "open" | "closing" | "closed" = "open";
  /** The availability zone of the node, as its latest connection was told. */
  zone = "";
  #keepsLane = false;
  /** Whether idle connections are being ended, and none may be used instead. */
  #sweeping = false;

  constructor(parts: SupplyParts) {
    this.#options = parts.options;
    this.#clock = parts.clock;
    this.#budget = parts.budget;
    this.#counters = parts.counters;
    this.#listener = parts.listener;
    this.#budget.join(this);
    this.lanes = new Lanes(this.roster, this.#clock);
    this.opener = new Opener(parts.open, this.#options, this.#clock, this.#budget, this.roster, this);
  }

  /** From now on only what commands that run already need is opened (`closing`), or nothing is (`closed`). */
  end(state: "closing" | "closed"): void {
    this.#state = state;
    if (state !== "closed") return;
    this.opener.stop();
    this.#budget.leave(this);
  }

  /** Shared commands are to be expected: from now on leases leave them one connection. */
  keepLane(): void {
    this.#keepsLane = true;
  }

  /** Gives connections to those who want them, and opens what is missing. */
  balance(): void {
    if (this.#state === "closed" || this.#sweeping) return;
    if (this.#wantsLane()) this.#makeLane();
    while (this.waiters.size > 0 && this.#mayGrant()) this.#grant();
    this.#openMissing();
    if (this.waiters.size > 0 && this.#most() === 1) this.#yieldLane();
  }

  /** Lends an idle connection to one who comes when nobody waits. @returns false when he has to wait */
  lendAtOnce(waiter: Waiter): boolean {
    if (this.#state !== "open" || this.waiters.size > 0 || this.#wantsLane() || !this.#mayGrant()) return false;
    this.#lend(waiter, waiter.since);
    return true;
  }

  /** A connection is idle again. */
  returned(): void {
    if (this.waiters.size > 0 || this.lanes.pending > 0) this.balance();
  }

  #wantsLane(): boolean {
    return this.lanes.pending > 0 && this.lanes.active === 0;
  }

  #makeLane(): void {
    const entry = this.roster.idle.at(-1);
    if (entry !== undefined) this.lanes.begin(entry);
  }

  /** The last connection is not lent while the shared commands have none and no other could be opened for them. */
  #mayGrant(): boolean {
    const idle = this.roster.idle.length;
    if (idle !== 1) return idle > 0;
    const maxConnections = this.#most();
    const reserved = reservesOne({ keepsLane: this.#keepsLane, activeLanes: this.lanes.active, maxConnections });
    return !reserved || this.opener.room() > 0;
  }

  #grant(): void {
    const waiter = this.waiters.shift();
    if (waiter !== undefined) this.#lend(waiter, this.#clock.now());
  }

  #lend(waiter: Waiter, now: number): void {
    const entry = this.roster.idle.at(-1);
    assert(entry !== undefined, "there is no idle connection to lend");
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
    if (this.#state !== "open" && this.lanes.pending === 0) return;
    const room = this.opener.room(this.#wantsLane());
    if (room === 0) {
      if (this.#budget.left === 0 && (this.#wantsLane() || this.waiters.size > 0)) this.#budget.want(this);
      return;
    }
    const { minConnections } = this.#options;
    const count = connectionsToOpen({
      wantsLane: this.#wantsLane(),
      activeLanes: this.lanes.active,
      waiting: this.waiters.size,
      total: this.roster.total,
      connecting: this.roster.count("connecting"),
      minConnections,
      maxConnections: this.#most(),
      room,
      keepsLane: this.#keepsLane,
    });
    if (count > 0) this.opener.start(count);
  }

  /** Refuses those whose time is up. */
  expireWaiters(now: number, statsNow: () => PoolStats): void {
    const late = this.waiters.expire(now);
    if (late.length === 0) return;
    this.#counters.timeouts += late.length;
    // As it was while they waited: those who end together are counted in each other's errors.
    const stats = statsNow();
    const state = { ...stats, waiting: stats.waiting + late.length };
    for (const waiter of late) waiter.refused(waitedTooLong(waiter, state, this.#options, this.opener.lastError));
  }

  permitFreed(): void {
    this.balance();
  }

  endUnused(): boolean {
    if (this.roster.total <= this.#options.minConnections || this.waiters.size > 0 || this.lanes.pending > 0)
      return false;
    const unused = this.roster.idle[0] ?? this.roster.lanes.find((lane) => lane.live.outstanding === 0);
    unused?.live.close("surplus");
    return unused !== undefined;
  }

  /** How many connections there can be at most, as things stand: the other pools of the budget may have taken the rest. */
  #most(): number {
    const { roster } = this;
    return Math.min(this.#options.maxConnections, roster.total + roster.count("connecting") + this.#budget.left);
  }

  /** With a single connection, shared commands and leases take turns. */
  #yieldLane(): void {
    void this.lanes.yield().then((idle) => {
      // Nothing to yield, or on its way already: to balance again from here would never let the event loop go on.
      if (!idle) return;
      // A shared command that came meanwhile may have made it a lane again.
      if (this.waiters.size > 0 && this.roster.idle.length > 0) this.#grant();
      this.balance();
    });
  }

  opened(entry: Entry, connection: Connection): void {
    const now = this.#clock.now();
    entry.connection = connection;
    entry.openedAt = now;
    entry.expiresAt = now + this.#options.maxLifetime * (1 - LIFETIME_JITTER * this.#clock.random());
    this.#counters.created++;
    this.zone = connection.info.zone;
    entry.lastUsed = now;
    connection.owner = this;
    this.roster.moveTo(entry, "idle", now);
    // It may have ended between its handshake and now, and nobody has told the pool.
    if (!connection.isOpen) this.onClosed(connection, "lost");
    else if (this.#state === "closed") connection.close("closed");
    else {
      this.#listener.connectionOpened();
      if (events.connectionOpened.hasSubscribers) {
        events.connectionOpened.publish({
          node: this.#options.node,
          id: connection.info.id,
          protocol: connection.info.protocol,
        });
      }
      this.balance();
    }
  }

  failed(error: ConnectError): void {
    this.#counters.connectFailures++;
    if (error.permanent) {
      // A copy for each: an error belongs to one caller.
      this.lanes.failPending((request) => error.for(request.spec.name));
      for (const waiter of this.waiters.drain()) waiter.refused(error.for());
    }
    this.#listener.demandAppeared();
    this.#listener.connectionFailed();
  }

  onClosed(connection: Connection, reason: CloseReason, error?: RedisError): void {
    const now = this.#clock.now();
    for (const entry of this.roster.all) {
      if (entry.connection !== connection) continue;
      this.lanes.ended(entry);
      this.roster.moveTo(entry, "closed", now);
      this.#budget.give();
      this.#counters.closed(reason);
      const unasked = reason === "lost" || reason === "protocol";
      if (unasked && now - entry.openedAt < INFANCY) this.opener.diedYoung(error ?? null);
      if (error !== undefined) entry.onLost?.(error);
      break;
    }
    this.lanes.repick();
    if (reason === "socket-timeout") this.#closeSilent(now);
    if (FAILURES.has(reason)) this.#listener.connectionFailed();
    if (events.connectionClosed.hasSubscribers) {
      events.connectionClosed.publish({ node: this.#options.node, id: connection.info.id, reason });
    }
    this.balance();
  }

  /** Where one link is dead the others mostly are, too: each idle one that is used next would cost its own `socketTimeout`. */
  #closeSilent(now: number): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    for (const { live } of this.roster.idle.slice())
      if (now - live.lastReadAt >= this.#options.socketTimeout) live.close("socket-timeout");
    this.#sweeping = false;
  }

  renewLane(entry: Entry): void {
    // Make before break: the next lane first, where there is room for it.
    if (this.roster.idle.length > 0) this.#makeLane();
    else if (this.#openSpare()) return;
    this.lanes.retire(entry, "lifetime");
  }

  /** Brings the number of lanes nearer to what is wanted. */
  adjustLanes(wanted: number): void {
    const { active } = this.lanes;
    if (wanted < active && wanted > 0) this.lanes.drop();
    if (wanted <= active || active === 0) return;
    if (this.roster.idle.length > 0) this.#makeLane();
    else this.#openSpare();
  }

  /** Opens a connection for a later round. @returns whether one is on its way */
  #openSpare(): boolean {
    if (this.roster.count("connecting") > 0) return true;
    if (this.opener.room() === 0) return false;
    this.opener.start(1);
    return true;
  }
}
