import type { Clock } from "../base/clock.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { adviseSize, type SizingAdvice } from "./advice.ts";
import { LoadMeter, type Holdings, type OwnExecutor } from "./load-meter.ts";
import type { Counters } from "./stats.ts";
import type { Supply } from "./supply.ts";

/** What the sizing of a pool is made of. */
export interface SizingParts {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly supply: Supply;
  readonly counters: Counters;
}

/** Measures the load, sets the number of lanes by it, and advises on the number of connections. */
export class Sizing {
  readonly meter: LoadMeter;
  readonly #parts: SizingParts;

  constructor(parts: SizingParts) {
    this.#parts = parts;
    this.meter = new LoadMeter(parts.counters, parts.options.maxLanes, parts.clock.now());
  }

  /** Whether the next lease that comes back is to be used to ask the server for its limit. */
  get asksNextLease(): boolean {
    return this.meter.wantsServerLimit && this.#parts.supply.lanes.active === 0;
  }

  /** Takes a sample, and acts on it. */
  round(via: OwnExecutor): void {
    const { supply } = this.#parts;
    const { lanes, roster } = supply;
    const full = roster.lanes.some((entry) => entry.live.isFull);
    const wanted = this.meter.sample(this.#holdings(), { lanes: lanes.active, outstanding: lanes.outstanding, full });
    supply.adjustLanes(wanted);
    if (this.meter.wantsServerLimit && lanes.active > 0) void this.meter.askServer(via);
  }

  advise(): SizingAdvice {
    const { options, supply } = this.#parts;
    const { maxConnections } = options;
    const counts = { lanes: supply.roster.count("lane"), subscribers: supply.roster.count("subscriber") };
    return adviseSize(this.meter.load(this.#holdings(), { ...counts, maxConnections }));
  }

  #holdings(): Holdings {
    const now = this.#parts.clock.now();
    return { now, leasedTime: this.#parts.supply.roster.leasedTime(now) };
  }
}
