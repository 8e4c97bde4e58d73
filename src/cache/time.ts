import type { Clock } from "../index.ts";

/** What stands for a time without an end, ms: 100 years. */
export const FOREVER = 3_155_760_000_000;

/** The process's clock, as the cache needs it. */
export const clock: Pick<Clock, "now" | "schedule" | "random"> = {
  now: () => performance.now(),
  random: () => Math.random(),
  schedule(callback, delay, hold = false) {
    const timer = setTimeout(callback, delay);
    if (!hold) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A time from which up to a part is taken off at random, so that not all end at once; whole ms. */
export function withJitter(time: number, jitter: number): number {
  return Math.max(1, Math.round(time * (1 - jitter * clock.random())));
}
