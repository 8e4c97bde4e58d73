import { clock } from "./time.ts";

/** closed: all goes through; open: nothing; half-open: one operation tries whether it goes again. */
export type BreakerState = "closed" | "open" | "half-open";

/** When the breaker opens, and for how long. Times in ms. */
export interface BreakerSettings {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** How long it stays open at first; doubled each time the try fails, up to `longestPause`. */
  readonly pause: number;
  readonly longestPause: number;
}

/**
 * Keeps a program from waiting for a Redis that does not answer: after some failures in a row nothing is asked for a while, then one
 * operation tries.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #opened: () => void;
  #failures = 0;
  #pause: number;
  /** null while it is closed; else when the next try is due, ms on the clock. */
  #tryAt: number | null = null;
  #trying = false;
  #tryBegan = 0;
  /** When connections were last lost, ms on the clock. */
  #lostAt = -Infinity;
  /** How often it has opened. */
  openings = 0;

  /** @param opened called whenever it opens: who waits for Redis need not wait on */
  constructor(settings: BreakerSettings, opened: () => void) {
    this.#settings = settings;
    this.#pause = settings.pause;
    this.#opened = opened;
  }

  get state(): BreakerState {
    if (this.#tryAt === null) return "closed";
    return this.#trying || clock.now() >= this.#tryAt ? "half-open" : "open";
  }

  /** Whether an operation may go to Redis. The one that tries has to tell how it went, by `succeeded` or `failed`. */
  allows(): boolean {
    if (this.#tryAt === null) return true;
    if (this.#trying || clock.now() < this.#tryAt) return false;
    this.#trying = true;
    this.#tryBegan = clock.now();
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    if (this.#tryAt === null || !this.#trying) return;
    this.#tryAt = null;
    this.#trying = false;
    this.#pause = this.#settings.pause;
  }

  /**
   * An operation was in vain.
   *
   * @param began when, ms on the clock
   * @param wasLost whether its connection was: all that was on it is one failure
   */
  failed(began: number, wasLost: boolean): void {
    const { failures, longestPause } = this.#settings;
    if (wasLost) {
      if (began < this.#lostAt && !this.#trying) return;
      this.#lostAt = clock.now();
    }
    if (this.#tryAt === null) {
      if (++this.#failures < failures) return;
    } else if (this.#trying && began >= this.#tryBegan) {
      this.#pause = Math.min(longestPause, this.#pause * 2);
    } else {
      return; // it began before the breaker opened
    }
    this.#trying = false;
    // Not all processes at once.
    this.#tryAt = clock.now() + this.#pause * (0.75 + 0.5 * clock.random());
    this.openings++;
    this.#opened();
  }
}
