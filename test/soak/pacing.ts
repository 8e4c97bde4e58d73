import { setTimeout as sleep } from "node:timers/promises";

/** Calls are made this often, ms, so many at once as are due. */
const STEP = 4;
/**
 * What became due while the event loop stood still is caught up with for so long, ms; the rest is left out. The load is made by the process that
 * bears it: one that makes up for every stall would never come out of it, on a machine that does other things too.
 */
const LONGEST_ARREARS = 50;

/** Runs operations one after the other on so many workers. @returns how many end in a second */
export async function measureRate(one: () => Promise<void>, time: number, workers: number): Promise<number> {
  const began = performance.now();
  let done = 0;
  const work = async (): Promise<void> => {
    while (performance.now() - began < time) {
      await one();
      done++;
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return (done / (performance.now() - began)) * 1000;
}

/** Makes calls at a rate, whatever becomes of those before: an open loop. */
export class OpenLoop {
  #running = true;

  /** @param rate per second */
  async run(rate: number, call: () => void): Promise<void> {
    let last = performance.now();
    let due = 0;
    while (this.#running) {
      const now = performance.now();
      due += (Math.min(now - last, LONGEST_ARREARS) * rate) / 1000;
      last = now;
      for (; due >= 1; due--) call();
      await sleep(STEP);
    }
  }

  stop(): void {
    this.#running = false;
  }
}
