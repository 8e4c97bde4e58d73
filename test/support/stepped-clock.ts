import type { Clock, Timer } from "../../src/base/clock.ts";

/** Time that the test moves: `pass` calls what is due, as late as the event loop would. */
export class SteppedClock implements Clock {
  #now = 0;
  #due: { at: number; callback: () => void } | null = null;

  get isArmed(): boolean {
    return this.#due !== null;
  }

  now(): number {
    return this.#now;
  }

  coarseNow(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  schedule(callback: () => void, delay: number): Timer {
    const due = { at: this.#now + delay, callback };
    this.#due = due;
    return {
      cancel: () => {
        if (this.#due === due) this.#due = null;
      },
    };
  }

  defer(callback: () => void): void {
    callback();
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#due;
    if (due === null || due.at > this.#now) return;
    this.#due = null;
    due.callback();
  }
}
