import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { ClosedError, ProtocolError, ServerError, withoutStack, type RedisError } from "../base/errors.ts";
import type { Credentials } from "../base/options.ts";
import type { Transport, TransportListener } from "../base/transport.ts";
import { NOT_BLOCKING, type Executor, type Request } from "../commands/request.ts";
import { Decoder, type ReplySink } from "../protocol/decoder.ts";
import type { Reply } from "../protocol/reply.ts";
import { CommandQueue, type Progress } from "./command-queue.ts";
import { dripError, DripWatch } from "./drip-watch.ts";
import { lostError, timeoutError, type CloseReason } from "./lost.ts";
import { OrderCheck } from "./order-check.ts";
import { NOTHING_KNOWN, type ServerInfo } from "./server-info.ts";
import { SessionShadow } from "./session.ts";
import { confirms, isSubscriptionMessage, mayAnswerUnsubscribe } from "./subscription-replies.ts";

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
 * One connection: those of one turn of the event loop go out in one write, or one for each FULL_WRITE of them; replies
 * come back in order. It knows nothing of pools; whoever owns it decides who may use it.
 */
export class Connection implements Executor, TransportListener, ReplySink {
  readonly node: string;
  readonly session: SessionShadow;
  info: ServerInfo = NOTHING_KNOWN;
  /** What it was logged in with; null where no password is used. Never shown. */
  credentials: Credentials | null = null;
  /** What the server took to answer the handshake, ms. */
  roundTrip = 0;
  owner: ConnectionOwner | null = null;
  /** Gets every push (RESP3) or subscription message (RESP2); null when nobody listens. */
  onMessage: ((items: readonly Reply[]) => void) | null = null;

  readonly #clock: Clock;
  readonly #socketTimeout: number;
  readonly #queue = new CommandQueue();
  readonly #order = new OrderCheck((error) => this.close("order", error));
  readonly #drip = new DripWatch();
  readonly #decoder = new Decoder(this);
  readonly #flush: () => void;
  #transport: Transport | null = null;
  #state: ConnectionState = "opening";
  #flushScheduled = false;
  /** The library's own commands that are not settled. */
  readonly #own = new Set<Request>();
  /** Commands until the next check of the order. */
  #untilCheck = 0;
  /** Commands that make a write of their own. */
  #fullAt = FULL_WRITE;
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

  /** Those of them that callers have sent. */
  get callers(): number {
    return this.#queue.size - this.#own.size - (this.#order.isOut ? 1 : 0);
  }

  /** The commands that it has had. */
  get progress(): Progress {
    return this.#queue;
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
    this.roundTrip = this.#clock.now() - this.#dueSince;
    this.session.restored();
    if (this.#state === "opening") this.#state = "open";
  }

  execute(request: Request): Promise<unknown> {
    const promise = request.promise ?? request.start();
    this.enqueue(request);
    return promise;
  }

  /** Queues a started request of the library's own, which takes no place from the callers'. */
  executeOwn(request: Request): void {
    this.#own.add(request);
    const over = (): boolean => this.#own.delete(request);
    request.promise?.then(over, over);
    this.enqueue(request);
  }

  /** Queues a started request for this turn's write. */
  enqueue(request: Request): void {
    if (request.isOver) return;
    if (this.#state === "closed") {
      request.fail(lostError(this.node, "not-sent", "lost"));
      return;
    }
    if (this.#silenced !== "no" || (request.route !== "share" && request.spec.name === "CLIENT REPLY")) {
      this.#writeSilenced(request);
      return;
    }
    this.#queue.push(request);
    if (--this.#untilCheck <= 0) this.#checkOrder();
    this.#schedule();
    if (this.#queue.unwritten >= this.#fullAt) this.#write();
  }

  /** Whether many share it: then it is checked now and then that replies belong to their commands. */
  share(on: boolean): void {
    this.#order.watch(on, this.#clock.coarseNow());
    this.#untilCheck = this.#order.interval;
  }

  #checkOrder(): void {
    this.#untilCheck = this.#order.interval;
    if (!this.#order.mayProbe) return;
    // Beside the callers', not in place of one: the one left over would make a write, which costs as much as many commands.
    this.#fullAt = FULL_WRITE + 1;
    this.enqueue(this.#order.makeProbe(this.#clock, this.#socketTimeout));
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
   * @returns how many commands of callers ran out of time
   */
  expire(now: number): number {
    let expired = 0;
    let ofCallers = 0;
    // A turn that began behind the timers: they come before its end does, and would find its commands late.
    if (this.#flushScheduled) this.#endTurn();
    this.#queue.expire(now, (request) => {
      expired++;
      if (!this.#own.has(request) && request !== this.#order.probe) ofCallers++;
      // Its stack would say nothing of the call, and after an outage there are tens of thousands.
      request.cancel(withoutStack(() => timeoutError(request, this.node)));
    });
    if (this.silence(now) >= this.#socketTimeout) this.close("socket-timeout");
    else if (this.#drip.duration(this.#queue, now) >= this.#socketTimeout) this.close("socket-timeout", dripError());
    // They hold no place while the socket is full.
    if (expired > 0) this.sweep();
    return ofCallers;
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
    this.owner?.onClosed(this, reason, lostError(this.node, "unknown", reason, cause));
    withoutStack(() => {
      for (const request of requests) {
        if (request.isOver) continue;
        request.fail(
          lostError(this.node, request.state === "written" ? "unknown" : "not-sent", reason, cause, request.spec.name),
        );
      }
    });
    this.#whenDrained?.();
  }

  // --- from the transport ---

  onData(chunk: Buffer, length: number): void {
    if (this.#state === "closed") return;
    this.#lastReadAt = this.#clock.coarseNow();
    if (this.#order.isOld(this.#lastReadAt)) this.#untilCheck = 1;
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
      if (this.onMessage === null || !mayAnswerUnsubscribe(reply)) this.#unasked();
      return;
    }
    if (typeof reply === "object" && reply instanceof ServerError) reply.node = this.node;
    const accepted = request.accept(reply);
    // A batch too, wherever it runs: its EXEC ends the WATCH of a lease.
    if (request.route !== "share" || request.parts !== null) {
      // Of a batch only once it is whole: its commands are looked at together.
      if (request.parts === null || accepted !== "more") this.session.observe(request, reply);
      if (request.spec.name === "MONITOR" && reply === "OK") this.#silenced = "monitor";
    }
    if (accepted === "more") return;
    if (accepted === "odd") {
      // A server that loses a reply, or sends one too many, shows in just these ways: the next command is followed by a check.
      this.#untilCheck = 1;
      if (request === this.#order.probe) this.#order.check(reply); // late, but it tells all the same
    }
    this.#queue.shift();
  }

  onPush(items: readonly Reply[]): void {
    const request = this.#queue.head;
    const kind = String(items[0]);
    // A confirmation takes a slot only from the very command that asked for it: a server also sends `sunsubscribe` by itself.
    if (request?.route === "subscribe" && confirms(request, kind, items[1] ?? null)) {
      if (request.accept(kind) !== "more") this.#queue.shift();
    }
    this.onMessage?.(items);
  }

  #unasked(): void {
    if (this.session.cleanup === "destroy") return; // MONITOR's lines
    this.close("protocol", new ProtocolError("a reply came that no command had asked for"));
  }

  /** How long a reply has been due without a byte from the server, beyond the time it may block for; 0 when none is, ms. */
  silence(now: number): number {
    const head = this.#queue.head;
    if (head === undefined || head.blockFor === 0) return 0;
    const block = head.blockFor === NOT_BLOCKING ? 0 : head.blockFor;
    return Math.max(0, now - Math.max(this.#dueSince, this.#lastReadAt) - block);
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#full) return;
    this.#flushScheduled = true;
    this.#turnBegan = this.#clock.coarseNow();
    this.#queue.beginTurn();
    this.#clock.defer(this.#flush);
  }

  /** Writes what the turn has brought. Its deadlines were counted from the turn's begin, and it may have been a long one. */
  #endTurn(): void {
    this.#flushScheduled = false;
    const now = this.#clock.coarseNow();
    if (now - this.#turnBegan > LONG_TURN) this.#queue.postpone(this.#turnBegan, now);
    this.#write();
  }

  #write(): void {
    const transport = this.#transport;
    if (transport === null || this.#state === "closed") return;
    this.#fullAt = FULL_WRITE;
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
}
