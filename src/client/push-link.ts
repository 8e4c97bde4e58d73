import type { Clock, Timer } from "../base/clock.ts";
import { CommandTimeoutError, ConnectionLostError, type RedisError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";
import type { CloseReason } from "../connection/lost.ts";
import type { ServerInfo } from "../connection/server-info.ts";
import type { PoolLease } from "../pool/lease.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { Reply } from "../protocol/reply.ts";

/** Whoever uses a link of the kind `L`. */
export interface LinkListener<L> {
  /** The server has sent something by itself, or a confirmation. */
  received(link: L, items: readonly Reply[]): void;
  /** It was open, and has ended by nobody's wish. */
  lost(link: L, error: RedisError): void;
}

/**
 * One connection to one node for what servers send by themselves, from its first use to its end; after that there is another link.
 */
export abstract class PushLink {
  readonly pool: NodePool;
  readonly #clock: Clock;
  readonly #listener: LinkListener<PushLink>;
  /** What it is for, for the texts of errors. */
  readonly #purpose: string;
  readonly #stop = new AbortController();
  #connecting: Promise<void> | null = null;
  #lease: PoolLease | null = null;
  #state: "new" | "open" | "closed" = "new";

  constructor(pool: NodePool, clock: Clock, listener: LinkListener<never>, purpose: string) {
    this.pool = pool;
    this.#clock = clock;
    this.#listener = listener;
    this.#purpose = purpose;
  }

  get isOpen(): boolean {
    return this.#state === "open";
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
      const message = `nothing was sent within ${timeout} ms: the connection for ${this.#purpose} is still being made`;
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
    if (this.#state === "closed") {
      entry?.live.close("idle"); // it was given up while it was on its way
      throw this.#gone("idle");
    }
    if (entry === null || !entry.live.isOpen)
      throw new ConnectionLostError("not-sent", "lost", `the connection for ${this.#purpose} ended at once`);
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

  /** Runs a command on it. @throws ConnectionLostError when it is not open */
  async execute(request: Request): Promise<unknown> {
    const lease = this.#lease;
    if (lease === null || this.#state !== "open") throw this.#gone("idle");
    return lease.execute(request);
  }

  /** What the server is. */
  get info(): ServerInfo | null {
    return this.#lease?.entry?.live.info ?? null;
  }

  #gone(reason: CloseReason): ConnectionLostError {
    const message = `the connection for ${this.#purpose} to ${this.node} was given up`;
    return new ConnectionLostError("not-sent", reason, message, { node: this.node });
  }
}
