import { backoffDelay, type BackoffRange } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";

/** The pauses between attempts to have something again that was lost; news end all of them before their time. */
export class Pauses {
  readonly #clock: Clock;
  readonly #delays: BackoffRange;
  readonly #ends = new Set<() => void>();
  #isOver = false;

  constructor(clock: Clock, delays: BackoffRange) {
    this.#clock = clock;
    this.#delays = delays;
  }

  /** A pause that grows with the attempts. @param until its latest end, ms on the clock */
  after(attempt: number, until: number = Infinity): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    const delay = backoffDelay(this.#delays, attempt, this.#clock.random());
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#ends.delete(end);
        resolve();
      };
      const timer = this.#clock.schedule(end, Math.max(0, Math.min(delay, until - this.#clock.now())), true);
      this.#ends.add(end);
    });
  }

  /** What was waited for may be there now. */
  end(): void {
    for (const end of this.#ends) end();
  }

  /** Ends all, and there are none any more. */
  close(): void {
    this.#isOver = true;
    this.end();
  }
}
