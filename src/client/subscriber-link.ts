import type { Clock } from "../base/clock.ts";
import { subscribeRequest } from "../commands/subscribe.ts";
import type { NodePool } from "../pool/node-pool.ts";
import { PushLink, type LinkListener } from "./push-link.ts";
import type { SubscriptionKind } from "./subscription.ts";

const UNSUBSCRIBE = { subscribe: "UNSUBSCRIBE", psubscribe: "PUNSUBSCRIBE", ssubscribe: "SUNSUBSCRIBE" } as const;
/** Channels in one command, so that a thousand of them do not hold the server. */
const BATCH = 500;

/** One connection to one node for messages. */
export class SubscriberLink extends PushLink {
  constructor(pool: NodePool, clock: Clock, listener: LinkListener<SubscriberLink>) {
    super(pool, clock, listener, "subscriptions");
  }

  /** Tells the server of channels, and returns when it has confirmed them. */
  subscribe(kind: SubscriptionKind, names: readonly string[], deadline: number, timeout: number): Promise<void> {
    return this.#send(kind.toUpperCase(), names, deadline, timeout);
  }

  /** Tells the server that nobody wants some channels. When it fails, it is because they are not there any more. */
  async unsubscribe(kind: SubscriptionKind, names: readonly string[]): Promise<void> {
    if (this.isOpen && names.length > 0) await this.#send(UNSUBSCRIBE[kind], names, Infinity, 0).catch(() => {});
  }

  async #send(command: string, names: readonly string[], deadline: number, timeout: number): Promise<void> {
    const sent: Promise<unknown>[] = [];
    for (let start = 0; start < names.length; start += BATCH) {
      const channels = names.slice(start, start + BATCH).map((name) => Buffer.from(name, "utf8"));
      const request = subscribeRequest(command, channels);
      request.deadline = deadline;
      request.timeout = timeout;
      sent.push(this.execute(request));
    }
    await Promise.all(sent);
  }
}
