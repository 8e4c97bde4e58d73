import type { Executor, RetryPolicy } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { LeaseLimits } from "../pool/lease.ts";
import type { NodePool } from "../pool/node-pool.ts";

/** What is scanned for its keys: a node, or a part of what it holds. */
export interface ScanSource extends Executor {
  /** Whether a key that it gives is to be told. */
  wants(key: string | Buffer): boolean;
}

/**
 * The servers behind one client: it routes each request to a node's pool, and sends it again where that is right. It knows no
 * command methods.
 */
export interface Topology extends Executor {
  /** The pools by their node's name. */
  readonly pools: ReadonlyMap<string, NodePool>;
  /** Whether reads may leave the primary. */
  readonly spreadsReads: boolean;
  /**
   * The pool that serves some keys (none: any node), for leases and subscriptions. It waits within the limits while no node is known.
   *
   * @throws OptionsError for keys that are not on one node
   */
  poolFor(keys: readonly Arg[], limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<NodePool>;
  /** The pools of all primaries. It waits within the limits while none is known. */
  primaries(limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<readonly NodePool[]>;
  /** The hash slot of a key, which is all on one node; null where there are none, for every node has all keys. */
  slotOf(key: Arg): number | null;
  /** What decides on the repeats of a view's commands: the view's own rules, and what the topology adds. */
  policy(rules: RetryPolicy | null): RetryPolicy | null;
  /** Learns from the errors of a lease, whose commands are never sent again, and says what they mean here. */
  readonly observer: RetryPolicy;
  /**
   * Learns what an error tells of the nodes: that a key is elsewhere, or that one cannot be reached.
   *
   * @returns whether the same may succeed if it is tried again by the new map; what failed has not been applied
   */
  learnFrom(error: unknown): boolean;
  /** Something is not as it was: looks at the nodes soon. */
  suspect(): void;
  /** What is to be scanned for all keys, one source behind the other. */
  scanSources(): AsyncIterable<ScanSource>;
  /** Calls `listener` whenever the nodes, or what they serve, have changed. @returns what ends that */
  onChange(listener: () => void): () => void;
  /** Tells the pools that shared commands will come, so that leases leave them a connection. */
  keepLanes(): void;
  close(timeout: number): Promise<void>;
  destroy(): void;
}

/** All keys of one executor. */
export function everything(executor: Executor): ScanSource {
  return { execute: (request) => executor.execute(request), wants: () => true };
}
