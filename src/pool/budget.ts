import { assert } from "../base/assert.ts";

/** Permits for connections. One per pool, or one for all pools of a cluster. Taken before dialling, given back at the end. */
export class Budget {
  readonly limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get left(): number {
    return this.limit - this.#taken;
  }

  take(): boolean {
    if (this.#taken >= this.limit) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    assert(this.#taken > 0, "a permit was given back that nobody had taken");
    this.#taken--;
  }
}
