import type { Clock } from "../../base/clock.ts";
import type { ResolvedOptions } from "../../base/options.ts";
import type { Dialler } from "../../base/transport.ts";
import type { Request } from "../../commands/request.ts";
import { openConnection } from "../../connection/open.ts";
import { NodePool } from "../../pool/node-pool.ts";
import type { Topology } from "../topology.ts";

/** One server: everything goes to its one pool. */
export class Standalone implements Topology {
  readonly pool: NodePool;
  readonly pools: ReadonlyMap<string, NodePool>;

  constructor(options: ResolvedOptions, dialler: Dialler, clock: Clock) {
    this.pool = new NodePool({ options, clock, open: (signal) => openConnection(options, dialler, clock, signal) });
    this.pools = new Map([[options.node, this.pool]]);
  }

  execute(request: Request): Promise<unknown> {
    return this.pool.execute(request);
  }

  poolFor(): NodePool {
    return this.pool;
  }

  keepLanes(): void {
    this.pool.keepLane();
  }

  close(timeout: number): Promise<void> {
    return this.pool.close(timeout);
  }

  destroy(): void {
    this.pool.destroy();
  }
}
