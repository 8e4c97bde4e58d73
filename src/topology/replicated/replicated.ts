import type { Clock } from "../../base/clock.ts";
import { events } from "../../base/diagnostics.ts";
import { ClosedError, ConnectError, ConnectionLostError, ServerError, type RedisError } from "../../base/errors.ts";
import type { ResolvedOptions } from "../../base/options.ts";
import type { Dialler } from "../../base/transport.ts";
import { buildCall } from "../../commands/call.ts";
import type { Request, RetryPolicy } from "../../commands/request.ts";
import type { Arg } from "../../commands/spec.ts";
import type { LeaseLimits } from "../../pool/lease.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import { Explained, ON_ONE_SERVER } from "../explained.ts";
import type { Discovery, Members } from "../discovery.ts";
import { noNodeWithin, type Missing } from "../missing.ts";
import { NodePools } from "../node-pools.ts";
import { BUSY, ReadChoice, ReplicaSet } from "../read-choice.ts";
import { isReadable } from "../readable.ts";
import { hasChangedNothing, isUnreachable, RetryQueue } from "../retry.ts";
import { everything, type ScanSource, type Topology } from "../topology.ts";
import { WaitingRoom } from "../waiting-room.ts";
import { isDemotion, ReplicaRules, type RulesTarget } from "./rules.ts";

/** What a primary with its replicas is made of. */
export interface ReplicatedParts {
  /** What holds for all of them. */
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly dialler: (options: ResolvedOptions) => Dialler;
  /** Makes what finds the members; null where they are given, and never change. */
  readonly discover: ((members: Members) => Discovery) | null;
}

/** So often a scan begins again because the primary has changed in the middle of it. */
const SCANS = 5;

/** One primary and its replicas: writes go to the primary, reads where `readFrom` says. */
export class Replicated implements Topology, Members, RulesTarget {
  readonly clock: Clock;
  readonly observer: RetryPolicy;
  readonly #options: ResolvedOptions;
  readonly #pools: NodePools;
  readonly #choice: ReadChoice;
  readonly #held: WaitingRoom;
  readonly #sentOn: RetryQueue;
  readonly #discovery: Discovery | null;
  readonly #listeners = new Set<() => void>();
  readonly spreadsReads: boolean;
  #set: ReplicaSet | null = null;
  /** The primary that has said that it is a replica now: it gets nothing more. */
  #doubted: NodePool | null = null;
  #relieving = false;
  #closed = false;

  constructor({ options, clock, dialler, discover }: ReplicatedParts) {
    const { maxInFlight, readFrom, zone } = options;
    this.clock = clock;
    this.#options = options;
    this.#pools = new NodePools({
      clock,
      // Each pool has its own limit, and there are only a few.
      maxTotalConnections: Infinity,
      dialler,
      onTrouble: () => this.#troubled(),
      onReplica: (node) => this.doubt(node),
    });
    this.#choice = new ReadChoice(clock, readFrom, zone);
    this.spreadsReads = this.#choice.spreads;
    this.#held = new WaitingRoom(clock, options, () => this.#missing());
    this.#sentOn = new RetryQueue(clock, this, maxInFlight);
    this.#discovery = discover === null ? null : discover(this);
    const observer: RetryPolicy = { takeOver: (_request, error) => this.learnFrom(error) && false };
    this.observer = this.discovers ? observer : new Explained(observer, ON_ONE_SERVER);
  }

  // --- commands ---

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    if (request.isOver) return promise;
    const set = this.#set;
    const pool = set === null ? null : this.spreadsReads && isReadable(request) ? this.#reader(set) : set.primary;
    if (pool === null || pool === this.#doubted) this.#hold(request);
    else void pool.execute(request);
    return promise;
  }

  #reader(set: ReplicaSet): NodePool | null {
    return this.#choice.readFrom === "replica" && set.replicas.length === 0 ? null : set.reader();
  }

  #hold(request: Request): void {
    if (this.#closed) {
      const command = request.spec.name;
      request.fail(new ClosedError("not-sent", `${command} was not sent: the client is closed`, { command }));
      return;
    }
    this.#held.add(request);
    this.suspect();
  }

  policy(rules: RetryPolicy | null): RetryPolicy | null {
    if (this.discovers) return new ReplicaRules(this, rules, this.#sentOn);
    return rules === null ? null : new ReplicaRules(this, new Explained(rules, ON_ONE_SERVER), this.#sentOn);
  }

  // --- what is known of the servers ---

  get pools(): ReadonlyMap<string, NodePool> {
    return this.#pools.byNode;
  }

  get discovers(): boolean {
    return this.#discovery !== null;
  }

  get primary(): string | null {
    return this.#set?.primary.options.node ?? null;
  }

  get isWaiting(): boolean {
    return this.#held.size > 0;
  }

  suspect(): void {
    this.#discovery?.suspect();
  }

  learn(error: ServerError): void {
    if (error.node !== undefined && isDemotion(error)) this.doubt(error.node);
    // A primary without replicas may be one that another has replaced.
    if (error.code === "NOREPLICAS") this.suspect();
    if (!BUSY.has(error.code)) return;
    const pool = this.#pools.byNode.get(error.node ?? "");
    if (pool !== undefined && pool !== this.#set?.primary) this.#choice.avoid(pool);
    this.suspect();
  }

  learnFrom(error: unknown): boolean {
    if (!this.discovers || this.#closed) return false;
    if (error instanceof ServerError) {
      this.learn(error);
      return isDemotion(error) || BUSY.has(error.code) || error.code === "NOREPLICAS";
    }
    if (!(error instanceof ConnectionLostError)) return isUnreachable(error);
    this.suspect();
    return hasChangedNothing(error);
  }

  doubt(node: string): void {
    const primary = this.#set?.primary;
    if (!this.discovers || primary === undefined || primary.options.node !== node || primary === this.#doubted) return;
    this.#doubted = primary;
    const waiting = primary.reclaim();
    primary.refuseWaiters();
    for (const request of waiting) void this.execute(request);
    this.suspect();
  }

  async roleOf(options: ResolvedOptions, timeout: number, signal: AbortSignal): Promise<string> {
    const pool = this.#pools.of(options);
    if (pool === this.#set?.primary && !pool.isReachable) {
      const { node } = options;
      throw new ConnectError("ERR_CONNECT", `the primary ${node} cannot be reached`, false, { node });
    }
    const request = buildCall("ROLE", []);
    request.timeout = timeout;
    request.deadline = this.clock.now() + timeout;
    request.signal = signal;
    const reply = await pool.execute(request);
    return Array.isArray(reply) ? String(reply[0]) : "";
  }

  setMembers(primary: ResolvedOptions, replicas: readonly ResolvedOptions[]): void {
    if (this.#closed) return;
    this.#doubted = null;
    const waiting = this.#isKnown(primary, replicas) ? [] : this.#replace(primary, replicas);
    waiting.push(...this.#held.drain());
    this.#pools.abandonLeaving();
    for (const request of waiting) void this.execute(request);
  }

  fail(error: ConnectError): void {
    if (this.#set !== null) return;
    for (const request of this.#held.drain()) request.fail(error.for(request.spec.name));
  }

  #isKnown(primary: ResolvedOptions, replicas: readonly ResolvedOptions[]): boolean {
    const set = this.#set;
    return (
      set !== null &&
      set.primary.options.node === primary.node &&
      set.replicas.length === replicas.length &&
      set.replicas.every((pool, index) => pool.options.node === replicas[index]?.node)
    );
  }

  /** @returns what has waited for those that have left */
  #replace(primary: ResolvedOptions, replicas: readonly ResolvedOptions[]): Request[] {
    const before = this.primary;
    const nodes = [primary.node, ...replicas.map(({ node }) => node)];
    // A primary that was demoted leaves, too, even if it comes back as a replica: what it was asked as a primary ends.
    const staying = new Set(nodes.filter((node) => node !== before || node === primary.node));
    const waiting: Request[] = [];
    for (const [node, pool] of this.#pools.byNode) {
      if (staying.has(node)) continue;
      waiting.push(...pool.reclaim());
      pool.abandonSilent();
    }
    this.#pools.retain(staying);
    this.#set = new ReplicaSet(
      this.#pools.of(primary),
      replicas.map((options) => this.#pools.of(options)),
      this.#choice,
    );
    this.#choice.measure(() => this.#pools.byNode.values());
    for (const listener of this.#listeners) listener();
    if (events.topologyChanged.hasSubscribers) events.topologyChanged.publish({ nodes });
    return waiting;
  }

  #troubled(): void {
    this.suspect();
    if (!this.spreadsReads || this.#relieving) return;
    this.#relieving = true;
    // Later: a pool that is in trouble is in the middle of something.
    this.clock.defer(() => this.#relieve());
  }

  /** What waits for a replica that is out of reach, or hangs on it, is read elsewhere. */
  #relieve(): void {
    this.#relieving = false;
    const set = this.#set;
    if (set === null || this.#closed) return;
    for (const pool of set.replicas) {
      if (pool.isReachable || this.#choice.pick(set.primary, set.replicas, 0) === pool) continue;
      this.#choice.avoid(pool);
      const waiting = pool.reclaim();
      pool.abandonSilent();
      for (const request of waiting) void this.execute(request);
    }
  }

  #missing(): Missing {
    const set = this.#set;
    if (set !== null && set.primary !== this.#doubted)
      return {
        text: `no replica of ${set.primary.options.node} is known, and readFrom is "replica"`,
        cause: undefined,
      };
    return this.#discovery?.missing ?? { text: "no primary is known", cause: undefined };
  }

  // --- leases, scans, subscriptions ---

  async poolFor(_keys: readonly Arg[], limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<NodePool> {
    const until = this.clock.now() + limits.timeout;
    for (;;) {
      const primary = this.#set?.primary;
      if (primary !== undefined && primary !== this.#doubted) return primary;
      limits.signal?.throwIfAborted();
      const error = this.#whyNot(this.clock.now() >= until, limits.timeout);
      if (error !== null) throw error;
      await this.#discovery?.soon(until, limits.signal);
    }
  }

  #whyNot(late: boolean, timeout: number): RedisError | null {
    if (this.#closed) return new ClosedError("not-sent", "the client is closed");
    const fatal = this.#set === null ? this.#discovery?.fatal : undefined;
    if (fatal !== undefined && fatal !== null) {
      this.suspect(); // it may be otherwise for the next one
      return fatal.for();
    }
    return late ? noNodeWithin(timeout, this.#missing(), this.#options) : null;
  }

  async primaries(limits: Pick<LeaseLimits, "timeout" | "signal">): Promise<readonly NodePool[]> {
    return [await this.poolFor([], limits)];
  }

  slotOf(): null {
    return null;
  }

  /** From the start again where the primary has changed: the cursors of another server lead elsewhere. */
  async *scanSources(): AsyncGenerator<ScanSource> {
    const limits = { timeout: this.#options.commandTimeout, signal: null };
    for (let scan = 1; scan <= SCANS; scan++) {
      const primary = await this.poolFor([], limits);
      yield everything(this);
      if (this.#set?.primary === primary) return;
    }
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
    await this.#sentOn.drained(timeout);
    await this.#pools.close(Math.max(0, timeout - (this.clock.now() - begin)));
    this.#sentOn.close();
  }

  destroy(): void {
    this.#stop();
    this.#sentOn.close();
    this.#pools.destroy();
  }

  #stop(): void {
    this.#closed = true;
    this.#discovery?.stop();
    this.#choice.stop();
    this.#held.close("a primary");
  }
}
