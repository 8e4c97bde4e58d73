import type { Words } from "../exchange.ts";
import { checkWhole, disagreed, tell } from "../group.ts";
import { lookAt, type RunningNode } from "./view.ts";

/** Moves slots with their keys from one primary to another, step by step. */
export interface SlotMove {
  /** The slots, in ascending order. */
  readonly slots: readonly number[];
  /**
   * Opens the slots: IMPORTING on the one side, MIGRATING on the other. From now on the old primary answers ASK for
   * keys that it does not have.
   */
  begin(): Promise<void>;
  /**
   * Moves keys, slot after slot.
   *
   * @param count how many at most; default all
   * @returns how many are left
   */
  migrateKeys(count?: number): Promise<number>;
  /** Gives the slots to the new primary, when no key is left; returns when every node that answers knows it. */
  finish(): Promise<void>;
  /** All that is not done yet, some slots at a time, as a real resharding does it. */
  run(): Promise<void>;
}

export interface SlotMoveParts {
  readonly slots: readonly number[];
  readonly from: RunningNode;
  readonly to: RunningNode;
  /** The primaries that answer. */
  primaries(): Promise<readonly RunningNode[]>;
  /** Resolves when every node that answers has all of the slots at `to`. */
  untilKnown(): Promise<void>;
}

// Few enough that the source answers its clients in between.
const SLOTS_AT_ONCE = 64;
const KEYS_AT_ONCE = 100;
const MIGRATE_TIMEOUT = 5000;

type State = "new" | "open" | "finished";

export class RunningSlotMove implements SlotMove {
  readonly slots: readonly number[];
  #state: State = "new";
  readonly #parts: SlotMoveParts;

  constructor(parts: SlotMoveParts) {
    this.#parts = parts;
    this.slots = parts.slots;
  }

  async begin(): Promise<void> {
    this.#expect("new", "begin() was called before");
    await this.#open(this.slots);
    this.#state = "open";
  }

  async migrateKeys(count: number = Number.POSITIVE_INFINITY): Promise<number> {
    this.#expect("open", "migrateKeys() comes after begin() and before finish()");
    if (count !== Number.POSITIVE_INFINITY) checkWhole("count", count, 0);
    let left = count;
    for (const some of inGroups(this.slots)) {
      if (left > 0) left -= await this.#migrate(some, left);
    }
    return await this.#countKeys(this.slots);
  }

  async finish(): Promise<void> {
    this.#expect("open", "finish() comes after begin()");
    const keys = await this.#countKeys(this.slots);
    if (keys > 0) throw disagreed(`${keys} keys are not moved yet: call migrateKeys() before finish()`);
    await this.#assign(this.slots, await this.#parts.primaries());
    await this.#parts.untilKnown();
    this.#state = "finished";
  }

  async run(): Promise<void> {
    if (this.#state === "finished") throw disagreed("this move is finished");
    const primaries = await this.#parts.primaries();
    for (const some of inGroups(this.slots)) {
      if (this.#state === "new") await this.#open(some);
      await this.#migrate(some, Number.POSITIVE_INFINITY);
      await this.#assign(some, primaries);
    }
    await this.#parts.untilKnown();
    this.#state = "finished";
  }

  async #open(slots: readonly number[]): Promise<void> {
    const { from, to } = this.#parts;
    // In this order: a client that is sent on by ASK has to be let in.
    await tell(
      to,
      slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "IMPORTING", from.id]),
    );
    await tell(
      from,
      slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "MIGRATING", to.id]),
    );
  }

  /** @returns how many keys were moved */
  async #migrate(slots: readonly number[], count: number): Promise<number> {
    const { from, to } = this.#parts;
    const auth = to.password === undefined ? [] : ["AUTH", to.password];
    let moved = 0;
    for (;;) {
      const size = Math.min(KEYS_AT_ONCE, count - moved);
      if (size === 0) return moved;
      const found = await tell(
        from,
        slots.map((slot) => ["CLUSTER", "GETKEYSINSLOT", slot, size]),
      );
      const migrations: Words[] = [];
      let planned = 0;
      for (const keys of found) {
        const some = (keys as string[]).slice(0, count - moved - planned).map((key) => Buffer.from(key, "latin1"));
        if (some.length === 0) continue;
        planned += some.length;
        migrations.push(["MIGRATE", to.host, to.port, "", 0, MIGRATE_TIMEOUT, ...auth, "KEYS", ...some]);
      }
      if (planned === 0) return moved;
      await tell(from, migrations);
      moved += planned;
    }
  }

  async #countKeys(slots: readonly number[]): Promise<number> {
    const counts = await tell(
      this.#parts.from,
      slots.map((slot) => ["CLUSTER", "COUNTKEYSINSLOT", slot]),
    );
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  async #assign(slots: readonly number[], primaries: readonly RunningNode[]): Promise<void> {
    const { from, to } = this.#parts;
    const words = slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "NODE", to.id]);
    // In this order: were the source first, a client would be sent back and forth until the target knows.
    await tell(to, words);
    await tell(from, words).catch(async (error: unknown) => {
      // One that has lost its last slot has become a replica of the new owner meanwhile, and knows.
      if ((await lookAt(from)).self.primary !== to.id) throw error;
    });
    const others = primaries.filter((node) => node !== from && node !== to);
    // One that fails meanwhile will hear it from the others.
    await Promise.allSettled(others.map((node) => tell(node, words)));
  }

  #expect(state: State, message: string): void {
    if (this.#state !== state) throw disagreed(message);
  }
}

function inGroups(slots: readonly number[]): number[][] {
  const count = Math.ceil(slots.length / SLOTS_AT_ONCE);
  return Array.from({ length: count }, (_, at) => slots.slice(at * SLOTS_AT_ONCE, (at + 1) * SLOTS_AT_ONCE));
}
