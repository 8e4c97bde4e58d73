import { ignoreAbort, onAbort, type AbortListener } from "../base/abort.ts";
import { MAX_DURATION, type Clock, type Timer } from "../base/clock.ts";

/** Shortest pause between two looks, ms: a storm of redirects causes one. */
const LEAST_PAUSE = 500;
/** Spread over so much, so that many clients do not ask at once, ms. */
const JITTER = 50;
/** The periodic look comes up to so much earlier. */
const EARLY = 0.2;

/**
 * Decides when the topology is looked at: never two looks at once, never one right behind another, now and then in any case.
 */
export class Refresher {
  readonly #clock: Clock;
  readonly #look: () => Promise<void>;
  readonly #interval: number;
  #timer: Timer | null = null;
  /** When the timer is due, ms on the clock. */
  #due = Infinity;
  #endedAt = -Infinity;
  #wanted = false;
  #running: Promise<void> | null = null;
  #stopped = false;
  /** Those who wait for the next look. */
  readonly #waiting = new Set<AbortListener>();
  /** How often it has looked. */
  looks = 0;

  /**
   * @param look rejects never
   * @param interval of the periodic looks, ms; 0 for none
   */
  constructor(clock: Clock, look: () => Promise<void>, interval: number) {
    this.#clock = clock;
    this.#look = look;
    this.#interval = interval;
  }

  /** Looks soon, because something has changed. */
  want(): void {
    if (this.#stopped) return;
    if (this.#running !== null) {
      this.#wanted = true;
      return;
    }
    const now = this.#clock.now();
    const pause = Math.max(0, this.#endedAt + LEAST_PAUSE - now);
    this.#arm(now + pause + (this.looks === 0 ? 0 : JITTER * this.#clock.random()));
  }

  /** Looks at once, or waits for the look that goes on. */
  now(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Looks as soon as it may, and waits for that; keeps the process until then.
   *
   * @param until the latest end of the wait, ms on the clock
   */
  soon(until: number, signal: AbortSignal | null): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const now = this.#clock.now();
    return new Promise((resolve) => {
      const listener: AbortListener = {
        handleEvent: () => {
          begin?.cancel();
          limit.cancel();
          this.#waiting.delete(listener);
          if (signal !== null) ignoreAbort(signal, listener);
          resolve();
        },
      };
      const end = (): void => listener.handleEvent();
      const look = (): void => void this.now().then(end);
      const due = Math.max(now, this.#endedAt + LEAST_PAUSE);
      const begin = this.#running === null ? this.#clock.schedule(look, due - now, true) : null;
      const limit = this.#clock.schedule(end, Math.min(Math.max(0, until - now), MAX_DURATION), true);
      this.#waiting.add(listener);
      if (signal !== null) onAbort(signal, listener);
      if (begin === null) look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    for (const listener of this.#waiting) listener.handleEvent();
  }

  async #run(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#due = Infinity;
    this.#wanted = false;
    this.looks++;
    await this.#look();
    this.#running = null;
    this.#endedAt = this.#clock.now();
    if (this.#wanted) this.want();
    else if (this.#interval > 0) this.#arm(this.#endedAt + this.#interval * (1 - EARLY * this.#clock.random()));
  }

  /** The sooner of two times holds. */
  #arm(due: number): void {
    if (this.#stopped || due >= this.#due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.schedule(() => void this.now(), Math.max(0, due - this.#clock.now()));
  }
}
