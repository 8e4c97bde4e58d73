import { nodeOf } from "../../base/addresses.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import { SLOTS } from "../../commands/slot.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import { ReplicaSet, type ReadChoice } from "../read-choice.ts";
import type { SlotMap } from "./slot-map.ts";

/** Who serves each slot: what the hot path reads. Changed by a look at the cluster, or slot by slot by its redirects. */
export class SlotTable {
  readonly #pool: (endpoint: TcpEndpoint) => NodePool;
  readonly #choice: ReadChoice;
  #byPrimary = new Map<NodePool, ReplicaSet>();
  #bySlot: (ReplicaSet | null)[] = new Array<ReplicaSet | null>(SLOTS).fill(null);
  /** The shards by their first slots; null after a change, for redirects come in thousands. */
  #byFirstSlot: ReadonlyMap<ReplicaSet, number> | null = null;

  constructor(pool: (endpoint: TcpEndpoint) => NodePool, choice: ReadChoice) {
    this.#pool = pool;
    this.#choice = choice;
  }

  /** All shards, in the order of their first slots. */
  get shards(): readonly ReplicaSet[] {
    return [...this.#listed().keys()];
  }

  /** The first slot of each of them. */
  get firstSlots(): readonly number[] {
    return [...this.#listed().values()];
  }

  /** null while nobody is known to serve it. */
  at(slot: number): ReplicaSet | null {
    return this.#bySlot[slot] ?? null;
  }

  /** The owner by its node's name. */
  ownerOf(slot: number): string | undefined {
    return this.#bySlot[slot]?.primary.options.node;
  }

  /** A node has told that one slot has moved. @returns whether its owner is a primary that was not known */
  move(slot: number, endpoint: TcpEndpoint): boolean {
    const pool = this.#pool(endpoint);
    if (this.#bySlot[slot]?.primary === pool) return false;
    const known = this.#byPrimary.get(pool);
    const shard = known ?? new ReplicaSet(pool, [], this.#choice);
    if (known === undefined) this.#byPrimary.set(pool, shard);
    this.#bySlot[slot] = shard;
    this.#byFirstSlot = null;
    return known === undefined;
  }

  /** Takes over a whole map. @returns the names of all nodes in it */
  replace({ shards, owners }: SlotMap): Set<string> {
    const nodes = new Set<string>();
    const sets = shards.map(({ primary, replicas }) => {
      for (const endpoint of [primary, ...replicas]) nodes.add(nodeOf(endpoint));
      return new ReplicaSet(this.#pool(primary), replicas.map(this.#pool), this.#choice);
    });
    const bySlot = new Array<ReplicaSet | null>(SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) bySlot[slot] = sets[owners[slot] as number] ?? null;
    this.#bySlot = bySlot;
    this.#byPrimary = new Map(sets.map((set) => [set.primary, set]));
    this.#byFirstSlot = null;
    return nodes;
  }

  #listed(): ReadonlyMap<ReplicaSet, number> {
    if (this.#byFirstSlot !== null) return this.#byFirstSlot;
    const first = new Map<ReplicaSet, number>();
    let latest: ReplicaSet | null = null;
    for (let slot = 0; slot < SLOTS; slot++) {
      const shard = this.#bySlot[slot] ?? null;
      if (shard === latest) continue;
      latest = shard;
      if (shard !== null && !first.has(shard)) first.set(shard, slot);
    }
    return (this.#byFirstSlot = first);
  }
}
