import { ignoreAbort, onAbort, type AbortListener } from "../base/abort.ts";
import { backoffDelay } from "../base/backoff.ts";
import { MAX_DURATION, sleep, type Clock, type Timer } from "../base/clock.ts";
import type { ResolvedOptions } from "../base/options.ts";
import {
  ClosedError,
  CommandTimeoutError,
  ConnectionLostError,
  OptionsError,
  PoolTimeoutError,
  ServerError,
  type RedisError,
} from "../base/errors.ts";
import { describe, validateNumber, validateObject } from "../base/validate.ts";
import { knownCommand } from "../commands/table.ts";
import { NOT_BLOCKING, Request, RequestDetails } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { PoolLease } from "../pool/lease.ts";
import { encodeCommand } from "../protocol/encoder.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Topology } from "../topology/topology.ts";
import type { Core } from "./core.ts";
import type { CommandSettings } from "./settings.ts";
import {
  Subscription,
  type Gap,
  type Message,
  type MessageListener,
  type SubscribeOptions,
  type SubscriptionKind,
} from "./subscription.ts";

/** Where a message's parts are, by its kind. A map, for the kind is the server's word: `constructor` must be none. */
const MESSAGES: ReadonlyMap<string, { kind: SubscriptionKind; name: number; channel: number; payload: number }> =
  new Map([
    ["message", { kind: "subscribe", name: 1, channel: 1, payload: 2 }],
    ["pmessage", { kind: "psubscribe", name: 1, channel: 2, payload: 3 }],
    ["smessage", { kind: "ssubscribe", name: 1, channel: 1, payload: 2 }],
  ]);
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
  readonly #topology: Topology;
  readonly #options: ResolvedOptions;
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
  /** The node of the latest connection. */
  #node = "";

  constructor({ topology, options, clock }: Core) {
    this.#topology = topology;
    this.#options = options;
    this.#clock = clock;
  }

  get node(): string {
    return this.#node;
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
      await this.#confirm(subscriber.subscription, deadline, timeout);
    } catch (error) {
      subscriber.subscription.finish();
      // Not awaited: a server that is silent would hold up the error, too.
      void this.remove(subscriber);
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
    this.#finishAll();
    this.#lease?.entry?.live.close("closed");
    this.#lease = null;
  }

  #finishAll(): void {
    for (const subscriber of this.#all()) subscriber.subscription.finish();
    for (const kind of KINDS) this.#wanted[kind].clear();
  }

  async #confirm(subscription: Subscription<string | Buffer>, deadline: number, timeout: number): Promise<void> {
    const { kind, channels } = subscription;
    for (;;) {
      try {
        const lease = await this.#connected(deadline, timeout);
        if (subscription.isClosed) return; // given up meanwhile
        await this.#send(lease, kind.toUpperCase(), channels, deadline, timeout);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) throw error;
        if (subscription.isClosed) return;
        // The wait for a connection may have been another one's, whose limit was shorter.
        const passing = error instanceof ConnectionLostError || error instanceof PoolTimeoutError;
        if (!passing || this.#clock.now() >= deadline) throw error;
      }
    }
  }

  /** The connection, which is made once for all who wait for it, each no longer than his own deadline. */
  async #connected(deadline: number, timeout: number): Promise<PoolLease> {
    if (this.#lease !== null) return this.#lease;
    const left = Math.max(0, Math.ceil(deadline - this.#clock.now()));
    if (this.#connecting === null) {
      this.#connecting = this.#connect(left).finally(() => {
        this.#connecting = null;
      });
      return this.#connecting;
    }
    let timer: Timer | null = null;
    const late = new Promise<never>((_, reject) => {
      const message = `nothing was subscribed within ${timeout} ms: the connection for subscriptions is still being made`;
      timer = this.#clock.schedule(() => reject(new CommandTimeoutError("not-sent", timeout, message)), left, true);
    });
    try {
      return await Promise.race([this.#connecting, late]);
    } finally {
      (timer as Timer | null)?.cancel();
    }
  }

  async #connect(timeout: number): Promise<PoolLease> {
    const limits = { timeout, signal: this.#stop.signal, role: "subscriber" } as const;
    const begin = this.#clock.now();
    const pool = await this.#topology.poolFor([], limits);
    this.#node = pool.options.node;
    const left = Math.max(0, timeout - (this.#clock.now() - begin));
    const lease = await pool.lease({ ...limits, timeout: left }, (own) => own);
    const { entry } = lease;
    // Closed, or wanted by nobody any more, while it was on its way.
    if (this.#stop.signal.aborted || this.#all().size === 0) entry?.live.close("idle");
    if (entry === null || !entry.live.isOpen)
      throw new ConnectionLostError("not-sent", "lost", "the subscriber connection ended at once");
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
    const { reconnect, connectTimeout, commandTimeout } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted && this.#all().size > 0; attempt++) {
      try {
        await this.#tellAll(
          this.#clock.now() + Math.max(connectTimeout, Math.min(commandTimeout, MAX_DURATION)),
          commandTimeout,
        );
        if (this.#lease !== null) break;
      } catch (error) {
        // The pool has ended, and with it what ran on it. Anything else the pool has published, and may pass: a right that was
        // revoked may be granted again. The pause keeps it from a hot loop.
        if (error instanceof ClosedError) this.#finishAll();
      }
      await sleep(this.#clock, backoffDelay(reconnect, attempt + 1, this.#clock.random()), this.#stop.signal);
    }
    this.#restoring = false;
  }

  async #tellAll(deadline: number, timeout: number): Promise<void> {
    const lease = await this.#connected(deadline, timeout);
    const told = KINDS.map((kind) => this.#tell(lease, kind, deadline, timeout));
    // All of them first: one that is refused does not keep the others away.
    const refused = (await Promise.allSettled(told)).find((result) => result.status === "rejected");
    if (refused !== undefined) throw refused.reason;
  }

  async #tell(lease: PoolLease, kind: SubscriptionKind, deadline: number, timeout: number): Promise<void> {
    const names = [...this.#wanted[kind].keys()];
    try {
      await this.#send(lease, kind.toUpperCase(), names, deadline, timeout);
    } catch (error) {
      if (!(error instanceof ServerError) || names.length === 1) throw error;
      // The server refuses a command for any one of its channels.
      const each = names.map((name) => this.#send(lease, kind.toUpperCase(), [name], deadline, timeout));
      await Promise.allSettled(each);
      throw error;
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
      const payload = encodeCommand(spec.name, spec.opening(args.length), args);
      const details = new RequestDetails<Request>(spec.effect, NOT_BLOCKING, null, args.length);
      const request = new Request(spec, args, payload, null, "subscribe", details);
      request.deadline = deadline;
      request.timeout = timeout;
      sent.push(lease.execute(request));
    }
    await Promise.all(sent);
  }

  #receive(items: readonly Reply[]): void {
    const place = MESSAGES.get(String(items[0]));
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
  const { signal } = options;
  signal?.throwIfAborted();
  settings.signal?.throwIfAborted();
  const subscription = Subscription.of<string | Buffer>({
    kind,
    channels,
    listener: (listener ?? null) as MessageListener<string | Buffer> | null,
    options,
    end: () => hub.remove(subscriber),
    // A signal may outlive many clients.
    over: () => {
      if (signal !== undefined) ignoreAbort(signal, atAbort);
    },
    node: hub.node,
  });
  const subscriber: Subscriber = { subscription, buffers: settings.buffers };
  const atAbort: AbortListener = { handleEvent: () => void subscription.close() };
  if (signal !== undefined) onAbort(signal, atAbort);
  try {
    await unlessAborted(hub.add(subscriber, settings.timeout), [signal, settings.signal]);
  } catch (error) {
    void subscription.close();
    throw error;
  }
  return subscription as unknown as Subscription;
}

/** Waits for the work, or rejects with the reason of the first signal that is aborted. */
async function unlessAborted(work: Promise<void>, signals: readonly (AbortSignal | null | undefined)[]): Promise<void> {
  const stops: (() => void)[] = [];
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      if (signal === null || signal === undefined) continue;
      const listener: AbortListener = { handleEvent: () => reject(signal.reason) };
      onAbort(signal, listener);
      stops.push(() => ignoreAbort(signal, listener));
    }
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    for (const stop of stops) stop();
  }
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
