import type { WireReply } from "../wire.ts";
import { SLOTS } from "./slots.ts";

/** A node, as a view describes it. */
export interface Member {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** The cluster as one of its nodes sees it. */
export class ClusterView<Node extends Member> {
  readonly owners: (Node | null)[];
  /** Each member with its primary; null for a primary. */
  readonly members: Map<Node, Node | null>;
  /** Members that are held for down. */
  readonly failed: Set<Node>;
  #ranges: ReadonlyMap<Node, readonly number[]> | null = null;
  #isWhole: boolean | null = null;

  constructor(from?: ClusterView<Node>) {
    this.owners = from?.owners.slice() ?? new Array<Node | null>(SLOTS).fill(null);
    this.members = new Map(from?.members);
    this.failed = new Set(from?.failed);
  }

  /** Changes what it knows. */
  apply(change: (view: ClusterView<Node>) => void): void {
    change(this);
    this.#ranges = null;
    this.#isWhole = null;
  }

  /** Whether each slot has an owner that is not down: else nobody serves anything (cluster-require-full-coverage). */
  get isWhole(): boolean {
    this.#isWhole ??= [...new Set(this.owners)].every((owner) => owner !== null && !this.failed.has(owner));
    return this.#isWhole;
  }

  replicasOf(primary: Node): Node[] {
    return [...this.members].filter(([, own]) => own === primary).map(([node]) => node);
  }

  /** First and last slot of each range, one behind the other. */
  rangesOf(node: Node): readonly number[] {
    this.#ranges ??= rangesIn(this.owners);
    return this.#ranges.get(node) ?? [];
  }

  /** @internal The reply to CLUSTER SHARDS. */
  shards(): WireReply {
    return this.#primaries().map((primary) => ({
      map: [
        ["slots", this.rangesOf(primary)],
        ["nodes", [primary, ...this.replicasOf(primary)].map((node) => this.#described(node))],
      ],
    }));
  }

  /** @internal The reply to CLUSTER SLOTS. */
  slots(): WireReply {
    const rows: WireReply[] = [];
    for (const primary of this.#primaries()) {
      const replicas = this.replicasOf(primary).filter((node) => !this.failed.has(node));
      const nodes = [primary, ...replicas].map(({ host, port, id }) => [host, port, id]);
      const ranges = this.rangesOf(primary);
      for (let at = 0; at < ranges.length; at += 2)
        rows.push([ranges[at] as number, ranges[at + 1] as number, ...nodes]);
    }
    return rows;
  }

  #primaries(): Node[] {
    return [...this.members].filter(([, primary]) => primary === null).map(([node]) => node);
  }

  #described(node: Node): WireReply {
    return {
      map: [
        ["id", node.id],
        ["port", node.port],
        ["ip", node.host],
        ["endpoint", node.host],
        ["role", this.members.get(node) === null ? "master" : "replica"],
        ["replication-offset", 0],
        ["health", this.failed.has(node) ? "fail" : "online"],
      ],
    };
  }
}

function rangesIn<Node>(owners: readonly (Node | null)[]): ReadonlyMap<Node, readonly number[]> {
  const ranges = new Map<Node, number[]>();
  for (let slot = 0; slot < SLOTS;) {
    const first = slot;
    const owner = owners[slot] ?? null;
    while (slot < SLOTS && owners[slot] === owner) slot++;
    if (owner === null) continue;
    const own = ranges.get(owner);
    if (own === undefined) ranges.set(owner, [first, slot - 1]);
    else own.push(first, slot - 1);
  }
  return ranges;
}
