import type { Clock, Timer } from "../base/clock.ts";
import { CommandTimeoutError, ConnectionLostError, type RedisError } from "../base/errors.ts";
import { subscribeRequest } from "../commands/subscribe.ts";
import type { CloseReason } from "../connection/lost.ts";
import type { PoolLease } from "../pool/lease.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { Reply } from "../protocol/reply.ts";
import type { SubscriptionKind } from "./subscription.ts";

const UNSUBSCRIBE = { subscribe: "UNSUBSCRIBE", psubscribe: "PUNSUBSCRIBE", ssubscribe: "SUNSUBSCRIBE" } as const;
/** Channels in one command, so that a thousand of them do not hold the server. */
const BATCH = 500;

/** Whoever uses a link. */
export interface LinkListener {
  /** The server has sent a message or a confirmation. */
  received(link: SubscriberLink, items: readonly Reply[]): void;
  /** It was open, and has ended by nobody's wish. */
  lost(link: SubscriberLink, error: RedisError): void;
}

/** One connection to one node for messages, from its first use to its end; after that there is another link. */
export class SubscriberLink {
  readonly pool: NodePool;
  readonly #clock: Clock;
  readonly #listener: LinkListener;
  readonly #stop = new AbortController();
  #connecting: Promise<void> | null = null;
  #lease: PoolLease | null = null;
  #state: "new" | "open" | "closed" = "new";

  constructor(pool: NodePool, clock: Clock, listener: LinkListener) {
    this.pool = pool;
    this.#clock = clock;
    this.#listener = listener;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get node(): string {
    return this.pool.options.node;
  }

  /** Returns when it is open. It is opened once for all who wait, each no longer than his own deadline. */
  async connected(deadline: number, timeout: number): Promise<void> {
    if (this.#state === "open") return;
    if (this.#state === "closed") throw this.#gone("idle");
    const left = Math.max(0, Math.ceil(deadline - this.#clock.now()));
    if (this.#connecting === null) {
      this.#connecting = this.#connect(left);
      return this.#connecting;
    }
    let timer: Timer | null = null;
    const late = new Promise<never>((_, reject) => {
      const message = `nothing was subscribed within ${timeout} ms: the connection for subscriptions is still being made`;
      timer = this.#clock.schedule(() => reject(new CommandTimeoutError("not-sent", timeout, message)), left, true);
    });
    try {
      await Promise.race([this.#connecting, late]);
    } finally {
      (timer as Timer | null)?.cancel();
    }
  }

  async #connect(timeout: number): Promise<void> {
    try {
      const limits = { timeout, signal: this.#stop.signal, role: "subscriber" } as const;
      this.#take(await this.pool.lease(limits, (own) => own));
    } catch (error) {
      this.#state = "closed";
      throw error;
    }
  }

  #take(lease: PoolLease): void {
    const { entry } = lease;
    // Closed while it was on its way.
    if (this.#state === "closed") entry?.live.close("idle");
    if (entry === null || !entry.live.isOpen)
      throw new ConnectionLostError("not-sent", "lost", "the subscriber connection ended at once");
    entry.onLost = (error) => {
      if (this.#state !== "open") return;
      this.#state = "closed";
      this.#listener.lost(this, error);
    };
    entry.live.onMessage = (items) => this.#listener.received(this, items);
    this.#lease = lease;
    this.#state = "open";
  }

  /** Ends it. */
  close(reason: CloseReason): void {
    this.#state = "closed";
    this.#stop.abort(this.#gone(reason));
    this.#lease?.entry?.live.close(reason);
  }

  /** Tells the server of channels, and returns when it has confirmed them. */
  subscribe(kind: SubscriptionKind, names: readonly string[], deadline: number, timeout: number): Promise<void> {
    return this.#send(kind.toUpperCase(), names, deadline, timeout);
  }

  /** Tells the server that nobody wants some channels. When it fails, it is because they are not there any more. */
  async unsubscribe(kind: SubscriptionKind, names: readonly string[]): Promise<void> {
    if (this.#state === "open" && names.length > 0)
      await this.#send(UNSUBSCRIBE[kind], names, Infinity, 0).catch(() => {});
  }

  async #send(command: string, names: readonly string[], deadline: number, timeout: number): Promise<void> {
    const lease = this.#lease;
    if (lease === null || this.#state !== "open") throw this.#gone("idle");
    const sent: Promise<unknown>[] = [];
    for (let start = 0; start < names.length; start += BATCH) {
      const channels = names.slice(start, start + BATCH).map((name) => Buffer.from(name, "utf8"));
      const request = subscribeRequest(command, channels);
      request.deadline = deadline;
      request.timeout = timeout;
      sent.push(lease.execute(request));
    }
    await Promise.all(sent);
  }

  #gone(reason: CloseReason): ConnectionLostError {
    const message = `the connection for subscriptions to ${this.node} was given up`;
    return new ConnectionLostError("not-sent", reason, message, { node: this.node });
  }
}
