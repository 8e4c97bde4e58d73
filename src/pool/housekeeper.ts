import type { Clock, Timer } from "../base/clock.ts";
import { events } from "../base/diagnostics.ts";
import type { Credentials, CredentialsProvider, ResolvedOptions } from "../base/options.ts";
import { buildCall } from "../commands/call.ts";
import type { Request } from "../commands/request.ts";
import type { Connection } from "../connection/connection.ts";
import type { CloseReason } from "../connection/lost.ts";
import { reauthenticate } from "../connection/handshake.ts";
import type { Entry, Roster } from "./roster.ts";

/** Longest pause between two rounds, ms. */
const ROUND = 1000;
/** How often `credentials()` is asked when health checks are off, ms. */
const CREDENTIALS_PERIOD = 30_000;

/** The pool, as its housekeeper sees it. */
export interface House {
  readonly clock: Clock;
  readonly options: ResolvedOptions;
  readonly roster: Roster;
  /** Runs a command of the pool's own on this connection, within its deadline. */
  executeOwn(request: Request, connection: Connection): Promise<unknown>;
  /** Replaces a lane by a fresh one, before the old one ends. */
  renewLane(entry: Entry): void;
  /** An entry was checked for life and may be lent again. */
  checked(entry: Entry): void;
  /** The end of a round. */
  roundEnded(): void;
}

/** A lease held for longer than `leakThreshold`. */
export interface LeaseLeak {
  readonly node: string;
  /** How long it has been held, ms. */
  readonly heldFor: number;
  /** Where it was taken. */
  readonly stack: string;
}

/**
 * Does its rounds while the pool has connections: ends the coldest surplus ones and the old ones, pings the silent ones, reports
 * leases that are not given back, and logs live connections in again when the credentials change.
 */
export class Housekeeper {
  readonly #house: House;
  readonly #period: number;
  #timer: Timer | null = null;
  #askedAt = 0;
  #asking = false;
  #state: "resting" | "working" | "stopped" = "resting";

  constructor(house: House) {
    this.#house = house;
    const { idleTimeout, maxLifetime, healthCheckInterval, leakThreshold } = house.options;
    const limits = [idleTimeout, maxLifetime, healthCheckInterval, leakThreshold].filter((limit) => limit > 0);
    this.#period = Math.max(10, Math.min(ROUND, ...limits.map((limit) => limit / 4)));
  }

  /** Starts the rounds, unless they go on already. */
  wake(): void {
    if (this.#state !== "resting") return;
    this.#state = "working";
    this.#arm();
  }

  stop(): void {
    this.#state = "stopped";
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Leases that are held for longer than `leakThreshold`. */
  leaks(): LeaseLeak[] {
    return Array.from(this.#overdue(this.#house.clock.now()), ([, leak]) => leak);
  }

  #arm(): void {
    // Unref'd: a pool that only keeps house does not keep the process.
    this.#timer = this.#house.clock.schedule(() => this.#round(), this.#period);
  }

  #round(): void {
    const { clock, options, roster } = this.#house;
    const now = clock.now();
    this.#reap(now);
    for (const entry of roster.all) this.#check(entry, now);
    this.#report(now);
    this.#askCredentials(now);
    this.#house.roundEnded();
    if (this.#state !== "working") return;
    if (roster.total + roster.count("connecting") + options.minConnections > 0) this.#arm();
    else this.#state = "resting";
  }

  #askCredentials(now: number): void {
    const { credentials, credentialsAreStatic, healthCheckInterval } = this.#house.options;
    if (credentials === null || credentialsAreStatic) return;
    // One that hangs is not asked again.
    if (this.#asking || now - this.#askedAt < (healthCheckInterval === 0 ? CREDENTIALS_PERIOD : healthCheckInterval))
      return;
    this.#askedAt = now;
    void this.#renewCredentials(credentials);
  }

  /** The coldest idle connections are at the bottom of the stack: they go first, also while others are in use. */
  #reap(now: number): void {
    const { options, roster } = this.#house;
    for (const entry of roster.idle.slice()) {
      if (entry.expiresAt <= now) entry.live.close("lifetime");
      else if (roster.total > options.minConnections && now - entry.lastUsed >= options.idleTimeout)
        entry.live.close("idle");
    }
  }

  #check(entry: Entry, now: number): void {
    const { healthCheckInterval } = this.#house.options;
    if (entry.connection === null || !entry.live.isOpen) return;
    if (entry.state === "lane" && entry.expiresAt <= now && !entry.retiring) this.#house.renewLane(entry);
    if (healthCheckInterval === 0 || entry.live.outstanding > 0) return;
    if (now - entry.live.lastReadAt < healthCheckInterval) return;
    void this.#visit(entry, "health", () => this.#ask(entry, buildCall("PING", [])));
  }

  /** Runs a command of the house, which must be answered as soon as any other. */
  async #ask(entry: Entry, request: Request): Promise<void> {
    const { clock, options } = this.#house;
    request.timeout = options.socketTimeout;
    request.deadline = clock.now() + options.socketTimeout;
    await this.#house.executeOwn(request, entry.live);
  }

  /** Does something on a connection that nobody has for himself; one that is idle is not lent meanwhile. */
  async #visit(entry: Entry, reason: CloseReason, work: () => Promise<void>): Promise<void> {
    const { clock, roster } = this.#house;
    const wasIdle = entry.state === "idle";
    if (!wasIdle && entry.state !== "lane" && entry.state !== "subscriber") return;
    if (wasIdle) roster.moveTo(entry, "repairing", clock.now());
    try {
      await work();
    } catch {
      // Whatever it was, the connection is of no more use: that is what the reason says.
      entry.live.close(reason);
      return;
    }
    if (wasIdle) this.#house.checked(entry);
  }

  #report(now: number): void {
    for (const [entry, leak] of this.#overdue(now)) {
      if (entry.reported) continue;
      entry.reported = true;
      if (events.leaseLeaked.hasSubscribers) events.leaseLeaked.publish(leak);
    }
  }

  *#overdue(now: number): Generator<[Entry, LeaseLeak]> {
    const { options, roster } = this.#house;
    if (options.leakThreshold === 0) return;
    for (const entry of roster.all) {
      const heldFor = now - entry.since;
      if (entry.state !== "leased" || entry.stack === null || heldFor < options.leakThreshold) continue;
      yield [entry, { node: options.node, heldFor, stack: entry.stack }];
    }
  }

  /** Asks for the credentials, and logs those connections in again that were opened with others. */
  async #renewCredentials(provider: CredentialsProvider): Promise<void> {
    let fresh: Credentials;
    this.#asking = true;
    try {
      fresh = await provider();
    } catch {
      // The user's function failed: the connections stay logged in, and a later round asks again.
      return;
    } finally {
      this.#asking = false;
    }
    for (const entry of this.#house.roster.all) {
      const known = entry.connection?.credentials ?? null;
      if (known === null || !entry.live.isOpen) continue;
      if (known.username === fresh.username && known.password === fresh.password) continue;
      void this.#visit(entry, "credentials", () =>
        reauthenticate(entry.live, fresh, (request) => this.#ask(entry, request)),
      );
    }
  }
}
