import { Ring } from "../base/ring.ts";
import type { RedisError } from "../base/errors.ts";
import type { Entry } from "./roster.ts";

/** Somebody who waits for a connection of his own. */
export interface Waiter {
  /** Limit of the wait, ms on the clock. */
  readonly deadline: number;
  /** The same as a duration, for the error's text, ms. */
  readonly timeout: number;
  /** When the wait began, ms on the clock. */
  readonly since: number;
  /** What the connection is wanted for. */
  readonly role: "leased" | "subscriber";
  /** Where the wait began, when leaks are watched for. */
  readonly stack: string | null;
  /** No longer interested; whoever finds it in the queue drops it. */
  readonly isGone: boolean;
  granted(entry: Entry): void;
  refused(error: RedisError): void;
}

/** First come, first served. Those who left stay as empty places until their turn, and are not counted. */
export class Waiters {
  readonly #ring = new Ring<Waiter>();
  #gone = 0;
  #nextDeadline = Infinity;

  get size(): number {
    return this.#ring.size - this.#gone;
  }

  push(waiter: Waiter): void {
    if (waiter.deadline < this.#nextDeadline) this.#nextDeadline = waiter.deadline;
    this.#ring.push(waiter);
  }

  /** A waiter has just become gone. */
  left(): void {
    this.#gone++;
    // Half the queue is empty places: sweep, so that memory follows the living. Amortised constant.
    if (this.#gone > 32 && this.#gone * 2 > this.#ring.size) this.#sweep();
  }

  /** Takes the one who has waited longest. */
  shift(): Waiter | undefined {
    for (let waiter = this.#ring.shift(); waiter !== undefined; waiter = this.#ring.shift()) {
      if (!waiter.isGone) return waiter;
      this.#gone--;
    }
    return undefined;
  }

  /** Takes out those whose time is up. */
  expire(now: number): Waiter[] {
    if (now < this.#nextDeadline) return [];
    const expired: Waiter[] = [];
    let next = Infinity;
    this.#ring.retain((waiter) => {
      if (waiter.isGone) return false;
      if (waiter.deadline > now) {
        if (waiter.deadline < next) next = waiter.deadline;
        return true;
      }
      expired.push(waiter);
      return false;
    });
    this.#gone = 0;
    this.#nextDeadline = next;
    return expired;
  }

  /** Takes everybody out. */
  drain(): Waiter[] {
    this.#gone = 0;
    return this.#ring.drain().filter((waiter) => !waiter.isGone);
  }

  #sweep(): void {
    this.#ring.retain((waiter) => !waiter.isGone);
    this.#gone = 0;
  }
}
