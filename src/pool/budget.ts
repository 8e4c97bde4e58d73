import { assert } from "../base/assert.ts";

/** A pool, as its budget sees it. */
export interface BudgetMember {
  /** A permit is free that it had waited for. */
  permitFreed(): void;
  /** Ends a connection that nobody uses now. @returns whether it had one */
  endUnused(): boolean;
}

/** Permits for connections. One per pool, or one for all pools of a cluster. Taken before dialling, given back at the end. */
export class Budget {
  readonly limit: number;
  readonly #members = new Set<BudgetMember>();
  /** Those who found none left, in the order in which they came. */
  readonly #waiting = new Set<BudgetMember>();
  #taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get left(): number {
    return this.limit - this.#taken;
  }

  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
  }

  take(): boolean {
    if (this.#taken >= this.limit) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    assert(this.#taken > 0, "a permit was given back that nobody had taken");
    this.#taken--;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    // Later, for whoever gives one back is in the middle of something.
    queueMicrotask(() => next.permitFreed());
  }

  /** Tells `member` of the next free permit, and makes another pool end a connection that it does not use. */
  want(member: BudgetMember): void {
    if (this.#members.size < 2) return;
    this.#waiting.add(member);
    // Asked again for as long as it waits, for what all of them used before may be unused by now.
    for (const other of this.#members) if (other !== member && other.endUnused()) return;
  }
}
