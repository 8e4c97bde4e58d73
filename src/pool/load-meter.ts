import { buildCall } from "../commands/call.ts";
import type { Executor } from "../commands/request.ts";
import type { LoadSample } from "./advice.ts";
import { LaneTuner } from "./lane-tuner.ts";
import type { Counters } from "./stats.ts";

/** Shortest span that a rate is taken from, s. */
const SPAN = 0.5;

/** Measures the load of a pool, once a round of its housekeeper: for the sizing advice and the number of lanes. */
export class LoadMeter {
  readonly #counters: Counters;
  readonly #maxLanes: number;
  readonly #tuner = new LaneTuner();
  #commands = 0;
  #acquired = 0;
  #seconds = 0;
  #peakCommands = 0;
  #peakLeases = 0;
  #maxClients: number | null = null;
  #connectedClients: number | null = null;
  #asked = false;

  constructor(counters: Counters, maxLanes: number) {
    this.#counters = counters;
    this.#maxLanes = maxLanes;
  }

  get wantsServerLimit(): boolean {
    return !this.#asked;
  }

  /** Takes the counters of a round. @returns how many lanes there should be */
  sample(seconds: number, now: { lanes: number; outstanding: number; full: boolean }): number {
    this.#seconds += seconds;
    if (this.#seconds < SPAN) return now.lanes;
    const { commands, acquired } = this.#counters;
    const sent = commands - this.#commands;
    this.#peakCommands = Math.max(this.#peakCommands, sent / this.#seconds);
    this.#peakLeases = Math.max(this.#peakLeases, (acquired - this.#acquired) / this.#seconds);
    this.#commands = commands;
    this.#acquired = acquired;
    this.#seconds = 0;
    return this.#tuner.decide({ ...now, maxLanes: this.#maxLanes, commands: sent });
  }

  /** Asks the server, once, how many clients it takes; users without that right simply get advice without it. */
  async askServer(executor: Executor): Promise<void> {
    this.#asked = true;
    try {
      const info = String(await executor.execute(buildCall("INFO", ["clients"])));
      this.#maxClients = numberIn(info, "maxclients");
      this.#connectedClients = numberIn(info, "connected_clients");
    } catch {
      // Not allowed, or not now: the advice says that the limit is not known.
    }
  }

  load(pool: { lanes: number; subscribers: number; maxConnections: number }): LoadSample {
    const counters = this.#counters;
    const seconds = Math.max(SPAN, this.#seconds);
    return {
      peakCommandsPerSecond: Math.max(this.#peakCommands, (counters.commands - this.#commands) / seconds),
      peakLeasesPerSecond: Math.max(this.#peakLeases, (counters.acquired - this.#acquired) / seconds),
      meanLeaseTime: counters.useTime.mean,
      mostLeased: counters.mostLeased,
      ...pool,
      maxClients: this.#maxClients,
      connectedClients: this.#connectedClients,
    };
  }
}

function numberIn(info: string, field: string): number | null {
  const value = new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1];
  return value === undefined ? null : Number(value);
}
