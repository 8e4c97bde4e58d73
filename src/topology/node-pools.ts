import type { Clock } from "../base/clock.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Dialler } from "../base/transport.ts";
import type { Connection } from "../connection/connection.ts";
import { openConnection } from "../connection/open.ts";
import { Budget } from "../pool/budget.ts";
import { NodePool } from "../pool/node-pool.ts";

/** How long what still runs on a node that has left may take, ms. */
const LEAVING = 60_000;

/** What the pools of several nodes have in common. */
export interface NodePoolsParts {
  readonly clock: Clock;
  readonly maxTotalConnections: number;
  readonly dialler: (options: ResolvedOptions) => Dialler;
  /** Told when a node is in trouble: it cannot be reached, has ended a connection, or is silent. */
  readonly onTrouble: () => void;
  /** Told when a node says in a handshake that it is a replica; servers before Redis 6, and RESP2, do not say. */
  readonly onReplica?: (node: string) => void;
}

/** The pools of several nodes, under one budget. Nothing is dialled before it is needed. */
export class NodePools {
  readonly #parts: NodePoolsParts;
  readonly #budget: Budget;
  readonly #pools = new Map<string, NodePool>();
  readonly #leaving = new Set<NodePool>();
  #keepsLanes = false;
  #closed = false;

  constructor(parts: NodePoolsParts) {
    this.#parts = parts;
    this.#budget = new Budget(parts.maxTotalConnections);
  }

  /** By the name of their node; without those that have left. */
  get byNode(): ReadonlyMap<string, NodePool> {
    return this.#pools;
  }

  /** The pool of a node, made at the first use. */
  of(options: ResolvedOptions): NodePool {
    const known = this.#pools.get(options.node);
    if (known !== undefined) return known;
    const { clock, onTrouble } = this.#parts;
    const dialler = this.#parts.dialler(options);
    const open = async (signal: AbortSignal): Promise<Connection> => {
      const connection = await openConnection(options, dialler, clock, signal);
      if (connection.info.role === "replica") this.#parts.onReplica?.(options.node);
      return connection;
    };
    const pool = new NodePool({ options, open, clock, budget: this.#budget, onTrouble });
    if (this.#keepsLanes) pool.keepLane();
    if (this.#closed) pool.destroy();
    this.#pools.set(options.node, pool);
    return pool;
  }

  /** Closes the pools of all other nodes, as soon as what runs on them has ended. */
  retain(nodes: ReadonlySet<string>): void {
    for (const [node, pool] of this.#pools) {
      if (nodes.has(node)) continue;
      this.#pools.delete(node);
      this.#leaving.add(pool);
      // Only when this turn's commands are written: from then on it is known of each what the server makes of it.
      this.#parts.clock.defer(() => void pool.leave(LEAVING).then(() => this.#leaving.delete(pool)));
    }
  }

  /** Ends what is still under way on nodes that have left and are silent. */
  abandonLeaving(): void {
    for (const pool of this.#leaving) pool.abandonSilent();
  }

  keepLanes(): void {
    this.#keepsLanes = true;
    for (const pool of this.#pools.values()) pool.keepLane();
  }

  async close(timeout: number): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#pools.values(), ...this.#leaving].map((pool) => pool.close(timeout)));
  }

  destroy(): void {
    this.#closed = true;
    for (const pool of [...this.#pools.values(), ...this.#leaving]) pool.destroy();
  }
}

/** In a random order, so that many clients do not ask the same node; those that cannot be reached come last. */
export function reachableFirst(pools: Iterable<NodePool>, clock: Clock): NodePool[] {
  const keyed = Array.from(pools, (pool) => ({ pool, key: clock.random() + (pool.isReachable ? 0 : 1) }));
  return keyed.sort((a, b) => a.key - b.key).map(({ pool }) => pool);
}
