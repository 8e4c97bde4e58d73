import { clock } from "./time.ts";

/** How long a key rests at first, and at most, ms. */
const FIRST = 100;
const LONGEST = 5000;
/** So many keys at most; the oldest go first. */
const MOST = 10_000;

/** A rest, in ms on the clock. */
interface Rest {
  readonly until: number;
  readonly pause: number;
}

/** Keys whose entries were to be made anew lately, in vain: they rest for a while, longer each time. */
export class Rests {
  readonly #byKey = new Map<string, Rest>();

  /** Whether a key rests. */
  has(key: string): boolean {
    const rest = this.#byKey.get(key);
    return rest !== undefined && clock.now() < rest.until;
  }

  /** It was in vain. */
  add(key: string): void {
    const before = this.#byKey.get(key)?.pause ?? FIRST / 2;
    const pause = Math.min(LONGEST, before * 2);
    this.#byKey.delete(key);
    this.#byKey.set(key, { until: clock.now() + pause * (0.75 + 0.5 * clock.random()), pause });
    if (this.#byKey.size > MOST) for (const oldest of this.#byKey.keys()) return void this.#byKey.delete(oldest);
  }

  /** It was not. */
  delete(key: string): void {
    this.#byKey.delete(key);
  }
}
