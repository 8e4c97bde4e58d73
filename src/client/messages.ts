import type { Reply } from "../protocol/reply.ts";
import type { Subscriber } from "./channel-group.ts";
import type { Message, SubscriptionKind } from "./subscription.ts";

/** Where a message's parts are. */
export interface MessagePlaces {
  readonly kind: SubscriptionKind;
  /** The channel or pattern that was subscribed. */
  readonly name: number;
  /** The channel that it was published on. */
  readonly channel: number;
  readonly payload: number;
}

/** The messages of a server by their kinds. A map, for the kind is the server's word: `constructor` must be none. */
export const MESSAGES: ReadonlyMap<string, MessagePlaces> = new Map([
  ["message", { kind: "subscribe", name: 1, channel: 1, payload: 2 }],
  ["pmessage", { kind: "psubscribe", name: 1, channel: 2, payload: 3 }],
  ["smessage", { kind: "ssubscribe", name: 1, channel: 1, payload: 2 }],
]);

/** Gives a message to all who want it, each in the form that he wants. */
export function deliver(subscribers: Iterable<Subscriber>, places: MessagePlaces, items: readonly Reply[]): void {
  const channel = String(items[places.channel]);
  const payload = items[places.payload] ?? "";
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload));
  let text: string | null = null;
  for (const { subscription, buffers } of subscribers) {
    const value = buffers ? bytes : (text ??= bytes.toString("utf8"));
    const message: Message<string | Buffer> = {
      channel,
      message: value,
      ...(places.name === places.channel ? {} : { pattern: String(items[places.name]) }),
    };
    subscription.deliver(message);
  }
}
