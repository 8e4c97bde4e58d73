import type { Clock, Timer } from "../base/clock.ts";
import { CommandTimeoutError, ConnectionLostError, RedisError, ServerError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { TICK } from "../base/ticker.ts";
import { buildCall } from "../commands/call.ts";
import { NOT_BLOCKING, type Request, type RequestHolder } from "../commands/request.ts";
import type { Entry } from "./roster.ts";
import type { Waiter } from "./waiters.ts";

/** The pool, as a run sees it. */
export interface RunSource {
  readonly clock: Clock;
  readonly options: ResolvedOptions;
  acquire(waiter: Waiter): void;
  /** So many more bytes of commands wait for a connection; negative: no longer. */
  runWaits(bytes: number): void;
  /** A waiter is no longer interested. */
  left(): void;
  release(entry: Entry): void;
  /** Runs a command on a lane, also while the pool is closing. */
  executeOwn(request: Request): Promise<unknown>;
  runEnded(run: LeasedRun): void;
}

/**
 * One command, or one pipeline, alone on a leased connection: because it blocks, or because it changes the session. Cancelling
 * a blocked pop asks the server to let go and waits for its real answer, so that no element is lost on the way.
 */
export class LeasedRun implements Waiter, RequestHolder {
  readonly deadline: number;
  readonly timeout: number;
  readonly since: number;
  readonly role = "leased";
  readonly stack = null;
  readonly #source: RunSource;
  readonly #request: Request;
  #entry: Entry | null = null;
  #early: Timer | null = null;
  /** A reason of the library's own for its end, which supposes that the server has let go. */
  #own: RedisError | null = null;
  /** Whether a CLIENT UNBLOCK is on its way to the server. */
  #asking = false;
  /** Whether one may still reach the server although nobody waits for it any more. */
  #stray = false;
  #state: "waiting" | "running" | "unblocking" | "over" = "waiting";

  constructor(source: RunSource, request: Request, acquireTimeout: number) {
    this.#source = source;
    this.#request = request;
    this.since = source.clock.now();
    this.deadline = Math.min(request.deadline, this.since + acquireTimeout);
    this.timeout = Math.round(this.deadline - this.since);
    request.state = "queued";
    request.holder = this;
    source.runWaits(request.bytes);
  }

  get isGone(): boolean {
    return this.#state === "over";
  }

  granted(entry: Entry): void {
    this.#entry = entry;
    this.#state = "running";
    const request = this.#request;
    this.#source.runWaits(-request.bytes);
    entry.live.enqueue(request);
    if (request.blockFor !== 0 || request.deadline === Infinity || request.holder !== this) return;
    // The server would block beyond the limit: ask it early enough that the answer is here in time.
    const left = request.deadline - this.#source.clock.now();
    const early = Math.max(0, left - Math.min(3 * TICK, left / 2));
    this.#early = this.#source.clock.schedule(() => {
      if (this.#state === "running" && request.holder === this) this.#letGo(this.#timedOut());
    }, early);
  }

  refused(error: RedisError): void {
    this.#end();
    error.command = this.#request.spec.name;
    this.#request.fail(error);
  }

  finished(): void {
    this.#end();
  }

  cancel(reason: unknown): void {
    const request = this.#request;
    if (this.#state === "over" || this.#state === "unblocking") return;
    if (this.#state === "waiting") {
      this.#end();
      this.#source.left();
      request.holder = null;
      request.reject(reason);
      return;
    }
    const blocked = request.state === "written" && request.blockFor !== NOT_BLOCKING && request.parts === null;
    if (blocked && this.#entry !== null && this.#entry.live.info.id > 0) {
      this.#state = "unblocking";
      const isOwn = reason instanceof RedisError && reason === this.#own;
      request.cancelled = { reason, isOwn, goesElsewhere: isOwn && reason instanceof ConnectionLostError };
      void this.#unblock(this.#entry.live.info.id, reason);
    } else {
      this.#abandon(reason);
    }
  }

  async #unblock(id: number, reason: unknown): Promise<void> {
    const { clock, options } = this.#source;
    // As long as the server may be silent before it counts as gone, beyond the deadline, too: giving up earlier loses what it has
    // popped meanwhile. An answer that is on its way comes within a round trip.
    const limit = clock.now() + options.socketTimeout;
    // Repeated, for the command may have been on its way when the server was asked to end it.
    while (this.#state === "unblocking" && clock.now() < limit) {
      const command = buildCall("CLIENT", ["UNBLOCK", id]);
      command.deadline = limit;
      command.timeout = options.socketTimeout;
      this.#asking = true;
      try {
        await this.#source.executeOwn(command);
      } catch (error) {
        if (error instanceof ServerError) break; // not allowed: nothing more can be done than to give the connection up
        this.#stray ||= !(error instanceof RedisError) || error.outcome === "unknown";
      } finally {
        this.#asking = false;
        if (this.isGone) this.#giveBack();
      }
      // It need not keep the process: what is outstanding does, and when that has ended nobody waits for this.
      await new Promise<void>((resolve) => clock.schedule(resolve, TICK / 2));
    }
    this.#abandon(reason === this.#own ? this.#unanswered() : reason);
  }

  /** Rejects without the server's answer; the connection is destroyed when it is given back with the reply unread. */
  #abandon(reason: unknown): void {
    const request = this.#request;
    if (this.#state === "over") return;
    request.holder = null;
    request.reject(reason);
    if (request.state === "settled") this.#entry?.live.sweep();
    this.#end();
  }

  #end(): void {
    if (this.#state === "over") return;
    if (this.#state === "waiting") this.#source.runWaits(-this.#request.bytes);
    this.#state = "over";
    this.#early?.cancel();
    this.#source.runEnded(this);
    // A CLIENT UNBLOCK that is still on its way would end the command of the next borrower.
    if (!this.#asking || this.#request.state === "abandoned") this.#giveBack();
  }

  #giveBack(): void {
    const entry = this.#entry;
    this.#entry = null;
    if (entry === null) return;
    // After the reply was taken off the queue, which its connection does as soon as this call has returned.
    queueMicrotask(() => {
      if (this.#stray) entry.live.close("unclean");
      else this.#source.release(entry);
    });
  }

  /** Gives the request up to whoever can place it better, while it still waits for a connection. @returns null when it does not */
  leave(): Request | null {
    if (this.#state !== "waiting") return null;
    this.#end();
    this.#source.left();
    this.#request.holder = null;
    return this.#request;
  }

  /** Its pool closes: a blocked command is let go of; anything else comes to its end, for it may have run already. */
  close(reason: RedisError): void {
    const { parts, blockFor } = this.#request;
    if (parts === null && blockFor !== NOT_BLOCKING) this.#letGo(reason);
  }

  /** Cancels for a reason of the library's own, whose outcome must be true of a command that is still unwritten, too. */
  #letGo(reason: RedisError): void {
    if (this.#request.state === "queued") reason.outcome = "not-sent";
    this.#own = reason;
    this.#request.cancel(reason);
  }

  #unanswered(): CommandTimeoutError {
    const { spec, timeout } = this.#request;
    const message = `${spec.name} was to be let go of, and the server did not answer: it may have taken an element`;
    return new CommandTimeoutError("unknown", timeout, message, { command: spec.name });
  }

  #timedOut(): CommandTimeoutError {
    const { spec, timeout } = this.#request;
    return new CommandTimeoutError(
      "rejected",
      timeout,
      `${spec.name} blocked for ${timeout} ms and got nothing: the server was asked to let go`,
      {
        command: spec.name,
      },
    );
  }
}
