import type { Clock, Redis, Subscription, Timer } from "../index.ts";

/**
 * Tells when another process has filled an entry, or given up: over one subscription for the whole cache, opened at the first wait. It is a
 * help and no promise: who waits looks by himself, too, now and then.
 */
export class Fills {
  readonly #redis: Redis;
  readonly #clock: Pick<Clock, "schedule">;
  readonly #channel: string;
  readonly #waiting = new Map<string, Set<() => void>>();
  #subscription: Promise<Subscription | null> | null = null;
  #isClosed = false;

  constructor(redis: Redis, clock: Pick<Clock, "schedule">, channel: string) {
    this.#redis = redis;
    this.#clock = clock;
    this.#channel = channel;
  }

  /** Waits until something is told of `id`, at most `limit` ms, or the signal ends it; keeps the process meanwhile. */
  wait(id: string, limit: number, signal: AbortSignal): Promise<void> {
    this.#subscription ??= this.#subscribe();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      const timer: Timer = this.#clock.schedule(() => wake(), limit, true);
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
      if (this.#isClosed || signal.aborted) wake();
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
      return await this.#redis.subscribe(this.#channel, ({ message }) => this.#told(message), {
        onGap: () => this.wakeAll(),
      });
    } catch {
      // A user without the right to it, or no Redis: the next one who waits tries again.
      this.#subscription = null;
      return null;
    }
  }
}
