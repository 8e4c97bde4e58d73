import { backoffDelay } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { ClosedError, ConnectionLostError, OptionsError, type RedisError } from "../base/errors.ts";
import { describe, validateNumber, validateObject } from "../base/validate.ts";
import { knownCommand } from "../commands/table.ts";
import { NOT_BLOCKING, Request } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { PoolLease } from "../pool/lease.ts";
import { encodeCommand } from "../protocol/encoder.ts";
import type { Reply } from "../protocol/reply.ts";
import type { CommandSettings } from "./settings.ts";
import {
  Subscription,
  type Gap,
  type Message,
  type MessageListener,
  type SubscribeOptions,
  type SubscriptionKind,
} from "./subscription.ts";

/** Where a message's parts are, by its kind. */
const MESSAGES: Readonly<Record<string, { kind: SubscriptionKind; name: number; channel: number; payload: number }>> = {
  message: { kind: "subscribe", name: 1, channel: 1, payload: 2 },
  pmessage: { kind: "psubscribe", name: 1, channel: 2, payload: 3 },
  smessage: { kind: "ssubscribe", name: 1, channel: 1, payload: 2 },
};
const UNSUBSCRIBE = { subscribe: "UNSUBSCRIBE", psubscribe: "PUNSUBSCRIBE", ssubscribe: "SUNSUBSCRIBE" } as const;
const KINDS: readonly SubscriptionKind[] = ["subscribe", "psubscribe", "ssubscribe"];
/** Channels in one command, so that a thousand of them do not hold the server. */
const BATCH = 500;

/** A subscription with the way its payloads are given. */
export interface Subscriber {
  readonly subscription: Subscription<string | Buffer>;
  readonly buffers: boolean;
}

type Names = Map<string, Set<Subscriber>>;

/**
 * All subscriptions of one client on one connection of the pool. What is wanted is kept here; a fresh connection is told all of it,
 * so nothing has to be remembered by the user.
 */
export class SubscriberHub {
  readonly #pool: NodePool;
  readonly #clock: Clock;
  readonly #wanted: Record<SubscriptionKind, Names> = {
    subscribe: new Map(),
    psubscribe: new Map(),
    ssubscribe: new Map(),
  };
  readonly #stop = new AbortController();
  #lease: PoolLease | null = null;
  #connecting: Promise<PoolLease> | null = null;
  #restoring = false;

  constructor(pool: NodePool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  get node(): string {
    return this.#pool.options.node;
  }

  /** Adds a subscriber, and returns when the server has confirmed all its channels. */
  async add(subscriber: Subscriber, timeout: number): Promise<void> {
    if (this.#stop.signal.aborted) throw closedError();
    const { kind, channels } = subscriber.subscription;
    for (const name of channels) {
      const set = this.#wanted[kind].get(name);
      if (set === undefined) this.#wanted[kind].set(name, new Set([subscriber]));
      else set.add(subscriber);
    }
    const deadline = this.#clock.now() + timeout;
    try {
      await this.#confirm(kind, channels, deadline, timeout);
    } catch (error) {
      subscriber.subscription.finish();
      await this.remove(subscriber);
      throw error;
    }
  }

  /** Takes a subscriber out; the server is told of channels that nobody else wants. */
  async remove(subscriber: Subscriber): Promise<void> {
    const { kind, channels } = subscriber.subscription;
    const unwanted = channels.filter((name) => {
      const set = this.#wanted[kind].get(name);
      if (set?.delete(subscriber) !== true || set.size > 0) return false;
      this.#wanted[kind].delete(name);
      return true;
    });
    if (KINDS.every((each) => this.#wanted[each].size === 0)) {
      this.#lease?.entry?.live.close("idle");
      this.#lease = null;
    } else if (unwanted.length > 0 && this.#lease !== null) {
      // When it fails, the connection is gone, and the next one is not told of them.
      await this.#send(this.#lease, UNSUBSCRIBE[kind], unwanted, Infinity).catch(() => {});
    }
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#stop.abort(closedError());
    for (const subscriber of this.#all()) subscriber.subscription.finish();
    for (const kind of KINDS) this.#wanted[kind].clear();
    this.#lease?.entry?.live.close("closed");
    this.#lease = null;
  }

  async #confirm(
    kind: SubscriptionKind,
    channels: readonly string[],
    deadline: number,
    timeout: number,
  ): Promise<void> {
    for (;;) {
      try {
        const lease = await this.#connected(deadline);
        await this.#send(lease, kind.toUpperCase(), channels, deadline, timeout);
        return;
      } catch (error) {
        const passing = error instanceof ConnectionLostError && this.#clock.now() < deadline;
        if (!passing || this.#stop.signal.aborted) throw error;
      }
    }
  }

  #connected(deadline: number): Promise<PoolLease> {
    if (this.#lease !== null) return Promise.resolve(this.#lease);
    this.#connecting ??= this.#connect(deadline).finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connect(deadline: number): Promise<PoolLease> {
    const timeout = Math.max(0, deadline - this.#clock.now());
    const lease = await this.#pool.lease({ timeout, signal: this.#stop.signal, role: "subscriber" });
    const { entry } = lease;
    if (entry === null) throw new ConnectionLostError("not-sent", "lost", "the subscriber connection ended at once");
    entry.onLost = (error) => this.#lost(error);
    entry.live.onMessage = (items) => this.#receive(items);
    this.#lease = lease;
    return lease;
  }

  #lost(error: RedisError): void {
    if (this.#lease === null) return;
    this.#lease = null;
    const gap: Gap = { reason: "lost", cause: error, at: Date.now() };
    for (const subscriber of this.#all()) subscriber.subscription.reportGap(gap);
    void this.#restore();
  }

  /** Connects again and tells the server everything, until it works or nobody wants it any more. */
  async #restore(): Promise<void> {
    if (this.#restoring) return;
    this.#restoring = true;
    const { reconnect, connectTimeout, commandTimeout } = this.#pool.options;
    for (let attempt = 0; !this.#stop.signal.aborted && this.#all().size > 0; attempt++) {
      try {
        await this.#tellAll(
          this.#clock.now() + Math.max(connectTimeout, Math.min(commandTimeout, 2 ** 31)),
          commandTimeout,
        );
        if (this.#lease !== null) break;
      } catch {
        // The pool has published why; a right that was revoked may be granted again. The pause keeps it from a hot loop.
      }
      await new Promise<void>((resolve) => this.#clock.schedule(resolve, backoffDelay(reconnect, attempt), true));
    }
    this.#restoring = false;
  }

  async #tellAll(deadline: number, timeout: number): Promise<void> {
    const lease = await this.#connected(deadline);
    for (const kind of KINDS) {
      const names = [...this.#wanted[kind].keys()];
      if (names.length > 0) await this.#send(lease, kind.toUpperCase(), names, deadline, timeout);
    }
  }

  async #send(
    lease: PoolLease,
    command: string,
    names: readonly string[],
    deadline: number,
    timeout = 0,
  ): Promise<void> {
    const sent: Promise<unknown>[] = [];
    for (let start = 0; start < names.length; start += BATCH) {
      const args: Arg[] = names.slice(start, start + BATCH).map((name) => Buffer.from(name, "utf8"));
      const spec = knownCommand(command);
      const payload = encodeCommand(spec.name, spec.head, spec.headLength, args);
      const request = new Request(spec, args, payload, null, "subscribe", NOT_BLOCKING, null, args.length);
      request.deadline = deadline;
      request.timeout = timeout;
      sent.push(lease.execute(request));
    }
    await Promise.all(sent);
  }

  #receive(items: readonly Reply[]): void {
    const place = MESSAGES[String(items[0])];
    if (place === undefined) return;
    const name = String(items[place.name]);
    const channel = String(items[place.channel]);
    const payload = items[place.payload] ?? "";
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload));
    const set = this.#wanted[place.kind].get(name);
    if (set === undefined) return;
    let text: string | null = null;
    for (const { subscription, buffers } of set) {
      const value = buffers ? bytes : (text ??= bytes.toString("utf8"));
      const message: Message<string | Buffer> = {
        channel,
        message: value,
        ...(place.name === place.channel ? {} : { pattern: name }),
      };
      subscription.deliver(message);
    }
  }

  #all(): Set<Subscriber> {
    const all = new Set<Subscriber>();
    for (const kind of KINDS)
      for (const set of this.#wanted[kind].values()) for (const subscriber of set) all.add(subscriber);
    return all;
  }
}

function closedError(): ClosedError {
  return new ClosedError("not-sent", "the client is closed: nothing can be subscribed");
}

/** Checks what a subscription is asked for, and opens it. */
export async function openSubscription(
  hub: SubscriberHub,
  settings: CommandSettings,
  kind: SubscriptionKind,
  names: string | readonly string[],
  listener: MessageListener | undefined,
  options: SubscribeOptions = {},
): Promise<Subscription> {
  const channels = checkSubscription(kind, names, listener, options);
  options.signal?.throwIfAborted();
  const subscription = new Subscription<string | Buffer>(
    kind,
    channels,
    (listener ?? null) as MessageListener<string | Buffer> | null,
    options,
    () => hub.remove(subscriber),
    hub.node,
  );
  const subscriber: Subscriber = { subscription, buffers: settings.buffers };
  await hub.add(subscriber, settings.timeout);
  options.signal?.addEventListener("abort", () => void subscription.close(), { once: true });
  return subscription as unknown as Subscription;
}

function checkSubscription(
  kind: SubscriptionKind,
  names: unknown,
  listener: unknown,
  options: SubscribeOptions,
): string[] {
  const channels = (Array.isArray(names) ? names : [names]) as unknown[];
  if (channels.length === 0) throw new OptionsError(kind, `${kind} needs at least one channel`);
  for (const channel of channels) {
    if (typeof channel !== "string")
      throw new OptionsError(kind, `a channel must be a string, got ${describe(channel)}`);
  }
  if (listener !== undefined && typeof listener !== "function") {
    throw new OptionsError("listener", `the listener must be a function, got ${describe(listener)}`);
  }
  validateObject(kind, options, ["onGap", "maxBuffered", "signal"]);
  if (options.maxBuffered !== undefined) {
    validateNumber("maxBuffered", options.maxBuffered, { kind: "count", min: 1, max: 2 ** 30 });
  }
  return [...new Set(channels as string[])];
}
