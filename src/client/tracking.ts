import type { Clock, Timer } from "../base/clock.ts";
import { ConnectError, OptionsError, type RedisError } from "../base/errors.ts";
import { describe, validateObject } from "../base/validate.ts";
import { buildCall } from "../commands/call.ts";
import type { Request } from "../commands/request.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Core } from "./core.ts";
import { Pauses } from "./pauses.ts";
import { PushLink, type LinkListener } from "./push-link.ts";

/** Which keys are tracked, and who is told. */
export interface TrackingOptions {
  /**
   * `broadcast`: every change of a key that begins with one of the prefixes is told, whether anybody has read it or not. `reads`: the next
   * change of each key that was read by `get` of the tracking is told; the server remembers these keys. Default `broadcast`.
   */
  readonly mode?: "broadcast" | "reads" | undefined;
  /** Only keys that begin with one of these, of which none begins with another; default all keys. Not with `reads`. */
  readonly prefixes?: readonly string[] | undefined;
  /** Called with the keys that have changed; null when any may have: a connection was lost, or the server has forgotten what it knew. */
  readonly onInvalidate: (keys: readonly string[] | null) => void;
}

/** So often each connection is asked whether it lives, and so long it may take to answer, ms. */
const CHECK_PERIOD = 1000;

/** A connection to one primary that tells which keys have changed. */
class TrackingLink extends PushLink {
  /** Whether the server has agreed to tell. */
  isTracking = false;

  constructor(pool: NodePool, clock: Clock, listener: LinkListener<TrackingLink>) {
    super(pool, clock, listener, "key tracking");
  }
}

/**
 * Tells which keys have changed on the servers, so that copies of them can be kept: client tracking of RESP3, on a connection to each
 * primary. A lost connection is made anew; until then `isLive` is false, and no copy may be kept.
 *
 * @see docs/cache.md
 */
export class KeyTracking implements AsyncDisposable {
  readonly #core: Core;
  /** Of CLIENT TRACKING. */
  readonly #options: readonly string[];
  readonly #onInvalidate: (keys: readonly string[] | null) => void;
  /** All of the client, which ends them with itself. */
  readonly #all: Set<KeyTracking>;
  readonly #links = new Map<NodePool, TrackingLink>();
  readonly #pauses: Pauses;
  readonly #ignoreChanges: () => void;
  readonly #stop = new AbortController();
  #check: Timer | null = null;
  #isLive = false;
  /** Whether somebody makes the connections anew. */
  #isWorking = false;
  /** The topology has changed, or a connection was lost, since the work has begun. */
  #isOutdated = false;
  /** Why it is not live; null where that is not known. */
  #error: unknown = null;

  private constructor(core: Core, options: TrackingOptions, all: Set<KeyTracking>) {
    const { clock, topology } = core;
    this.#core = core;
    this.#options = trackingArguments(options);
    this.#onInvalidate = options.onInvalidate;
    this.#all = all;
    all.add(this);
    this.#pauses = new Pauses(clock, core.options.reconnect);
    this.#ignoreChanges = topology.onChange(() => this.#changed());
    this.#scheduleCheck();
  }

  /** @internal Returns when it is live; rejects with the reason why it cannot be. */
  static async of(core: Core, options: TrackingOptions, all: Set<KeyTracking>): Promise<KeyTracking> {
    const tracking = new KeyTracking(core, options, all);
    tracking.#isWorking = true;
    try {
      await tracking.#connectAll();
    } catch (error) {
      await tracking.close();
      throw error;
    }
    tracking.#isWorking = false;
    if (!tracking.#isLive) void tracking.#restore(); // it fell just now
    return tracking;
  }

  /** Whether every change is told: only then a copy may be kept. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Why it is not live; null while it is, and where that is not known. */
  get error(): unknown {
    return this.#isLive ? null : this.#error;
  }

  /**
   * Reads a key by the connection that tells of its changes, in the mode `reads`.
   *
   * @param timeout ms
   * @throws RedisError when it cannot be read
   */
  async get(key: string, timeout: number): Promise<Buffer | null> {
    const { clock, topology } = this.#core;
    const deadline = clock.now() + timeout;
    const pool = await topology.poolFor([key], { timeout, signal: this.#stop.signal });
    const link = this.#links.get(pool);
    if (link === undefined || !link.isTracking)
      throw new ConnectError(
        "ERR_CONNECT",
        `the connection for key tracking to ${pool.options.node} is not there`,
        false,
      );
    const request = this.#request("GET", [key], deadline, timeout);
    request.buffers = true;
    try {
      return (await link.execute(request)) as Buffer | null;
    } catch (error) {
      topology.learnFrom(error); // the key may be elsewhere by now
      throw error;
    }
  }

  /** Ends it; nothing is told any more. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new ConnectError("ERR_CONNECT", "the key tracking was closed", true));
    this.#isLive = false;
    this.#check?.cancel();
    this.#ignoreChanges();
    for (const link of this.#links.values()) link.close("closed");
    this.#links.clear();
    this.#pauses.close();
    this.#all.delete(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- from the servers ---

  #received(items: readonly Reply[]): void {
    if (String(items[0]) !== "invalidate") return;
    const keys = items[1];
    this.#tell(Array.isArray(keys) ? keys.map(String) : null);
  }

  #lost(link: TrackingLink, error: RedisError): void {
    if (this.#links.get(link.pool) !== link) return; // given up before
    this.#links.delete(link.pool);
    this.#fell(error);
  }

  #changed(): void {
    const known = [...this.#links.keys()];
    void this.#core.topology
      .primaries({ timeout: 0, signal: this.#stop.signal })
      .then((now) => {
        if (now.length !== known.length || now.some((pool) => !known.includes(pool))) this.#fell(null);
      })
      .catch((error: unknown) => this.#fell(error));
  }

  // --- the connections ---

  /** It is not live any more: copies are void, and the connections are made anew. */
  #fell(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#error = error;
    this.#isOutdated = true;
    if (this.#isLive) {
      this.#isLive = false;
      this.#tell(null);
    }
    if (!this.#isWorking) void this.#restore();
  }

  async #restore(): Promise<void> {
    this.#isWorking = true;
    for (let attempt = 1; !this.#stop.signal.aborted && !this.#isLive; attempt++) {
      try {
        await this.#connectAll();
      } catch (error) {
        this.#error = error;
        this.#core.topology.learnFrom(error);
        await this.#pauses.after(attempt);
      }
    }
    this.#isWorking = false;
  }

  /** Has a connection to each primary, and to no other node. */
  async #connectAll(): Promise<void> {
    const { topology, options, clock } = this.#core;
    do {
      this.#isOutdated = false;
      const timeout = Math.min(options.commandTimeout, options.connectTimeout);
      const deadline = clock.now() + timeout;
      const pools = new Set(await topology.primaries({ timeout, signal: this.#stop.signal }));
      for (const [pool, link] of this.#links) if (!pools.has(pool)) this.#drop(link);
      const attempts = await Promise.allSettled([...pools].map((pool) => this.#connect(pool, deadline, timeout)));
      // Only when all have ended: what still goes on would meet the next attempt.
      for (const attempt of attempts) if (attempt.status === "rejected") throw attempt.reason;
    } while (this.#isOutdated);
    if (this.#stop.signal.aborted) return;
    this.#isLive = true;
    // What has changed before, nobody has told.
    this.#tell(null);
  }

  async #connect(pool: NodePool, deadline: number, timeout: number): Promise<void> {
    if (this.#links.get(pool)?.isTracking === true) return;
    if (this.#stop.signal.aborted) return;
    const link = new TrackingLink(pool, this.#core.clock, {
      received: (_link, items) => this.#received(items),
      lost: (lost, error) => this.#lost(lost, error),
    });
    this.#links.set(pool, link);
    try {
      await link.connected(deadline, timeout);
      if (link.info?.protocol !== 3)
        throw new OptionsError(
          "protocol",
          `key tracking needs RESP3, and ${link.node} speaks RESP2: Redis has it from 6.0 on`,
        );
      await link.execute(this.#request("CLIENT TRACKING", this.#options, deadline, timeout));
      link.isTracking = true;
    } catch (error) {
      this.#drop(link);
      throw error;
    }
  }

  #drop(link: TrackingLink): void {
    if (this.#links.get(link.pool) === link) this.#links.delete(link.pool);
    link.close("idle");
  }

  /** A connection that is silent tells of no change, and nobody would know. */
  #scheduleCheck(): void {
    this.#check = this.#core.clock.schedule(() => {
      for (const link of this.#links.values()) if (link.isTracking) void this.#checkOne(link);
      this.#scheduleCheck();
    }, CHECK_PERIOD);
  }

  async #checkOne(link: TrackingLink): Promise<void> {
    const { clock } = this.#core;
    try {
      await link.execute(this.#request("PING", [], clock.now() + CHECK_PERIOD, CHECK_PERIOD));
    } catch (error) {
      if (this.#links.get(link.pool) !== link) return;
      this.#drop(link);
      this.#fell(error);
    }
  }

  #request(name: string, args: readonly string[], deadline: number, timeout: number): Request {
    const request = buildCall(name, args);
    request.deadline = deadline;
    request.timeout = timeout;
    return request;
  }

  #tell(keys: readonly string[] | null): void {
    try {
      this.#onInvalidate(keys);
    } catch (error) {
      // The user's function: what it throws is his, and must not reach the connection.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function trackingArguments(options: TrackingOptions): string[] {
  validateObject("trackKeys", options, ["mode", "prefixes", "onInvalidate"]);
  const { mode = "broadcast", prefixes = [], onInvalidate } = options;
  if (mode !== "broadcast" && mode !== "reads")
    throw new OptionsError("mode", `mode must be "broadcast" or "reads", got ${describe(mode)}`);
  if (typeof onInvalidate !== "function")
    throw new OptionsError("onInvalidate", `onInvalidate must be a function, got ${describe(onInvalidate)}`);
  if (!Array.isArray(prefixes) || prefixes.some((prefix) => typeof prefix !== "string"))
    throw new OptionsError("prefixes", `prefixes must be an array of strings, got ${describe(prefixes)}`);
  if (mode === "reads" && prefixes.length > 0)
    throw new OptionsError(
      "prefixes",
      `prefixes are for the mode "broadcast": with "reads" the keys that are read are told`,
    );
  const words = prefixes.flatMap((prefix) => ["PREFIX", prefix]);
  return ["ON", ...(mode === "broadcast" ? ["BCAST"] : []), ...words];
}
