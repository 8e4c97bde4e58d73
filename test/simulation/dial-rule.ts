import type { RedisOptions } from "respool";
import type { SimulatedServer } from "respool/testing";
import type { FaultKind } from "./plan.ts";
import { ADDRESS, type Stage } from "./stage.ts";

/** While they last, no attempt to connect succeeds. */
export const DEADLY: ReadonlySet<FaultKind> = new Set<FaultKind>(["refuse", "silence", "crash", "pause"]);

/** A few rounds beyond what the pauses allow on average: they are random. */
const SPARE = 8;
/** So many times the average is beyond chance. */
const CHANCE = 2;

/**
 * Holds the attempts to connect to a dead server against the pauses between them. Those that begin before the first of them can have
 * failed are one round, of one attempt per connection at most; behind each round there is a pause.
 */
export class DialRule {
  readonly #stage: Stage;
  readonly #server: SimulatedServer;
  readonly #options: RedisOptions;
  /** Since when the server is dead, ms; null while it lives. */
  #since: number | null = null;
  #rounds = 0;
  #roundEnds = 0;
  #inRound = 0;
  #isShort = false;

  constructor(stage: Stage, server: SimulatedServer, options: RedisOptions) {
    this.#stage = stage;
    this.#server = server;
    this.#options = options;
    stage.world.network.onDial = () => this.#dialled();
  }

  died(): void {
    if (this.#since !== null) return;
    this.#since = this.#stage.now;
    this.#rounds = 0;
    this.#roundEnds = -Infinity;
  }

  /** Where several faults overlap, the first to heal may revive it. */
  revived(): void {
    if (this.#since === null) return;
    const time = this.#stage.now - this.#since;
    this.#since = null;
    const most = this.#allowed(time);
    if (this.#rounds <= most) return;
    const text = `${this.#rounds} rounds of attempts in ${time.toFixed(0)} ms without a server, where the pauses allow ${most}`;
    this.#stage.ledger.violate("attempts to connect keep their pauses", text);
  }

  #dialled(): void {
    if (this.#since === null) return;
    this.#stage.tell("     dialled in vain");
    const { now, world } = this.#stage;
    const { connectTimeout = 0, maxConnections = 1, reconnect } = this.#options;
    if (now > this.#roundEnds) {
      const hangs = this.#server.isPaused || world.network.silent.has(ADDRESS);
      const longest = hangs ? connectTimeout : 2 * world.network.weather.latency[1];
      this.#roundEnds = now + longest;
      this.#isShort = longest <= (reconnect?.minDelay ?? 0);
      this.#rounds++;
      this.#inRound = 0;
    }
    this.#inRound++;
    // Where the round is longer than a pause, an attempt that fails early leaves time for the next.
    if (this.#inRound <= maxConnections || !this.#isShort) return;
    const text = `${this.#inRound} attempts at once, with maxConnections ${maxConnections}`;
    this.#stage.ledger.violate("attempts to connect keep their pauses", text);
  }

  /** Pauses grow to between `minDelay` and `maxDelay`: there are at most so many rounds until they have, and then on average. */
  #allowed(time: number): number {
    const { minDelay = 1, maxDelay = 1 } = this.#options.reconnect ?? {};
    const growing = Math.ceil(Math.log2(maxDelay / minDelay));
    return Math.floor(SPARE + growing + (CHANCE * time) / ((minDelay + maxDelay) / 2));
  }
}
