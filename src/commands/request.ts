import { ignoreAbort, onAbort } from "../base/abort.ts";
import { assert } from "../base/assert.ts";
import { ProtocolError, RedisError, ServerError } from "../base/errors.ts";
import type { Payload } from "../base/transport.ts";
import { payloadBytes } from "../protocol/encoder.ts";
import type { Reply } from "../protocol/reply.ts";
import { ownError } from "./redact.ts";
import { NOT_BLOCKING, RequestDetails, type Cancellation, type RequestHolder } from "./request-details.ts";
import type { Arg, CommandSpec, Effect, ReplyTransform, Route } from "./spec.ts";

export { NOT_BLOCKING, RequestDetails, type RequestHolder } from "./request-details.ts";

/**
 * Where a request stands.
 * - `new`       built, nowhere yet
 * - `queued`    waits for a connection, or in a connection's write buffer: taking it out proves that it never ran
 * - `written`   handed to the socket: its outcome is unknown until the reply
 * - `answered`  its reply slot is free again, and what came is being looked at
 * - `abandoned` rejected after it was written; its reply slot stays as a tombstone
 * - `settled`   its promise is settled
 */
export type RequestState = "new" | "queued" | "written" | "answered" | "abandoned" | "settled";

/** What a reply was to a request; see `accept`. */
export type Acceptance = "more" | "done" | "odd";

/** Decides what happens to a failed request. Set by the topology; the layers below only call it. */
export interface RetryPolicy {
  /** Returns true when it took the request over, to send it again later or to settle it by itself. */
  takeOver(request: Request, error: RedisError): boolean;
}

let capturedResolve: (value: unknown) => void;
let capturedReject: (reason: unknown) => void;
// One shared executor instead of a closure per command.
const capture = (resolve: (value: unknown) => void, reject: (reason: unknown) => void): void => {
  capturedResolve = resolve;
  capturedReject = reject;
};

const ignore = (): void => {};

/**
 * One command on its way: encoded whole, with one promise, from the facade to the reply.
 * All requests have one shape, so that every place that handles them stays monomorphic.
 */
export class Request {
  readonly spec: CommandSpec;
  /** The arguments behind the command's name, flat, as they were encoded. */
  readonly args: readonly Arg[];
  payload: Payload;
  /** Size of the encoded command, bytes. */
  bytes: number;
  readonly transform: ReplyTransform | null;
  readonly route: Route;
  /** Whether strings are to be decoded as Buffers. */
  buffers: boolean = false;
  /** Limit, ms on the clock; Infinity for none. */
  deadline: number = Infinity;
  /** The length of the limit as it was asked for, ms: for the error's text. */
  timeout = 0;
  signal: AbortSignal | null = null;
  policy: RetryPolicy | null = null;
  state: RequestState = "new";
  promise: Promise<unknown> | null = null;
  #resolve: ((value: unknown) => void) | null = null;
  #reject: ((reason: unknown) => void) | null = null;
  #details: RequestDetails<Request> | null;

  constructor(
    spec: CommandSpec,
    args: readonly Arg[],
    payload: Payload,
    transform: ReplyTransform | null,
    route: Route,
    details: RequestDetails<Request> | null,
  ) {
    this.spec = spec;
    this.args = args;
    this.payload = payload;
    this.bytes = payloadBytes(payload);
    this.transform = transform;
    this.route = route;
    this.#details = details;
  }

  get effect(): Effect {
    return this.#details === null ? this.spec.effect : this.#details.effect;
  }

  /** How long the server may block, ms; 0 for ever; NOT_BLOCKING. */
  get blockFor(): number {
    return this.#details === null ? NOT_BLOCKING : this.#details.blockFor;
  }

  /** The commands of a pipeline or a MULTI block, which go and come back together; null for a single command. */
  get parts(): readonly Request[] | null {
    return this.#details === null ? null : this.#details.parts;
  }

  /** The replies of the parts that have come. */
  get replies(): readonly Reply[] | null {
    return this.#details === null ? null : this.#details.replies;
  }

  get holder(): RequestHolder | null {
    return this.#details === null ? null : this.#details.holder;
  }

  set holder(holder: RequestHolder | null) {
    this.#detailed().holder = holder;
  }

  /** How often it was sent again after a loss or at the server's word: what `retries` limits. */
  get attempts(): number {
    return this.#details === null ? 0 : this.#details.attempts;
  }

  /** How often a node of a cluster has sent it to another one. */
  get redirects(): number {
    return this.#details === null ? 0 : this.#details.redirects;
  }

  set redirects(redirects: number) {
    this.#detailed().redirects = redirects;
  }

  /** Whether it was sent again for any reason, such as a connection that was gone before the write. */
  get repeated(): boolean {
    return this.#details !== null && this.#details.repeated;
  }

  /** Whether an earlier attempt may have run. */
  get uncertain(): boolean {
    return this.#details !== null && this.#details.uncertain;
  }

  /** Whether no replica may answer it, though it could. */
  get fromPrimary(): boolean {
    return this.#details !== null && this.#details.fromPrimary;
  }

  set fromPrimary(fromPrimary: boolean) {
    this.#detailed().fromPrimary = fromPrimary;
  }

  /** Set while the server is asked to let go of a blocked command. */
  get cancelled(): Cancellation | null {
    return this.#details === null ? null : this.#details.cancelled;
  }

  set cancelled(cancelled: Cancellation | null) {
    this.#detailed().cancelled = cancelled;
  }

  /** Makes the promise and listens to the signal; parts of a batch need neither. */
  start(): Promise<unknown> {
    this.promise = new Promise(capture);
    this.#resolve = capturedResolve;
    this.#reject = capturedReject;
    if (this.signal !== null) this.#watch(this.signal);
    return this.promise;
  }

  /** Readies it without a promise: nobody waits for it. */
  startUnheard(): void {
    this.#resolve = ignore;
    this.#reject = ignore;
  }

  /** What is known about the command should it fail now. */
  get outcome(): "not-sent" | "unknown" {
    return this.uncertain || this.state === "written" || this.state === "abandoned" ? "unknown" : "not-sent";
  }

  /** Whether its promise is settled: whoever still queues it drops it. */
  get isOver(): boolean {
    return this.state === "settled" || this.state === "abandoned";
  }

  /**
   * Takes one reply from the connection.
   * @returns `done` when it was the last one, so that the reply slot is free; `odd` when it was, and nobody waits for it any more, or
   *   it has another form than this command's
   */
  accept(reply: Reply): Acceptance {
    const details = this.#details;
    if (details !== null) {
      if (details.plain !== null && details.remaining === details.slots) {
        details.remaining--; // of what goes before it
        return "more";
      }
      if (details.parts !== null) {
        (details.replies ??= []).push(reply);
        if (--details.remaining > 0) return "more";
        reply = details.replies;
      } else if (--details.remaining > 0 && !(reply instanceof ServerError)) {
        return "more";
      }
      if (details.holder !== null) this.#release();
    }
    if (this.state === "abandoned") return "odd";
    this.state = "answered";
    if (typeof reply === "object" && reply instanceof ServerError) {
      ownError(reply, this);
      this.fail(reply);
      return "done";
    }
    return this.#succeed(reply);
  }

  /** Settles with null: the server was told not to answer (CLIENT REPLY). */
  unanswered(): void {
    if (this.holder !== null) this.#release();
    if (this.isOver) return;
    assert(this.#resolve !== null, "a command was sent that was never started");
    if (this.signal !== null) ignoreAbort(this.signal, this);
    this.state = "settled";
    this.#resolve(this.parts === null ? null : this.parts.map(() => null));
  }

  /** Fails with what a connection or a pool found, unless the policy sends the request again. */
  fail(error: RedisError): void {
    if (this.holder !== null) this.#release();
    if (this.isOver) return;
    if (error.outcome === "unknown") this.#detailed().uncertain = true;
    const { cancelled } = this;
    if (cancelled !== null && !cancelled.goesElsewhere) {
      // The library's own reason supposes an answer; the caller's is what he wants to see in any case.
      this.reject(cancelled.isOwn ? error : cancelled.reason);
      return;
    }
    if (this.policy !== null && this.policy.takeOver(this, error)) return;
    this.reject(error);
  }

  /**
   * Sets a command that goes before this one, in one piece with it, so that nothing comes between them; its reply is dropped. null
   * for none.
   */
  precede(command: string | null): void {
    const details = this.#detailed();
    if (details.plain !== null) {
      this.payload = details.plain;
      details.plain = null;
      details.slots--;
    }
    if (command !== null) {
      details.plain = this.payload;
      this.payload = typeof this.payload === "string" ? command + this.payload : [command, ...this.payload];
      details.slots++;
    }
    details.remaining = details.slots;
    this.bytes = payloadBytes(this.payload);
  }

  /** Leaves its work to other requests, and settles as they say; its signal stays its own. */
  follow(work: Promise<unknown>): void {
    work.then(
      (value) => {
        if (!this.isOver) this.#finish(value);
      },
      (error: unknown) => this.reject(error),
    );
  }

  /** Takes the settings of another request, whose work it does in part. */
  inherit(from: Request): this {
    this.buffers = from.buffers;
    this.deadline = from.deadline;
    this.timeout = from.timeout;
    this.signal = from.signal;
    this.policy = from.policy;
    if (from.fromPrimary) this.fromPrimary = true;
    return this;
  }

  /** Prepares another attempt; `counted` when it was the server or a loss after the write that made it necessary. */
  again(counted: boolean): void {
    const details = this.#detailed();
    if (counted) details.attempts++;
    details.repeated = true;
    details.cancelled = null;
    details.replies = null;
    details.remaining = details.slots;
    this.state = "queued";
  }

  /** Ends the request early, because of its signal or its deadline. */
  cancel(reason: unknown): void {
    if (this.isOver) return;
    if (this.holder !== null) this.holder.cancel(reason);
    else this.reject(reason);
  }

  /** Settles for good. Once written, the request stays behind as the tombstone of its reply slot. */
  reject(reason: unknown): void {
    if (this.isOver) return;
    // A signal's reason is the user's own, whatever it is.
    if (reason instanceof RedisError && reason !== this.signal?.reason) this.#keepTrue(reason);
    this.state = this.state === "written" ? "abandoned" : "settled";
    if (this.signal !== null) ignoreAbort(this.signal, this);
    assert(this.#reject !== null, "a part of a batch was rejected by itself");
    this.#reject(reason);
  }

  /** The signal's listener (an object instead of a closure per command). */
  handleEvent(): void {
    this.cancel(this.signal?.reason);
  }

  #succeed(reply: Reply): Acceptance {
    const { cancelled } = this;
    if (cancelled !== null && reply === null) {
      if (cancelled.goesElsewhere) this.fail(cancelled.reason as RedisError);
      else this.reject(cancelled.reason);
      return "done";
    }
    let value: unknown;
    try {
      value = inShape(this, reply);
    } catch (error) {
      // Such as the EXECABORT of a MULTI block: the policy may send it again.
      this.fail(error as RedisError);
      return error instanceof ProtocolError ? "odd" : "done";
    }
    this.#finish(value);
    return "done";
  }

  #finish(value: unknown): void {
    assert(this.#resolve !== null, "a request was settled that was never started");
    if (this.signal !== null) ignoreAbort(this.signal, this);
    this.state = "settled";
    this.#resolve(value);
  }

  /** Corrects an error's outcome where an attempt of this command may have run. */
  #keepTrue(error: RedisError): void {
    if (error.outcome === "unknown") return;
    const earlier = this.uncertain && (error.outcome === "not-sent" || this.effect !== "read");
    if (!earlier && this.state !== "written") return;
    error.outcome = "unknown";
    if (earlier) error.message += "; an earlier attempt of it may have run";
  }

  #watch(signal: AbortSignal): void {
    if (signal.aborted) this.reject(signal.reason);
    else onAbort(signal, this);
  }

  #release(): void {
    const { holder } = this;
    this.holder = null;
    holder?.finished();
  }

  #detailed(): RequestDetails<Request> {
    return (this.#details ??= new RequestDetails<Request>(this.spec.effect));
  }
}

/**
 * Brings a reply into its command's own shape.
 *
 * @throws ProtocolError for a reply of another kind; whatever RedisError the transform throws
 */
export function inShape(request: Request, reply: Reply): unknown {
  const { transform } = request;
  if (transform === null) return reply;
  try {
    return transform(reply);
  } catch (cause) {
    // Between a MULTI and an EXEC sent by hand, every command is answered so.
    if (reply === "QUEUED") return reply;
    if (cause instanceof RedisError) throw cause;
    const command = request.spec.name;
    const message = `${command}: its reply has another form than this command's: is this a Redis server, or a proxy that changes replies?`;
    throw new ProtocolError(message, { command, cause });
  }
}

/** The one verb of everything that can run a command: a connection, a pool, a topology. */
export interface Executor {
  /** Takes the request and returns its promise; never throws. */
  execute(request: Request): Promise<unknown>;
}
