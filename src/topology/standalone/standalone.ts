import type { Clock } from "../../base/clock.ts";
import type { ResolvedOptions } from "../../base/options.ts";
import type { Dialler } from "../../base/transport.ts";
import type { Request, RetryPolicy } from "../../commands/request.ts";
import { openConnection } from "../../connection/open.ts";
import { NodePool } from "../../pool/node-pool.ts";
import { Explained, ON_ONE_SERVER } from "../explained.ts";
import { everything, type ScanSource, type Topology } from "../topology.ts";

/** One server: everything goes to its one pool. */
export class Standalone implements Topology {
  readonly observer: RetryPolicy = new Explained(null, ON_ONE_SERVER);
  readonly spreadsReads = false;
  readonly pool: NodePool;
  readonly pools: ReadonlyMap<string, NodePool>;

  constructor(options: ResolvedOptions, dialler: Dialler, clock: Clock) {
    this.pool = new NodePool({ options, open: (signal) => openConnection(options, dialler, clock, signal), clock });
    this.pools = new Map([[options.node, this.pool]]);
  }

  execute(request: Request): Promise<unknown> {
    return this.pool.execute(request);
  }

  async poolFor(): Promise<NodePool> {
    return this.pool;
  }

  async primaries(): Promise<readonly NodePool[]> {
    return [this.pool];
  }

  slotOf(): null {
    return null;
  }

  policy(rules: RetryPolicy | null): RetryPolicy | null {
    return rules === null ? null : new Explained(rules, ON_ONE_SERVER);
  }

  learnFrom(): boolean {
    return false; // there is no other node
  }

  suspect(): void {} // there is nothing to look for

  async *scanSources(): AsyncGenerator<ScanSource> {
    yield everything(this.pool);
  }

  onChange(): () => void {
    return () => {}; // it never changes
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
