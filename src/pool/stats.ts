import type { RedisError } from "../base/errors.ts";
import { Histogram, type Percentiles } from "../base/histogram.ts";
import type { CloseReason } from "../connection/lost.ts";
import type { Lanes } from "./lanes.ts";
import type { Roster } from "./roster.ts";

/**
 * What a pool does at this moment, and has done since it started.
 * At every moment `total = idle + leased + lanes + subscribers + repairing` and `total + connecting <= maxConnections`.
 */
export interface PoolStats {
  /** The limit of `total + connecting`, as it was set. */
  readonly maxConnections: number;
  /** Open connections. */
  readonly total: number;
  /** Ready to be leased. */
  readonly idle: number;
  /** Lent to somebody, blocking commands included. */
  readonly leased: number;
  /** Shared by many commands at once. */
  readonly lanes: number;
  /** Receive Pub/Sub messages. */
  readonly subscribers: number;
  /** Given back, and being brought into a clean session, or checked for life. */
  readonly repairing: number;
  /** Being opened. */
  readonly connecting: number;
  /** Callers who wait for a connection of their own. */
  readonly waiting: number;
  /** Commands sent or queued whose reply has not come. */
  readonly inFlight: number;
  /** Bytes of commands that are not yet written. */
  readonly queuedBytes: number;
  /** Leases granted since the start. */
  readonly acquired: number;
  /** Connections opened since the start. */
  readonly created: number;
  /** Connections ended since the start. */
  readonly destroyed: number;
  /** Waits for a lease and commands that ran out of time since the start. */
  readonly timeouts: number;
  /** Commands and leases refused because a queue was full, since the start. */
  readonly rejected: number;
  /** Failed attempts to connect since the start. */
  readonly connectFailures: number;
  /** Why the latest attempt to connect failed; null after one that succeeded. */
  readonly lastConnectError: string | null;
  /** How long callers waited for a lease, ms. */
  readonly waitTime: Percentiles;
  /** How long leases were held, ms. */
  readonly useTime: Percentiles;
  /** How many connections ended for each reason, since the start. */
  readonly closedBecause: Readonly<Partial<Record<CloseReason, number>>>;
}

/** The counters behind the stats: plain numbers, written by the pool. */
export class Counters {
  acquired = 0;
  created = 0;
  destroyed = 0;
  connectFailures = 0;
  timeouts = 0;
  rejected = 0;
  /** Commands taken since the start. */
  commands = 0;
  /** Most connections leased at once since the start. */
  mostLeased = 0;
  readonly waitTime: Histogram = new Histogram();
  readonly useTime: Histogram = new Histogram();
  readonly closedBecause: Partial<Record<CloseReason, number>> = {};

  closed(reason: CloseReason): void {
    this.destroyed++;
    this.closedBecause[reason] = (this.closedBecause[reason] ?? 0) + 1;
  }
}

/** What the stats are taken from. */
export interface StatsSources {
  readonly maxConnections: number;
  readonly roster: Roster;
  readonly lanes: Lanes;
  /** Callers who wait for a connection of their own. */
  readonly waiting: number;
  /** Bytes of the commands that they wait with. */
  readonly waitingBytes: number;
  readonly counters: Counters;
  readonly lastConnectError: RedisError | null;
}

/** The stats of this moment. */
export function snapshot(sources: StatsSources): PoolStats {
  const { maxConnections, roster, lanes, waiting, counters } = sources;
  let inFlight = lanes.pending;
  let queuedBytes = lanes.queuedBytes + sources.waitingBytes;
  for (const entry of roster.all) {
    if (entry.connection === null) continue;
    inFlight += entry.live.outstanding;
    if (entry.state !== "lane") queuedBytes += entry.live.queuedBytes;
  }
  const { acquired, created, destroyed, timeouts, rejected, connectFailures } = counters;
  return {
    maxConnections,
    total: roster.total,
    idle: roster.count("idle"),
    leased: roster.count("leased"),
    lanes: roster.count("lane"),
    subscribers: roster.count("subscriber"),
    repairing: roster.count("repairing"),
    connecting: roster.count("connecting"),
    waiting,
    inFlight,
    queuedBytes,
    acquired,
    created,
    destroyed,
    timeouts,
    rejected,
    connectFailures,
    lastConnectError: sources.lastConnectError?.message ?? null,
    waitTime: counters.waitTime.percentiles(),
    useTime: counters.useTime.percentiles(),
    closedBecause: { ...counters.closedBecause },
  };
}
