import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import {
  ClosedError,
  ConnectionLostError,
  CommandTimeoutError,
  ProtocolError,
  ServerError,
  withoutStack,
  type RedisError,
} from "../base/errors.ts";
import type { Credentials } from "../base/options.ts";
import { NOT_BLOCKING, type Executor, type Request } from "../commands/request.ts";
import { Decoder, type ReplySink } from "../protocol/decoder.ts";
import type { Reply } from "../protocol/reply.ts";
import { CommandQueue } from "./command-queue.ts";
import { SessionShadow } from "./session.ts";
import { confirms, isSubscriptionMessage } from "./subscription-replies.ts";
import type { Transport, TransportListener } from "./transport.ts";

/** Why a connection ended; the keys of `PoolStats.closedBecause`. */
export type CloseReason =
  | "lost" // the server or the network ended it
  | "socket-timeout" // no byte for `socketTimeout` while a reply was due
  | "protocol" // what came was not RESP, or nobody had asked for it
  | "handshake" // it never became ready
  | "idle" // surplus for `idleTimeout`
  | "lifetime" // older than `maxLifetime`
  | "credentials" // could not be logged in with fresh credentials
  | "health" // did not answer the PING of a health check
  | "unread" // given back with a reply outstanding
  | "unclean" // given back in a session that could not be repaired
  | "surplus" // a lane that did not help
  | "closed"; // the pool was closed or destroyed

/** What the server said about itself in the handshake. */
export interface ServerInfo {
  /** CLIENT ID of the connection; 0 where the server does not tell. */
  readonly id: number;
  /** `7.0.15`, or an empty string. */
  readonly version: string;
  readonly protocol: 2 | 3;
}

/** Whoever owns the connection and is told of its end. */
export interface ConnectionOwner {
  onClosed(connection: Connection, reason: CloseReason, error: RedisError): void;
}

/** A turn of the event loop beyond this is added to the deadlines of its commands, ms. */
const LONG_TURN = 20;

/**
 * So many commands make a write of their own before the turn ends: the server works on them while the next ones are still made.
 * 500 GETs in flight: twice as many a second, and less CPU, for neither side goes to sleep. bench/RESULTS.md has the figures.
 */
const FULL_WRITE = 128;

type ConnectionState = "opening" | "open" | "closed";

/**
 * One connection: commands go out in one write per event-loop tick and FULL_WRITE, replies come back in order. It knows nothing of pools;
 * whoever owns it decides who may use it.
 */
export class Connection implements Executor, TransportListener, ReplySink {
  readonly node: string;
  readonly session: SessionShadow;
  info: ServerInfo = { id: 0, version: "", protocol: 2 };
  /** What it was logged in with; null where no password is used. Never shown. */
  credentials: Credentials | null = null;
  owner: ConnectionOwner | null = null;
  /** Gets every push (RESP3) or subscription message (RESP2); null when nobody listens. */
  onMessage: ((items: readonly Reply[]) => void) | null = null;

  readonly #clock: Clock;
  readonly #socketTimeout: number;
  readonly #queue = new CommandQueue();
  readonly #decoder = new Decoder(this);
  readonly #flush: () => void;
  #transport: Transport | null = null;
  #state: ConnectionState = "opening";
  #flushScheduled = false;
  #full = false;
  #dueSince = 0;
  #turnBegan = 0;
  #lastReadAt = 0;
  #silenced: "no" | "once" | "until-on" | "monitor" = "no";
  #whenDrained: (() => void) | null = null;

  constructor(node: string, db: number, socketTimeout: number, clock: Clock) {
    this.node = node;
    this.session = new SessionShadow(db);
    this.#socketTimeout = socketTimeout;
    this.#clock = clock;
    this.#flush = () => this.#endTurn();
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Commands on it, written or not, tombstones included. */
  get outstanding(): number {
    return this.#queue.size;
  }

  /** Bytes that wait for the next write. */
  get queuedBytes(): number {
    return this.#queue.unwrittenBytes;
  }

  /** Whether the socket took less than it was given and holds the next write back. */
  get isFull(): boolean {
    return this.#full;
  }

  /** When the last byte came, ms on the clock. */
  get lastReadAt(): number {
    return this.#lastReadAt;
  }

  /** Whether it can be lent: open, and nothing unread or unasked for on it. */
  get isQuiet(): boolean {
    return (
      this.#state === "open" &&
      this.#queue.size === 0 &&
      !this.#decoder.pending &&
      (this.#silenced === "no" || this.#silenced === "monitor")
    );
  }

  /** Gives it the stream it talks on. */
  attach(transport: Transport): void {
    assert(this.#transport === null, "a connection got a second transport");
    this.#transport = transport;
    this.#lastReadAt = this.#clock.now();
    if (this.#state === "closed") transport.destroy();
    else if (this.#queue.size > 0) this.#schedule();
  }

  /** The handshake is through. */
  opened(info: ServerInfo): void {
    this.info = info;
    this.session.restored();
    if (this.#state === "opening") this.#state = "open";
  }

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    this.enqueue(request);
    return promise;
  }

  /** Queues a started request for this tick's write. */
  enqueue(request: Request): void {
    if (request.isOver) return;
    if (this.#state === "closed") {
      request.fail(this.#lost("not-sent", "lost"));
      return;
    }
    if (this.#silenced !== "no" || (request.route !== "share" && request.spec.name === "CLIENT REPLY")) {
      this.#writeSilenced(request);
      return;
    }
    this.#queue.push(request);
    this.#schedule();
    if (this.#queue.unwritten >= FULL_WRITE) this.#writeEarly();
  }

  /** Settles as soon as nothing is outstanding, or when the connection ends. */
  drained(): Promise<void> {
    if (this.#queue.size === 0 || this.#state === "closed") return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#whenDrained;
      this.#whenDrained = () => {
        before?.();
        resolve();
      };
    });
  }

  /**
   * Ends what is late: commands past their deadline, or the whole connection when the server is silent for too long.
   * @returns how many commands ran out of time
   */
  expire(now: number): number {
    let expired = 0;
    this.#queue.expire(now, (request) => {
      expired++;
      request.cancel(timeoutOf(request, this.node));
    });
    if (this.#isHalfOpen(now)) this.close("socket-timeout");
    // They hold no place while the socket is full.
    if (expired > 0) this.sweep();
    return expired;
  }

  /** Forgets commands that were settled before they were written, so that they hold no place. */
  sweep(): void {
    this.#queue.sweep();
    this.#noticeDrained();
  }

  /** Ends the connection at once; what is on it fails. */
  close(reason: CloseReason, cause?: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#transport?.destroy();
    const requests = this.#queue.drain();
    // The owner first: a request that is sent again must not find this connection in the pool.
    this.owner?.onClosed(this, reason, this.#lost("unknown", reason, cause));
    withoutStack(() => {
      for (const request of requests) {
        if (request.isOver) continue;
        request.fail(
          this.#lost(request.state === "written" ? "unknown" : "not-sent", reason, cause, request.spec.name),
        );
      }
    });
    this.#whenDrained?.();
  }

  // --- from the transport ---

  onData(chunk: Buffer, length: number): void {
    if (this.#state === "closed") return;
    this.#lastReadAt = this.#clock.coarseNow();
    try {
      this.#decoder.write(chunk, length);
    } catch (error) {
      this.close("protocol", error);
      return;
    }
    this.#noticeDrained();
  }

  #noticeDrained(): void {
    if (this.#whenDrained === null || this.#queue.size > 0) return;
    const drained = this.#whenDrained;
    this.#whenDrained = null;
    drained();
  }

  onDrain(): void {
    this.#full = false;
    this.#write();
  }

  onClose(error: Error | null): void {
    this.close("lost", error ?? undefined);
  }

  // --- from the decoder ---

  wantsBuffers(): boolean {
    // RESP2 sends messages as plain arrays, which must be as binary-safe as pushes are.
    if (this.onMessage !== null) return true;
    const request = this.#queue.head;
    if (request !== undefined) return request.buffers;
    // At its first byte already: what follows must not become the reply of a command that is sent meanwhile.
    this.#unasked();
    return false;
  }

  onReply(reply: Reply): void {
    const request = this.#queue.head;
    if (this.#state === "closed") return;
    if (this.onMessage !== null && Array.isArray(reply) && isSubscriptionMessage(reply)) {
      this.onPush(reply);
      return;
    }
    if (request === undefined) {
      this.#unasked();
      return;
    }
    if (typeof reply === "object" && reply instanceof ServerError) reply.node = this.node;
    const done = request.accept(reply);
    // A batch too, wherever it runs: its EXEC ends the WATCH of a lease.
    if (request.route !== "share" || request.parts !== null) {
      // A batch only once it is whole: its commands are looked at together.
      if (request.parts === null || done) this.session.observe(request, reply);
      if (request.spec.name === "MONITOR" && reply === "OK") this.#silenced = "monitor";
    }
    if (done) this.#queue.shift();
  }

  onPush(items: readonly Reply[]): void {
    const request = this.#queue.head;
    const kind = String(items[0]);
    // A confirmation takes a slot only from the very command that asked for it: a server also sends `sunsubscribe` by itself.
    if (request?.route === "subscribe" && confirms(request, kind, items[1] ?? null)) {
      if (request.accept(kind)) this.#queue.shift();
    }
    this.onMessage?.(items);
  }

  #unasked(): void {
    if (this.session.cleanup === "destroy") return; // MONITOR's lines
    this.close("protocol", new ProtocolError("a reply came that no command had asked for"));
  }

  #isHalfOpen(now: number): boolean {
    const head = this.#queue.head;
    if (head === undefined || head.blockFor === 0) return false;
    const block = head.blockFor === NOT_BLOCKING ? 0 : head.blockFor;
    return now - Math.max(this.#dueSince, this.#lastReadAt) >= this.#socketTimeout + block;
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#full) return;
    this.#flushScheduled = true;
    this.#turnBegan = this.#clock.coarseNow();
    this.#clock.defer(this.#flush);
  }

  /** Writes what the turn has brought. Its deadlines were counted from the turn's begin, and it may have been a long one. */
  #endTurn(): void {
    const turn = this.#clock.coarseNow() - this.#turnBegan;
    if (turn > LONG_TURN) this.#queue.postpone(turn);
    this.#write();
  }

  #writeEarly(): void {
    if (this.#full || this.#transport === null) return;
    this.#write();
    // The turn's end still comes, for the rest.
    this.#flushScheduled = true;
  }

  #write(): void {
    this.#flushScheduled = false;
    const transport = this.#transport;
    if (transport === null || this.#state === "closed") return;
    if (this.#queue.written === 0) this.#dueSince = this.#clock.coarseNow();
    while (!this.#full) {
      const data = this.#queue.take();
      if (data.length === 0) {
        // Everything left may have been cancelled before it was written: then no reply will tell.
        this.#noticeDrained();
        return;
      }
      this.#full = !transport.write(data);
    }
  }

  /** CLIENT REPLY OFF and SKIP: what the server does not answer must not take a reply slot. */
  #writeSilenced(request: Request): void {
    if (this.#silenced === "monitor") {
      const command = request.spec.name;
      const message = `${command} was not sent: this connection runs MONITOR, whose lines cannot be told from replies; give the lease back and take another`;
      request.fail(new ClosedError("not-sent", message, { command, node: this.node }));
      return;
    }
    const mode = request.spec.name === "CLIENT REPLY" ? String(request.args[0]).toUpperCase() : "";
    this.#full = false;
    this.#write();
    if (mode === "ON") {
      this.#silenced = "no";
      this.#queue.push(request);
      this.#schedule();
      return;
    }
    this.#transport?.write(request.payload);
    request.state = "written";
    if (mode === "OFF") this.#silenced = "until-on";
    else if (mode === "SKIP") this.#silenced = "once";
    else if (this.#silenced === "once") this.#silenced = "no";
    if (mode !== "") this.session.observe(request, null);
    request.unanswered();
  }

  #lost(outcome: "not-sent" | "unknown", reason: CloseReason, cause?: unknown, command?: string): ConnectionLostError {
    const known = outcome === "unknown" ? "it may have run" : "it was not sent";
    let why = cause instanceof Error ? `: ${cause.message}` : "";
    if (reason === "unread") why = ": its lease was given back too early, await every command before (`return await`)";
    const message = `the connection to ${this.node} ended (${reason}${why})${command === undefined ? "" : ` with ${command} on it; ${known}`}`;
    return new ConnectionLostError(outcome, reason, message, {
      node: this.node,
      ...(command === undefined ? {} : { command }),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** The error for a request whose deadline passed while a connection had it. */
function timeoutOf(request: Request, node: string): CommandTimeoutError {
  const name = request.spec.name;
  const message =
    request.state === "written"
      ? `${name} got no reply from ${node} within ${request.timeout} ms: the server is busy, paused or out of reach (see its SLOWLOG), or commandTimeout is too short for this command`
      : `${name} was not sent to ${node} within ${request.timeout} ms: the connection takes no more bytes; the server reads too slowly`;
  return new CommandTimeoutError(request.outcome, request.timeout, message, { command: name, node });
}
