import { ignoreAbort, onAbort, type AbortListener } from "../base/abort.ts";
import { OptionsError } from "../base/errors.ts";
import { describe, validateNumber, validateObject } from "../base/validate.ts";
import type { Subscriber } from "./channel-group.ts";
import type { CommandSettings } from "./settings.ts";
import { Subscription, type MessageListener, type SubscribeOptions, type SubscriptionKind } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Checks what a subscription is asked for, and opens it. */
export async function openSubscription(
  subscriptions: Subscriptions,
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
    end: () => subscriptions.remove(subscriber),
    // A signal may outlive many clients.
    over: () => {
      if (signal !== undefined) ignoreAbort(signal, atAbort);
    },
  });
  const subscriber: Subscriber = { subscription, buffers: settings.buffers };
  const atAbort: AbortListener = { handleEvent: () => void subscription.close() };
  if (signal !== undefined) onAbort(signal, atAbort);
  try {
    await unlessAborted(subscriptions.add(subscriber, settings.timeout), [signal, settings.signal]);
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
  // As the server names them in its confirmations: UTF-8 has no lone surrogates.
  return [...new Set((channels as string[]).map((channel) => Buffer.from(channel, "utf8").toString("utf8")))];
}
