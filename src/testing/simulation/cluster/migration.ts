import type { SimulatedNode } from "./node.ts";
import { slotOf } from "./slots.ts";

/** The cluster, as a migration changes it. */
export interface MigrationTarget {
  opened(move: SlotMigration): void;
  /** Everybody is to know the new owner. */
  finished(move: SlotMigration): void;
}

/** Slots on their way from one primary to another, step by step. */
export class SlotMigration {
  readonly slots: ReadonlySet<number>;
  /** Changes when the primary fails over meanwhile. */
  from: SimulatedNode;
  to: SimulatedNode;
  readonly #cluster: MigrationTarget;

  /** @internal */
  constructor(cluster: MigrationTarget, slots: Iterable<number>, from: SimulatedNode, to: SimulatedNode) {
    this.#cluster = cluster;
    this.slots = new Set(slots);
    this.from = from;
    this.to = to;
  }

  /** Opens the slots on both sides: keys that are missing are answered with ASK from now on. */
  begin(): void {
    this.#cluster.opened(this);
  }

  /**
   * Moves keys, one by one.
   *
   * @param count how many at most; default all
   * @returns how many are left
   */
  migrateKeys(count: number = Infinity): number {
    const database = this.from.server.database(0);
    const keys = database.keys().filter((key) => this.slots.has(slotOf(key)));
    const now = keys.slice(0, count);
    for (const key of now) {
      const value = database.take(key);
      if (value === undefined) continue;
      this.to.server.database(0).set(key, value);
      this.to.server.pushed(0, key);
    }
    return keys.length - now.length;
  }

  /** Moves what is left, and gives the slots to their new primary; the other nodes hear of it later. */
  finish(): void {
    this.migrateKeys();
    this.#cluster.finished(this);
  }
}
