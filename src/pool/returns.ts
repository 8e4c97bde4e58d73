import type { Clock } from "../base/clock.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Request } from "../commands/request.ts";
import type { Connection } from "../connection/connection.ts";
import { cleanUp } from "../connection/handshake.ts";
import type { CloseReason } from "../connection/lost.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { Entry } from "./roster.ts";
import type { Counters } from "./stats.ts";
import type { Supply } from "./supply.ts";

/** What the returns of a pool are made of. */
export interface ReturnsParts {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly supply: Supply;
  readonly counters: Counters;
  readonly meter: LoadMeter;
  executeOwn(request: Request, connection: Connection): Promise<unknown>;
}

/** Takes back what was leased: a connection is lent again, repaired first, or ended for a reason. */
export class Returns {
  readonly #parts: ReturnsParts;
  /** Whether the next lease that comes back is used to ask the server for its limit. */
  asksNext = false;

  constructor(parts: ReturnsParts) {
    this.#parts = parts;
  }

  take(entry: Entry, closed: boolean): void {
    if (entry.state !== "leased") return; // its connection has ended meanwhile
    const { clock, counters, supply } = this.#parts;
    const now = clock.now();
    counters.useTime.record(now - entry.since);
    entry.stack = null;
    entry.onLost = null;
    entry.lastUsed = now;
    const verdict = closed ? "closed" : verdictOn(entry, now);
    if (verdict === "repair") {
      void this.#repair(entry);
    } else if (verdict === "idle" && this.asksNext) {
      void this.#askServerOn(entry);
    } else if (verdict === "idle") {
      supply.roster.moveTo(entry, "idle", now);
      supply.returned();
    } else {
      entry.live.close(verdict);
    }
  }

  /** An entry was repaired, or checked for life, and may be lent again. */
  checked(entry: Entry): void {
    if (entry.state !== "repairing") return;
    const { clock, supply } = this.#parts;
    supply.roster.moveTo(entry, "idle", clock.now());
    supply.balance();
  }

  async #repair(entry: Entry): Promise<void> {
    const { clock, options, supply } = this.#parts;
    supply.roster.moveTo(entry, "repairing", clock.now());
    const limit = clock.schedule(() => entry.live.close("unclean"), options.connectTimeout, true);
    const clean = await cleanUp(entry.live, options);
    limit.cancel();
    if (clean) this.checked(entry);
    else entry.live.close("unclean");
  }

  /** Between two borrowers, for a pool of leases alone has no lane to ask on. */
  async #askServerOn(entry: Entry): Promise<void> {
    const { clock, meter, supply } = this.#parts;
    this.asksNext = false;
    supply.roster.moveTo(entry, "repairing", clock.now());
    await meter.askServer({ executeOwn: (request) => this.#parts.executeOwn(request, entry.live) });
    this.checked(entry);
  }
}

function verdictOn(entry: Entry, now: number): "idle" | "repair" | CloseReason {
  const { live } = entry;
  if (!live.isQuiet) return "unread";
  if (entry.expiresAt <= now) return "lifetime";
  const { cleanup } = live.session;
  if (cleanup === "clean") return "idle";
  return cleanup === "destroy" ? "unclean" : "repair";
}
