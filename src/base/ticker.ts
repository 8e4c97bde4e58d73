import type { Clock, Timer } from "./clock.ts";
import { STALL } from "./stall.ts";

/** The step of the coarse clock, ms: deadlines end within it. */
export const TICK: number = 20;

/** Something with deadlines. */
export interface Ticking {
  /** Ends what is due. Returns whether it wants to be called again. */
  tick(now: number): boolean;
}

/**
 * One timer for the deadlines of everything under one clock: no command has a timer of its own. It runs, and holds the
 * process, only while something has a deadline.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #targets = new Set<Ticking>();
  #timer: Timer | null = null;
  #due = 0;
  /** Whether the latest step was left out because the event loop had stalled. */
  #stalled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(target: Ticking): void {
    this.#targets.add(target);
    if (this.#timer === null) this.#arm();
  }

  remove(target: Ticking): void {
    this.#targets.delete(target);
    if (this.#targets.size === 0) this.#disarm();
  }

  #arm(): void {
    this.#due = this.#clock.now() + TICK;
    this.#timer = this.#clock.schedule(() => this.#step(), TICK, true);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #step(): void {
    this.#timer = null;
    const now = this.#clock.now();
    // After a stall the replies may lie unread in the sockets: read them before calling anything late.
    // One step is enough for that; on a loop that stalls in every turn deadlines would never end.
    this.#stalled = !this.#stalled && now - this.#due > STALL;
    if (!this.#stalled) {
      for (const target of this.#targets) if (!target.tick(now)) this.#targets.delete(target);
    }
    if (this.#targets.size > 0) this.#arm();
  }
}

const tickers = new WeakMap<Clock, Ticker>();

/** The ticker of a clock: one per process, and one per simulation. */
export function tickerOf(clock: Clock): Ticker {
  let ticker = tickers.get(clock);
  if (ticker === undefined) {
    ticker = new Ticker(clock);
    tickers.set(clock, ticker);
  }
  return ticker;
}
