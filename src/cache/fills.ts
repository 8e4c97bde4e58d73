import type { Redis, Subscription, Timer } from "../index.ts";
import { clock } from "./time.ts";

/**
 * Tells when another process has filled an entry, or given up: over one subscription for the whole cache, opened at the first wait. It is a
 * help and no promise: who waits looks by himself, too, now and then.
 */
export class Fills {
  readonly #redis: Redis;
  readonly #channel: string;
  readonly #waiting = new Map<string, Set<() => void>>();
  #subscription: Promise<Subscription | null> | null = null;
  #isClosed = false;

  constructor(redis: Redis, channel: string) {
    this.#redis = redis;
    this.#channel = channel;
  }

  /** Nothing is told any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Waits until something is told of `id`, at most `limit` ms, or the signal ends it; keeps the process meanwhile. */
  wait(id: string, limit: number, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#subscription ??= this.#subscribe();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      const timer: Timer = clock.schedule(() => wake(), limit, true);
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", wake);
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        resolve();
      };
      waiting.add(wake);
      this.#waiting.set(id, waiting);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  /** Wakes all who wait: what they wait for may never be told. */
  wakeAll(): void {
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.wakeAll();
    await (await this.#subscription)?.close();
  }

  #told(id: string): void {
    for (const wake of [...(this.#waiting.get(id) ?? [])]) wake();
  }

  async #subscribe(): Promise<Subscription | null> {
    try {
      return await this.#redis.subscribe(this.#channel, ({ message }) => this.#told(String(message)), {
        onGap: () => this.wakeAll(),
      });
    } catch {
      // A user without the right to it, or no Redis: the next one who waits tries again.
      this.#subscription = null;
      return null;
    }
  }
}
