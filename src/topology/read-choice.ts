import type { Clock, Timer } from "../base/clock.ts";
import type { ReadFrom } from "../base/options.ts";
import { buildCall } from "../commands/call.ts";
import type { NodePool } from "../pool/node-pool.ts";

/** A round trip that takes at most so much longer than the shortest is as near, ms. */
const AS_NEAR = 1;
/** How often round trips are measured, ms. */
const MEASURE_PERIOD = 10_000;
/** So often a node that cannot serve is tried, and so long it may take to answer, ms. */
const TRY_PERIOD = 1000;
/** What the latest measurement counts for. */
const WEIGHT = 0.3;

/** What a server says that cannot serve at the moment. */
export const BUSY: ReadonlySet<string> = new Set(["LOADING", "MASTERDOWN"]);

/** A primary and its replicas, and who of them reads. */
export class ReplicaSet {
  readonly primary: NodePool;
  readonly replicas: readonly NodePool[];
  readonly #choice: ReadChoice;
  #picked: NodePool | null = null;
  #pickedAt = -1;
  #turn = 0;

  constructor(primary: NodePool, replicas: readonly NodePool[], choice: ReadChoice) {
    this.primary = primary;
    this.replicas = replicas;
    this.#choice = choice;
  }

  /** The pool for a read, the same for one turn of the event loop: to change with every command would end the batching. */
  reader(): NodePool {
    const now = this.#choice.clock.coarseNow();
    if (this.#picked === null || now !== this.#pickedAt) {
      this.#pickedAt = now;
      this.#picked = this.#choice.pick(this.primary, this.replicas, this.#turn++);
    }
    return this.#picked;
  }
}

/** Which node a read goes to, by the option `readFrom`. */
export class ReadChoice {
  readonly clock: Clock;
  readonly readFrom: ReadFrom;
  readonly #zone: string | null;
  /** ms; a node that has never answered counts as far away. */
  readonly #roundTrips = new WeakMap<NodePool, number>();
  /** Nodes that are not asked before they have answered a PING, and when they are sent the next one, ms on the clock. */
  readonly #avoided = new WeakMap<NodePool, number>();
  #timer: Timer | null = null;

  constructor(clock: Clock, readFrom: ReadFrom, zone: string | null) {
    this.clock = clock;
    this.readFrom = readFrom;
    this.#zone = zone;
  }

  /** Whether reads may leave the primary. */
  get spreads(): boolean {
    return this.readFrom !== "primary";
  }

  /** @param turn makes reads go round among those that are as good */
  pick(primary: NodePool, replicas: readonly NodePool[], turn: number): NodePool {
    if (this.readFrom === "primary") return primary;
    const reachable = replicas.filter((pool) => this.#isUsable(pool));
    if (this.readFrom === "nearest") {
      const near = this.#nearest(this.#isUsable(primary) ? [primary, ...reachable] : reachable);
      return near[turn % near.length] ?? primary;
    }
    if (reachable.length > 0) return reachable[turn % reachable.length] as NodePool;
    // `replica` waits for one until the command's deadline; it has no other place.
    return this.readFrom === "replica" && replicas.length > 0
      ? (replicas[turn % replicas.length] as NodePool)
      : primary;
  }

  /** A node cannot serve at the moment: the others are asked until it answers a PING again. */
  avoid(pool: NodePool): void {
    this.#avoided.set(pool, this.clock.now() + TRY_PERIOD);
  }

  /** Measures the round trips of `pools` now and then, where they are needed. */
  measure(pools: () => Iterable<NodePool>): void {
    if (this.readFrom !== "nearest") return;
    for (const pool of pools()) void this.#ping(pool, pool.options.connectTimeout);
    this.#timer?.cancel();
    this.#timer = this.clock.schedule(() => this.measure(pools), MEASURE_PERIOD);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Whether a node can be asked. One that cannot is tried now and then: nothing else would make its pool connect again. */
  #isUsable(pool: NodePool): boolean {
    const due = this.#avoided.get(pool);
    if (due === undefined && pool.isReachable) return true;
    if (due === undefined || this.clock.coarseNow() >= due) {
      this.avoid(pool);
      void this.#ping(pool, TRY_PERIOD).then((answers) => answers && this.#avoided.delete(pool));
    }
    return false;
  }

  /** @returns whether it has answered */
  async #ping(pool: NodePool, timeout: number): Promise<boolean> {
    const request = buildCall("PING", []);
    const begin = this.clock.now();
    request.timeout = timeout;
    request.deadline = begin + timeout;
    try {
      await pool.execute(request);
    } catch {
      this.#roundTrips.delete(pool);
      return false;
    }
    const time = this.clock.now() - begin;
    // The first one may have had to wait for its connection: the next one corrects it.
    const known = this.#roundTrips.get(pool) ?? time;
    this.#roundTrips.set(pool, Math.min(time, known + WEIGHT * (time - known)));
    return true;
  }

  #roundTrip(pool: NodePool): number {
    return this.#roundTrips.get(pool) ?? Infinity;
  }

  /** Those in the own zone, where nodes tell theirs; of these, those whose round trip is as short as the shortest. */
  #nearest(pools: readonly NodePool[]): readonly NodePool[] {
    const here = this.#zone === null ? [] : pools.filter((pool) => pool.zone === this.#zone);
    const candidates = here.length > 0 ? here : pools;
    const shortest = Math.min(...candidates.map((pool) => this.#roundTrip(pool)));
    return candidates.filter((pool) => this.#roundTrip(pool) <= shortest + AS_NEAR);
  }
}
