import type { Clock, Timer } from "../../index.ts";
import type { Random } from "./random.ts";

/** Something that is to happen. */
interface Due {
  readonly at: number;
  /** Of two at the same time, the one that was scheduled first comes first. */
  readonly order: number;
  readonly callback: () => void;
  /** Whether it would keep the process alive. */
  readonly hold: boolean;
  /** Whether the program runs in it, whose promises must settle before the next thing happens. */
  readonly inProgram: boolean;
  live: boolean;
}

/** Everything of one turn of the event loop comes to its end, promises and all. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Simulated time, with an event loop like Node's: what is due runs one by one, with the promises of each settled before the next,
 * and what was deferred runs at the end of the turn. Time passes only between two events, or where `stall` says so.
 */
export class Timeline implements Clock {
  readonly #random: Random;
  readonly #heap: Due[] = [];
  #deferred: (() => void)[] = [];
  #now = 0;
  #order = 0;
  #events = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  now(): number {
    return this.#now;
  }

  coarseNow(): number {
    return this.#now;
  }

  random(): number {
    return this.#random.next();
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  schedule(callback: () => void, delay: number, hold = false): Timer {
    // As Node's timers do: at least a millisecond, so that a loop of timers cannot stop time.
    return this.#add(callback, Math.max(1, delay), hold, true);
  }

  /** Schedules an event of the simulation itself; `inProgram` where it calls the program that is simulated. */
  after(delay: number, callback: () => void, inProgram: boolean): Timer {
    return this.#add(callback, Math.max(0, delay), false, inProgram);
  }

  /** Events so far: for progress, and to see that two runs are the same. */
  get events(): number {
    return this.#events;
  }

  /** Timers of the program that would keep its process alive. */
  get held(): number {
    return this.#heap.filter((due) => due.live && due.hold).length;
  }

  /** Timers of the program, of either kind. */
  get timers(): number {
    return this.#heap.filter((due) => due.live && due.inProgram).length;
  }

  /** The program computes for so long: time passes, and nothing else happens. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /**
   * Lets time pass.
   *
   * @param until the time at which to stop; what is due later stays
   * @param isOver asked after every turn: true ends it earlier
   * @returns false when nothing was left to happen
   */
  async run(until: number, isOver: () => boolean = () => false): Promise<boolean> {
    await settled();
    for (;;) {
      if (this.#deferred.length > 0) await this.#endTurn();
      if (isOver()) return true;
      const next = this.#peek();
      if (next === undefined || next.at > until) {
        if (until !== Infinity) this.#now = Math.max(this.#now, until);
        return next !== undefined;
      }
      this.#now = Math.max(this.#now, next.at);
      await this.#turn();
    }
  }

  /** Everything that is due by now, in order: more than one event only where time has jumped, or two come together. */
  async #turn(): Promise<void> {
    const now = this.#now;
    for (let due = this.#peek(); due !== undefined && due.at <= now; due = this.#peek()) {
      this.#pop();
      this.#events++;
      due.live = false;
      due.callback();
      if (due.inProgram) await settled();
    }
  }

  async #endTurn(): Promise<void> {
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const callback of deferred) {
      callback();
      await settled();
    }
  }

  #add(callback: () => void, delay: number, hold: boolean, inProgram: boolean): Timer {
    const due: Due = { at: this.#now + delay, order: this.#order++, callback, hold, inProgram, live: true };
    if (due.at !== Infinity) this.#push(due);
    return {
      cancel: () => {
        due.live = false;
      },
    };
  }

  #peek(): Due | undefined {
    while (this.#heap.length > 0 && (this.#heap[0] as Due).live === false) this.#pop();
    return this.#heap[0];
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent] as Due)) break;
      heap[at] = heap[parent] as Due;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child++;
      if (!isBefore(heap[child] as Due, last)) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
