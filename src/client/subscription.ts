import { events } from "../base/diagnostics.ts";
import { Ring } from "../base/ring.ts";

/** A message that somebody published. */
export interface Message<P = string> {
  /** The channel that it was published on. */
  readonly channel: string;
  /** The payload: text, or a Buffer from `redis.buffers`. */
  readonly message: P;
  /** The pattern that matched, for `psubscribe`. */
  readonly pattern?: string;
}

/** A time in which messages may have been missed: Pub/Sub keeps none for those who are away. */
export interface Gap {
  /**
   * Why: the connection was lost; the messages come from another node of the cluster now (`moved`), because a channel's slot has moved
   * there, or the node has left or is silent; or the subscriber was slower than the messages and its buffer overflowed.
   */
  readonly reason: "lost" | "moved" | "overflow";
  /** What ended the connection; null where none has ended. */
  readonly cause: Error | null;
  /** When it began, ms since 1970. */
  readonly at: number;
}

/** Called with each message. */
export type MessageListener<P = string> = (message: Message<P>) => void;

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Called at once when messages may have been missed. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
  /** How many messages wait for the iteration before the oldest are dropped (which is reported as a gap); default 10000. */
  readonly maxBuffered?: number | undefined;
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
}

/** The kinds of subscription, each with its own name space on the server. */
export type SubscriptionKind = "subscribe" | "psubscribe" | "ssubscribe";

const MAX_BUFFERED = 10_000;

/** Runs the user's function; what it throws is his, and must not reach the connection. */
function callUser<T>(callback: (value: T) => void, value: T): void {
  try {
    callback(value);
  } catch (error) {
    process.emitWarning(
      `a listener of a subscription threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      "RespoolWarning",
    );
  }
}

/** What a subscription is made of. */
interface SubscriptionParts<P> {
  readonly kind: SubscriptionKind;
  readonly channels: readonly string[];
  readonly listener: MessageListener<P> | null;
  readonly options: SubscribeOptions;
  /** Tells the servers that it is over. */
  readonly end: (subscription: Subscription<P>) => Promise<void>;
  /** Called once when it is over, whoever has ended it. */
  readonly over: () => void;
}

/**
 * Messages of some channels or patterns: iterate over it, or give a listener. The connection is shared with the other
 * subscriptions, and made anew when it is lost; each loss is told as a gap, and so is each move to another node of a cluster.
 *
 * @see docs/pubsub.md
 */
export class Subscription<P = string> implements AsyncIterable<Message<P>>, AsyncDisposable {
  /** How it was made. */
  readonly kind: SubscriptionKind;
  /** The channels or patterns. */
  readonly channels: readonly string[];
  /** @internal the node that has confirmed it latest, or was lost */
  node = "";
  readonly #listener: MessageListener<P> | null;
  readonly #options: SubscribeOptions;
  readonly #end: (subscription: Subscription<P>) => Promise<void>;
  readonly #over: () => void;
  readonly #buffer = new Ring<Message<P>>();
  readonly #readers: ((result: IteratorResult<Message<P>, undefined>) => void)[] = [];
  #gaps = 0;
  #state: "open" | "closed" = "open";

  private constructor(parts: SubscriptionParts<P>) {
    this.kind = parts.kind;
    this.channels = parts.channels;
    this.#listener = parts.listener;
    this.#options = parts.options;
    this.#end = parts.end;
    this.#over = parts.over;
  }

  /** @internal */
  static of<P>(parts: SubscriptionParts<P>): Subscription<P> {
    return new Subscription(parts);
  }

  /** How often messages may have been missed. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Whether it has ended: by `close()`, its signal, or the end of its client. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Ends the subscription; waiting iterations end too. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.finish();
    await this.#end(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Several iterations share the messages: each message goes to one of them. */
  [Symbol.asyncIterator](): AsyncIterator<Message<P>, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** @internal a message came */
  deliver(message: Message<P>): void {
    if (this.#state === "closed") return;
    if (this.#listener !== null) {
      callUser(this.#listener, message);
      return;
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: message });
      return;
    }
    if (this.#buffer.size >= (this.#options.maxBuffered ?? MAX_BUFFERED)) {
      this.#buffer.shift();
      this.reportGap({ reason: "overflow", cause: null, at: Date.now() });
    }
    this.#buffer.push(message);
  }

  /** @internal messages may have been missed */
  reportGap(gap: Gap): void {
    if (this.#state === "closed") return;
    this.#gaps++;
    if (events.subscriptionGap.hasSubscribers) {
      events.subscriptionGap.publish({
        node: this.node,
        reason: gap.reason,
        kind: this.kind,
        channels: this.channels.length,
      });
    }
    if (this.#options.onGap !== undefined) callUser(this.#options.onGap, gap);
  }

  /** @internal nothing more comes */
  finish(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#over();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  #next(): Promise<IteratorResult<Message<P>, undefined>> {
    const message = this.#buffer.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#state === "closed") return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }
}
