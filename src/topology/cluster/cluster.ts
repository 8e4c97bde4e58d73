import type { Clock } from "../../base/clock.ts";
import { events } from "../../base/diagnostics.ts";
import { ClosedError, ConnectError, ConnectionLostError, ServerError } from "../../base/errors.ts";
import type { ResolvedCluster } from "../../base/topology-options.ts";
import { nodeOf } from "../../base/addresses.ts";
import type { ResolvedOptions } from "../../base/options.ts";
import type { Dialler, TcpEndpoint } from "../../base/transport.ts";
import type { Request, RetryPolicy } from "../../commands/request.ts";
import { slotOf, SLOTS } from "../../commands/slot.ts";
import type { Arg } from "../../commands/spec.ts";
import type { LeaseLimits } from "../../pool/lease.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import { Explained, ON_A_LEASE } from "../explained.ts";
import { noNodeWithin, type Missing } from "../missing.ts";
import { NodePools, reachableFirst } from "../node-pools.ts";
import { BUSY, ReadChoice, type ReplicaSet } from "../read-choice.ts";
import { isReadable } from "../readable.ts";
import { Refresher } from "../refresher.ts";
import { hasChangedNothing, isUnreachable, RetryQueue } from "../retry.ts";
import type { ScanSource, Topology } from "../topology.ts";
import { WaitingRoom } from "../waiting-room.ts";
import { lookAtCluster, type LookTarget } from "./look.ts";
import { redirectOf, Redirector, TELLING, type RedirectTarget } from "./redirects.ts";
import { commonSlot, Router, type RouterTarget } from "./router.ts";
import { scanSources, type ScanTarget } from "./scan.ts";
import { locator } from "./slot-map.ts";
import { SlotTable } from "./slot-table.ts";

/**
 * A pool per node, each command to the node of its slot. The map of slots is learnt from the nodes, and kept right by their
 * redirects and by looks at the cluster whenever something is not as the map has it.
 */
export class Cluster implements Topology, RouterTarget, RedirectTarget, LookTarget, ScanTarget {
  readonly clock: Clock;
  readonly spreadsReads: boolean;
  readonly observer: RetryPolicy = new Explained(
    { takeOver: (_request, error) => this.learnFrom(error) && false },
    ON_A_LEASE,
  );
  readonly #options: ResolvedCluster;
  readonly #pools: NodePools;
  readonly #choice: ReadChoice;
  readonly #table: SlotTable;
  readonly #router = new Router(this);
  readonly #refresher: Refresher;
  readonly #held: WaitingRoom;
  readonly #redirected: RetryQueue;
  readonly #listeners = new Set<() => void>();
  /** Primaries without a slot that were asked at another one's word since the latest look. */
  readonly #asked = new Set<NodePool>();
  readonly #stopping = new AbortController();
  #any: NodePool | null = null;
  #lastError: unknown = null;
  /** The nodes that were published at last. */
  #told = "";
  #closed = false;

  constructor(options: ResolvedCluster, dialler: (options: ResolvedOptions) => Dialler, clock: Clock) {
    const { readFrom, zone, maxInFlight } = options.options;
    this.clock = clock;
    this.#options = options;
    this.#refresher = new Refresher(clock, () => this.#look(), options.refreshInterval);
    const { maxTotalConnections } = options;
    this.#pools = new NodePools({ clock, maxTotalConnections, dialler, onTrouble: () => this.suspect() });
    this.#choice = new ReadChoice(clock, readFrom, zone);
    this.spreadsReads = this.#choice.spreads;
    this.#table = new SlotTable((endpoint) => this.#poolAt(endpoint), this.#choice);
    this.#held = new WaitingRoom(clock, options.options, () => this.#missing());
    this.#redirected = new RetryQueue(clock, this, maxInFlight);
  }

  // --- commands ---

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    if (request.isOver) return promise;
    const { onlyKey } = request.spec;
    const key = onlyKey === -1 ? undefined : request.args[onlyKey];
    const shard = key === undefined ? null : this.#table.at(slotOf(key));
    if (shard === null) this.#slowly(request, key);
    else void (this.spreadsReads && isReadable(request) ? shard.reader() : shard.primary).execute(request);
    return promise;
  }

  #slowly(request: Request, key: Arg | undefined): void {
    if (this.#closed)
      request.fail(new ClosedError("not-sent", `${request.spec.name} was not sent: the client is closed`));
    else if (key === undefined) this.#router.route(request);
    else this.hold(request);
  }

  executeOn(endpoint: TcpEndpoint, request: Request): void {
    const pool = this.#poolAt(endpoint);
    this.#meet(pool);
    void pool.execute(request);
  }

  /** A node that was asked at another one's word may have keys already, and no slot in the map. */
  #meet(pool: NodePool): void {
    if (this.#asked.has(pool) || this.#table.shards.some(({ primary }) => primary === pool)) return;
    this.#asked.add(pool);
    this.#changed();
  }

  executeAt(slot: number, request: Request): Promise<unknown> {
    return this.#router.executeAt(slot, request);
  }

  hold(request: Request): void {
    this.#held.add(request);
    this.#refresher.want();
  }

  policy(rules: RetryPolicy | null): RetryPolicy {
    return new Redirector(this, rules, this.#redirected);
  }

  // --- the map ---

  get pools(): ReadonlyMap<string, NodePool> {
    return this.#pools.byNode;
  }

  get shards(): readonly ReplicaSet[] {
    return this.#table.shards;
  }

  get firstSlots(): readonly number[] {
    return this.#table.firstSlots;
  }

  /** Ends the look that goes on. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** How often the cluster was looked at. */
  get looks(): number {
    return this.#refresher.looks;
  }

  shardOf(slot: number): ReplicaSet | null {
    return this.#table.at(slot);
  }

  ownerOf = (slot: number): string | undefined => this.#table.ownerOf(slot);

  any(): NodePool | null {
    if (this.#any === null || !this.#any.isReachable) {
      const primaries = this.#table.shards.map((shard) => shard.primary);
      const reachable = primaries.filter((pool) => pool.isReachable);
      this.#any = this.#oneOf(reachable) ?? this.#oneOf(primaries);
    }
    return this.#any;
  }

  moved(slot: number, endpoint: TcpEndpoint): void {
    if (slot < SLOTS && this.#table.move(slot, endpoint)) this.#changed();
    this.suspect();
  }

  suspect(): void {
    this.#refresher.want();
  }

  learn(error: ServerError): void {
    const pool = this.#pools.byNode.get(error.node ?? "");
    if (pool !== undefined && BUSY.has(error.code)) this.#choice.avoid(pool);
    this.suspect();
  }

  learnFrom(error: unknown): boolean {
    if (!(error instanceof ServerError)) {
      if (!(error instanceof ConnectionLostError)) return isUnreachable(error);
      this.suspect();
      return hasChangedNothing(error);
    }
    const redirect = redirectOf(error, this);
    const tells = redirect !== null || TELLING.has(error.code);
    if (redirect?.kind === "MOVED") this.moved(redirect.slot, redirect.endpoint);
    else if (tells || error.code === "MOVED") this.learn(error);
    return tells;
  }

  refresh(): Promise<void> {
    return this.#refresher.now();
  }

  locate(host: string, port: string, node: string | undefined): TcpEndpoint | null {
    const asked = node === undefined ? undefined : this.#pools.byNode.get(node);
    const endpoint = (asked?.options.endpoint ?? this.#options.seeds[0]) as TcpEndpoint;
    return locator(endpoint, this.translate)(host, port);
  }

  translate = (told: TcpEndpoint): TcpEndpoint => this.#options.translate(told);

  /** Nodes that answer first, in a random order; then the others; then those that were given at the start, whose names may lead elsewhere now. */
  candidates(): readonly NodePool[] {
    // Since a redirect a node may stand there as a primary and as the replica that it was.
    const known = new Set(this.#table.shards.flatMap((shard) => [shard.primary, ...shard.replicas]));
    const order = reachableFirst(known, this.clock);
    if (order.some((pool) => pool.isReachable)) return order;
    const seeds = this.#options.seeds.map((seed) => this.#poolAt(seed));
    return [...new Set([...order, ...seeds])];
  }

  async #look(): Promise<void> {
    try {
      const map = await lookAtCluster(this);
      if (this.#closed) return;
      this.#lastError = null;
      this.#takeOver(this.#table.replace(map));
    } catch (error) {
      this.#lastError = error;
      this.#fail();
    }
    if (this.#held.size > 0) this.suspect();
  }

  /** Lets everything that waits find its way by the new map. */
  #takeOver(nodes: ReadonlySet<string>): void {
    const serving = new Set(this.#table.shards.map((shard) => shard.primary));
    const waiting = this.#held.drain();
    for (const [node, pool] of this.#pools.byNode) {
      if (!nodes.has(node) || !pool.isReachable) waiting.push(...pool.reclaim());
      if (serving.has(pool)) continue;
      pool.refuseWaiters();
      pool.abandonSilent();
    }
    this.#pools.retain(nodes);
    this.#any = null;
    this.#asked.clear();
    this.#choice.measure(() => this.#pools.byNode.values());
    for (const request of waiting) void this.execute(request);
    this.#changed();
    this.#tell([...nodes].sort());
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #tell(nodes: readonly string[]): void {
    const told = nodes.join(" ");
    if (told === this.#told) return;
    this.#told = told;
    if (events.topologyChanged.hasSubscribers) events.topologyChanged.publish({ nodes });
  }

  /** What no waiting can mend reaches the callers at once. */
  #fail(): void {
    const error = this.#fatal;
    if (error === null) return;
    for (const request of this.#held.drain()) request.fail(error.for(request.spec.name));
  }

  /** Why no map can be had however long one waits; null when that is not so. */
  get #fatal(): ConnectError | null {
    const error = this.#lastError;
    return this.#table.shards.length === 0 && error instanceof ConnectError && error.permanent ? error : null;
  }

  #missing(): Missing {
    const { seeds } = this.#options;
    const tried = seeds.map((seed) => this.#pools.byNode.get(nodeOf(seed))?.lastError ?? null);
    const cause = this.#lastError ?? tried.find((each) => each !== null);
    const error = cause instanceof Error ? `: ${cause.message}` : "";
    const isKnown = this.#table.shards.length > 0;
    const what = isKnown
      ? "no node of the cluster serves its slot"
      : `none of the ${seeds.length} given node(s) has told the map of the cluster`;
    return { text: `${what}${error}`, cause };
  }

  // --- leases, scans, subscriptions ---

  async poolFor(keys: readonly Arg[], limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<NodePool> {
    const slot = commonSlot({ spec: { name: "a lease" } } as Request, keys);
    const until = this.clock.now() + limits.timeout;
    for (;;) {
      const pool = slot === null ? this.any() : this.#table.at(slot)?.primary;
      if (pool !== null && pool !== undefined) return pool;
      limits.signal?.throwIfAborted();
      if (this.#closed) throw new ClosedError("not-sent", "the client is closed");
      if (this.#fatal !== null) {
        this.suspect(); // it may be otherwise for the next one
        throw this.#fatal.for();
      }
      if (this.clock.now() >= until) throw noNodeWithin(limits.timeout, this.#missing(), this.#options.options);
      await this.#refresher.soon(until, limits.signal);
    }
  }

  async primaries(limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<readonly NodePool[]> {
    await this.poolFor([], limits);
    return [...new Set([...this.#table.shards.map(({ primary }) => primary), ...this.#asked])];
  }

  slotOf(key: Arg): number {
    return slotOf(key);
  }

  async *scanSources(): AsyncGenerator<ScanSource> {
    const { commandTimeout: timeout } = this.#options.options;
    await this.poolFor([], { timeout, signal: null });
    yield* scanSources(this);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // --- the end ---

  keepLanes(): void {
    this.#pools.keepLanes();
  }

  async close(timeout: number): Promise<void> {
    const begin = this.clock.now();
    this.#stop();
    await this.#redirected.drained(timeout);
    await this.#pools.close(Math.max(0, timeout - (this.clock.now() - begin)));
    this.#redirected.close();
  }

  destroy(): void {
    this.#stop();
    this.#redirected.close();
    this.#pools.destroy();
  }

  #stop(): void {
    this.#closed = true;
    this.#refresher.stop();
    this.#stopping.abort("the client was closed");
    this.#choice.stop();
    this.#held.close("its node");
  }

  #poolAt(endpoint: TcpEndpoint): NodePool {
    return this.#pools.of(this.#options.nodeOptions(endpoint));
  }

  #oneOf<T>(all: readonly T[]): T | null {
    return all[Math.floor(this.clock.random() * all.length)] ?? null;
  }
}
