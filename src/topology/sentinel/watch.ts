import type { Clock } from "../../base/clock.ts";
import { ConnectionLostError } from "../../base/errors.ts";
import { subscribeRequest } from "../../commands/subscribe.ts";
import type { PoolLease } from "../../pool/lease.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import type { Reply } from "../../protocol/reply.ts";

/** Another server is the primary. The first one comes when it is chosen, from the sentinel that has led the failover. */
const SWITCHES: ReadonlySet<string> = new Set(["+promoted-slave", "+switch-master"]);
/** Something is different with a replica, or with the primary. */
const CHANGES = ["+slave", "+sdown", "-sdown", "+convert-to-slave"];

/** Who is told of a sentinel's news. */
export interface WatchListener {
  /** Another primary. */
  switched(): void;
  /** Something else, or it is not known what was missed. */
  changed(): void;
}

/** Hears one sentinel's news of one primary; which sentinel, is told with `follow`. */
export class SentinelWatch {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #listener: WatchListener;
  readonly #stop = new AbortController();
  /** The sentinel that is heard, with the connection for it. */
  #heard: { readonly pool: NodePool; readonly lease: PoolLease } | null = null;
  #starting = false;

  constructor(clock: Clock, name: string, listener: WatchListener) {
    this.#clock = clock;
    this.#name = name;
    this.#listener = listener;
  }

  /** Hears one of these sentinels, the first one best, unless one that can be reached is heard already. */
  follow(pools: readonly NodePool[]): void {
    const [pool] = pools;
    if (this.#starting || pool === undefined || this.#stop.signal.aborted) return;
    if (this.#heard?.pool.isReachable === true) return;
    this.#leave();
    this.#starting = true;
    void this.#begin(pool).finally(() => {
      this.#starting = false;
    });
  }

  stop(): void {
    this.#stop.abort("the client was closed");
    this.#leave();
  }

  #leave(): void {
    const heard = this.#heard;
    this.#heard = null;
    heard?.lease.entry?.live.close("idle");
  }

  async #begin(pool: NodePool): Promise<void> {
    const { connectTimeout: timeout } = pool.options;
    try {
      const lease = await pool.lease({ timeout, signal: this.#stop.signal, role: "subscriber" }, (own) => own);
      const { entry } = lease;
      if (entry === null || !entry.live.isOpen || this.#stop.signal.aborted)
        throw new ConnectionLostError("not-sent", "lost", "the connection for news ended at once");
      this.#heard = { pool, lease };
      entry.onLost = () => this.#lost(lease);
      entry.live.onMessage = (items) => this.#hear(items);
      const request = subscribeRequest("SUBSCRIBE", [...SWITCHES, ...CHANGES]);
      request.timeout = timeout;
      request.deadline = this.#clock.now() + timeout;
      await lease.execute(request);
    } catch {
      // Another one, or this one again, after the next look.
      this.#leave();
    }
    // What has changed between the look and now nobody has told.
    if (!this.#stop.signal.aborted) this.#listener.changed();
  }

  #lost(lease: PoolLease): void {
    if (lease !== this.#heard?.lease) return;
    this.#heard = null;
    this.#listener.changed();
  }

  /** `+switch-master` has the name and both addresses; the others name an instance, and its primary unless it is one. */
  #hear(items: readonly Reply[]): void {
    const [kind, channel, text] = items.map(String);
    if (kind !== "message" || text === undefined || !text.split(" ").includes(this.#name)) return;
    if (SWITCHES.has(channel ?? "")) this.#listener.switched();
    else this.#listener.changed();
  }
}
