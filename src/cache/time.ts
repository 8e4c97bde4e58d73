import type { Clock } from "../index.ts";

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
