/** The longest delay a Node timer can hold, ms: about 24.8 days. */
export const MAX_DURATION: number = 2 ** 31 - 1;

/**
 * Time and chance, passed in so that everything also runs in a simulation, which repeats both.
 * All times are milliseconds on a clock that never goes back; only differences mean something.
 */
export interface Clock {
  /** Now, read afresh. */
  now(): number;
  /**
   * Now, as of the code that runs at present without a pause: the hot path's reading, one for a batch of commands.
   * A per-command `performance.now()` costs about 3 % of a GET.
   */
  coarseNow(): number;
  /** Calls `callback` once after `delay` ms. `hold` keeps the process alive until then; the default does not. */
  schedule(callback: () => void, delay: number, hold?: boolean): Timer;
  /** A number in [0, 1), for jitter. */
  random(): number;
  /** Calls `callback` after the current turn's input was handled, before the loop sleeps: once per turn. */
  defer(callback: () => void): void;
}

/** A call that is due later. */
export interface Timer {
  cancel(): void;
}

/** A microtask by way of it costs half of `queueMicrotask`, which makes an object for async hooks. */
const settled = Promise.resolve();

class SystemClock implements Clock {
  #coarse = 0;
  #fresh = false;
  readonly #expire = (): void => {
    this.#fresh = false;
  };

  now(): number {
    return performance.now();
  }

  coarseNow(): number {
    if (!this.#fresh) {
      this.#coarse = performance.now();
      this.#fresh = true;
      // Not for the whole turn of the loop: code between two commands may compute for longer than a deadline is away.
      void settled.then(this.#expire);
    }
    return this.#coarse;
  }

  schedule(callback: () => void, delay: number, hold = false): Timer {
    // Node fires a timer beyond that at once.
    const timer = setTimeout(callback, Math.min(delay, MAX_DURATION));
    if (!hold) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  random(): number {
    return Math.random();
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }
}

/** The process's clock. */
export const systemClock: Clock = new SystemClock();

/** Settles after `delay` ms, or when the signal is aborted; keeps the process alive until then. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.schedule(end, delay, true);
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
  });
}
