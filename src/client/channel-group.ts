import type { SubscriberLink } from "./subscriber-link.ts";
import type { Subscription, SubscriptionKind } from "./subscription.ts";

/** The kinds of subscription. */
export const KINDS: readonly SubscriptionKind[] = ["subscribe", "psubscribe", "ssubscribe"];

/** A subscription with the way its payloads are given. */
export interface Subscriber {
  readonly subscription: Subscription<string | Buffer>;
  readonly buffers: boolean;
}

/** A channel or pattern that somebody wants. */
export interface WantedChannel {
  readonly subscribers: Set<Subscriber>;
  /** Whether the server has confirmed it on the link that its group is on now. */
  isConfirmed: boolean;
}

/**
 * Channels that are on one connection together, with those who want them: the sharded channels of one slot; or everything that any
 * node can serve, which is all there is where there are no slots.
 */
export class ChannelGroup {
  /** null for what any node can serve. */
  readonly slot: number | null;
  /** The connection that is to serve it; a message that comes by another one is none of its own. */
  link: SubscriberLink | null = null;
  /** Whether somebody is at work to have it confirmed again. */
  isRestoring = false;
  /** Whether it is being taken from one connection to another, and unsubscribed on the first on purpose. */
  isChanging = false;
  readonly #wanted: Readonly<Record<SubscriptionKind, Map<string, WantedChannel>>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
    ssubscribe: new Map(),
  };

  constructor(slot: number | null) {
    this.slot = slot;
  }

  get isEmpty(): boolean {
    return KINDS.every((kind) => this.#wanted[kind].size === 0);
  }

  /** Whether the server has confirmed any of it. */
  get isServed(): boolean {
    return this.#some((channel) => channel.isConfirmed);
  }

  /** Whether the server is yet to confirm some of it. */
  get isWaiting(): boolean {
    return this.#some((channel) => !channel.isConfirmed);
  }

  /** What tells a topology where it belongs: a channel of its slot, or nothing. */
  get keys(): readonly string[] {
    if (this.slot === null) return [];
    const [name] = this.#wanted.ssubscribe.keys();
    return name === undefined ? [] : [name];
  }

  get subscribers(): Set<Subscriber> {
    const all = new Set<Subscriber>();
    for (const { subscribers } of this.#channels()) for (const subscriber of subscribers) all.add(subscriber);
    return all;
  }

  channel(kind: SubscriptionKind, name: string): WantedChannel | undefined {
    return this.#wanted[kind].get(name);
  }

  names(kind: SubscriptionKind): string[] {
    return [...this.#wanted[kind].keys()];
  }

  unconfirmed(kind: SubscriptionKind): string[] {
    return [...this.#wanted[kind]].flatMap(([name, { isConfirmed }]) => (isConfirmed ? [] : [name]));
  }

  areConfirmed(kind: SubscriptionKind, names: readonly string[]): boolean {
    return names.every((name) => this.#wanted[kind].get(name)?.isConfirmed === true);
  }

  add(subscriber: Subscriber, names: readonly string[]): void {
    const wanted = this.#wanted[subscriber.subscription.kind];
    for (const name of names) {
      const channel = wanted.get(name);
      if (channel === undefined) wanted.set(name, { subscribers: new Set([subscriber]), isConfirmed: false });
      else channel.subscribers.add(subscriber);
    }
  }

  /** @returns those of the channels that nobody else wants */
  remove(subscriber: Subscriber, names: readonly string[]): string[] {
    const wanted = this.#wanted[subscriber.subscription.kind];
    return names.filter((name) => {
      const channel = wanted.get(name);
      if (channel?.subscribers.delete(subscriber) !== true || channel.subscribers.size > 0) return false;
      wanted.delete(name);
      return true;
    });
  }

  /** No server is known to have any of it. */
  unconfirm(): void {
    for (const channel of this.#channels()) channel.isConfirmed = false;
  }

  /** Nobody wants anything of it any more. */
  clear(): void {
    for (const kind of KINDS) this.#wanted[kind].clear();
  }

  *#channels(): Iterable<WantedChannel> {
    for (const kind of KINDS) yield* this.#wanted[kind].values();
  }

  #some(condition: (channel: WantedChannel) => boolean): boolean {
    for (const channel of this.#channels()) if (condition(channel)) return true;
    return false;
  }
}
