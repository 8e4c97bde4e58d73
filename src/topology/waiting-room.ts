import type { Clock } from "../base/clock.ts";
import { ClosedError, CommandTimeoutError, QueueFullError, withoutStack } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { tickerOf, type Ticking } from "../base/ticker.ts";
import type { Request } from "../commands/request.ts";
import { CommandQueue } from "../connection/command-queue.ts";
import type { Missing } from "./missing.ts";

type Limits = Pick<ResolvedOptions, "maxInFlight" | "maxQueuedBytes">;

/** Requests for which there is no node yet, each until its deadline. Bounded, for the topology may stay unknown. */
export class WaitingRoom implements Ticking {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #why: () => Missing;
  readonly #queue = new CommandQueue();
  #ticking = false;

  /**
   * @param limits how many may wait, and with how many bytes
   * @param why what is missing, for the errors
   */
  constructor(clock: Clock, limits: Limits, why: () => Missing) {
    this.#clock = clock;
    this.#limits = limits;
    this.#why = why;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Keeps a started request until `drain`. */
  add(request: Request): void {
    if (request.isOver) return;
    const full = this.#limit(request);
    if (full !== null) {
      const command = request.spec.name;
      const { size, unwrittenBytes } = this.#queue;
      const message = `${command} was refused: ${size} commands of ${unwrittenBytes} bytes wait already, and ${this.#why().text}`;
      request.reject(withoutStack(() => new QueueFullError(full, message, { command })));
      return;
    }
    this.#queue.push(request);
    if (this.#ticking) return;
    this.#ticking = true;
    tickerOf(this.#clock).add(this);
  }

  /** Which limit one more would exceed; null for none. */
  #limit({ bytes }: Request): keyof Limits | null {
    const { maxInFlight, maxQueuedBytes } = this.#limits;
    if (this.#queue.size >= maxInFlight) return "maxInFlight";
    return this.#queue.unwrittenBytes + bytes > maxQueuedBytes ? "maxQueuedBytes" : null;
  }

  /** Takes out all that still wait, in order. */
  drain(): Request[] {
    if (this.#ticking) tickerOf(this.#clock).remove(this);
    this.#ticking = false;
    return this.#queue.drain().filter((request) => !request.isOver);
  }

  /** Ends all that still wait. @param missed what they were waiting for */
  close(missed: string): void {
    for (const request of this.drain()) {
      const command = request.spec.name;
      const message = `${command} was waiting for ${missed} when the client was closed`;
      request.fail(new ClosedError(request.outcome, message, { command }));
    }
  }

  tick(now: number): boolean {
    this.#queue.expire(now, (request) => request.cancel(withoutStack(() => this.#tooLate(request))));
    this.#queue.sweep();
    this.#ticking = this.#queue.size > 0;
    return this.#ticking;
  }

  #tooLate(request: Request): CommandTimeoutError {
    const command = request.spec.name;
    const { outcome, timeout } = request;
    const sent = outcome === "not-sent" ? "sent" : "sent again";
    const { text, cause } = this.#why();
    const message = `${command} was not ${sent} within ${timeout} ms: ${text}`;
    return new CommandTimeoutError(outcome, timeout, message, { command, cause });
  }
}
