import type { Clock, Timer } from "./clock.ts";

/** Lateness beyond which the event loop was stalled rather than busy, ms. */
export const STALL = 250;

/**
 * Calls `callback` after `delay` ms of a process that runs: of a turn of the event loop that takes longer, no more than a part counts.
 * What was to come meanwhile lies unread in the sockets, and a timer that has become due would end it before it is read. Holds the process.
 */
export function scheduleAwake(clock: Clock, callback: () => void, delay: number): Timer {
  let left = delay;
  let wasLate = false;
  let timer: Timer;
  const arm = (): void => {
    const part = Math.min(left, STALL);
    const due = clock.now() + part;
    timer = clock.schedule(
      () => {
        // Reading takes one turn. A loop that stalls in every turn comes to an end, too.
        wasLate = !wasLate && clock.now() - due > STALL;
        if (!wasLate) left -= part;
        if (left > 0) arm();
        else callback();
      },
      part,
      true,
    );
  };
  arm();
  return { cancel: () => timer.cancel() };
}
