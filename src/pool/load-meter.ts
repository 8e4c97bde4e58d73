import { buildCall } from "../commands/call.ts";
import type { Request } from "../commands/request.ts";
import type { LoadSample } from "./advice.ts";
import { LaneTuner } from "./lane-tuner.ts";
import type { Counters } from "./stats.ts";

/** Shortest span that a rate is taken from, ms. */
const SPAN = 500;

/** Whatever runs a command of the library's own. */
export interface OwnExecutor {
  executeOwn(request: Request): Promise<unknown>;
}

/** What the pool holds at the moment of a sample. */
export interface Holdings {
  readonly now: number;
  /** `Roster.leasedTime`, ms. */
  readonly leasedTime: number;
}

/** Measures the load of a pool, once a round of its housekeeper: for the sizing advice and the number of lanes. */
export class LoadMeter {
  readonly #counters: Counters;
  readonly #maxLanes: number;
  readonly #tuner = new LaneTuner();
  #commands = 0;
  #acquired = 0;
  #leasedTime = 0;
  #sampledAt: number;
  #peaks = { commands: 0, leases: 0, leased: 0 };
  #maxClients: number | null = null;
  #connectedClients: number | null = null;
  #asked = false;

  constructor(counters: Counters, maxLanes: number, now: number) {
    this.#counters = counters;
    this.#maxLanes = maxLanes;
    this.#sampledAt = now;
  }

  get wantsServerLimit(): boolean {
    return !this.#asked;
  }

  /** Takes the counters of a round. @returns how many lanes there should be */
  sample(held: Holdings, shared: { lanes: number; outstanding: number; full: boolean }): number {
    if (held.now - this.#sampledAt < SPAN) return shared.lanes;
    this.#peaks = this.#rates(held);
    const { commands, acquired } = this.#counters;
    const sent = commands - this.#commands;
    this.#commands = commands;
    this.#acquired = acquired;
    this.#leasedTime = held.leasedTime;
    this.#sampledAt = held.now;
    return this.#tuner.decide({ ...shared, maxLanes: this.#maxLanes, commands: sent });
  }

  /** Asks the server, once, how many clients it takes; users without that right simply get advice without it. */
  async askServer(via: OwnExecutor): Promise<void> {
    this.#asked = true;
    const request = buildCall("INFO", ["clients"]);
    // It has no hurry, and is asked only once.
    request.timeout = Infinity;
    try {
      const info = String(await via.executeOwn(request));
      this.#maxClients = numberIn(info, "maxclients");
      this.#connectedClients = numberIn(info, "connected_clients");
    } catch {
      // Not allowed, or not now: the advice says that the limit is not known.
    }
  }

  load(held: Holdings, pool: { lanes: number; subscribers: number; maxConnections: number }): LoadSample {
    const peaks = this.#rates(held);
    return {
      peakCommandsPerSecond: peaks.commands,
      peakLeasesPerSecond: peaks.leases,
      meanLeaseTime: this.#counters.useTime.mean,
      meanLeased: peaks.leased,
      mostLeased: this.#counters.mostLeased,
      ...pool,
      maxClients: this.#maxClients,
      connectedClients: this.#connectedClients,
    };
  }

  /** The peaks, with the span since the last sample. */
  #rates(held: Holdings): { commands: number; leases: number; leased: number } {
    const span = Math.max(SPAN, held.now - this.#sampledAt);
    const { commands, acquired } = this.#counters;
    return {
      commands: Math.max(this.#peaks.commands, ((commands - this.#commands) / span) * 1000),
      leases: Math.max(this.#peaks.leases, ((acquired - this.#acquired) / span) * 1000),
      leased: Math.max(this.#peaks.leased, (held.leasedTime - this.#leasedTime) / span),
    };
  }
}

function numberIn(info: string, field: string): number | null {
  const value = new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1];
  return value === undefined ? null : Number(value);
}
