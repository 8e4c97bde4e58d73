import type { Arg } from "../commands/spec.ts";
import type { Executor } from "../commands/request.ts";
import type { NodePool } from "../pool/node-pool.ts";

/**
 * The servers behind one client: it routes each request to a node's pool, and sends it again where that is right. It knows no
 * command methods.
 */
export interface Topology extends Executor {
  /** The pools by their node's name. */
  readonly pools: ReadonlyMap<string, NodePool>;
  /** The pool that serves a key (null: any node), for leases and subscriptions. */
  poolFor(key: Arg | null): NodePool;
  /** Tells the pools that shared commands will come, so that leases leave them a connection. */
  keepLanes(): void;
  close(timeout: number): Promise<void>;
  destroy(): void;
}
