import type { Clock, Timer } from "./clock.ts";

/** Lateness beyond which the event loop was stalled rather than busy, ms. */
export const STALL = 250;

/** So many long turns in a row count nothing: to connect and shake hands takes a few, for each reads what the one before has asked for. */
const FORGIVEN = 5;

/**
 * Calls `callback` after `delay` ms of a process that runs: a turn of the event loop that takes longer counts nothing, or, when there are many in
 * a row, no more than a part. What was to come meanwhile lies unread in the sockets, and a timer that has become due would end it before
 * it is read. Holds the process.
 */
export function scheduleAwake(clock: Clock, callback: () => void, delay: number): Timer {
  let left = delay;
  let stalls = 0;
  let timer: Timer;
  const arm = (): void => {
    const part = Math.min(left, STALL);
    const due = clock.now() + part;
    timer = clock.schedule(
      () => {
        stalls = clock.now() - due > STALL ? stalls + 1 : 0;
        // A loop that stalls in every turn comes to an end, too.
        if (stalls === 0 || stalls > FORGIVEN) left -= part;
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
