import { OptionsError } from "../base/errors.ts";
import { Ring } from "../base/ring.ts";
import type { Payload } from "../base/transport.ts";
import type { Request } from "../commands/request.ts";
import { payloadBytes } from "../protocol/encoder.ts";

/** One socket write takes at most about so much; the rest can still be taken back while the socket is full. Bytes. */
const WRITE_LIMIT = 1 << 20;

/** How far a queue has come, in commands since its start. */
export interface Progress {
  readonly answered: number;
  readonly gone: number;
}

/**
 * Commands in the order of their replies: those of one connection, or those that wait for one. First those that were written (the in-flight queue),
 * then those that still wait for the next write. Settled requests among the written ones are tombstones: their slot
 * swallows the reply. Settled ones among the others are dropped, so they never run.
 */
export class CommandQueue implements Progress {
  readonly #ring = new Ring<Request>(64);
  #written = 0;
  /** The latest of the written ones: those of this turn of the event loop. */
  #fresh = 0;
  #unwrittenBytes = 0;
  #nextDeadline = Infinity;
  #answered = 0;
  #dropped = 0;

  /** Commands written and not answered, tombstones included. */
  get written(): number {
    return this.#written;
  }

  get size(): number {
    return this.#ring.size;
  }

  /** How many heads have gone by their reply. */
  get answered(): number {
    return this.#answered;
  }

  /** How many have gone in any way: with their reply, or without. */
  get gone(): number {
    return this.#answered + this.#dropped;
  }

  /** Commands that wait for the next write. */
  get unwritten(): number {
    return this.#ring.size - this.#written;
  }

  get unwrittenBytes(): number {
    return this.#unwrittenBytes;
  }

  /** The request whose reply comes next. */
  get head(): Request | undefined {
    return this.#written === 0 ? undefined : this.#ring.peek();
  }

  push(request: Request): void {
    request.state = "queued";
    this.#unwrittenBytes += request.bytes;
    if (request.deadline < this.#nextDeadline) this.#nextDeadline = request.deadline;
    this.#ring.push(request);
  }

  /** Marks the next commands as written and gives their bytes; an empty string when there are none. */
  take(): Payload {
    const ring = this.#ring;
    let text = "";
    let bytes = 0;
    let pieces: (string | Buffer)[] | null = null;
    let dropped = false;
    let index = this.#written;
    for (; index < ring.size && bytes < WRITE_LIMIT; index++) {
      const request = ring.at(index);
      this.#unwrittenBytes -= request.bytes;
      if (request.state === "queued" && typeof request.payload !== "string") refuseIfResized(request);
      if (request.state !== "queued") {
        dropped = true;
        continue;
      }
      request.state = "written";
      bytes += request.bytes;
      const payload = request.payload;
      if (typeof payload === "string") {
        text += payload;
        continue;
      }
      pieces ??= [];
      for (const piece of payload) {
        if (typeof piece === "string") {
          text += piece;
        } else {
          if (text !== "") pieces.push(text);
          text = "";
          pieces.push(piece);
        }
      }
    }
    if (dropped) index -= this.#dropSettled(index);
    this.#fresh += index - this.#written;
    this.#written = index;
    if (pieces === null) return text;
    if (text !== "") pieces.push(text);
    return pieces;
  }

  /** Frees the head's slot, unless everything was taken out meanwhile. */
  shift(): void {
    if (this.#ring.shift() === undefined) return;
    this.#answered++;
    this.#written--;
    if (this.#fresh > this.#written) this.#fresh = this.#written;
  }

  /** Calls `expired` for every request whose deadline has passed. */
  expire(now: number, expired: (request: Request) => void): void {
    if (now < this.#nextDeadline) return;
    let next = Infinity;
    for (let index = 0; index < this.#ring.size; index++) {
      const request = this.#ring.at(index);
      if (request.isOver) continue;
      if (request.deadline <= now) expired(request);
      else if (request.deadline < next) next = request.deadline;
    }
    this.#nextDeadline = next;
  }

  /** What is written from now on belongs to a new turn of the event loop. */
  beginTurn(): void {
    this.#fresh = 0;
  }

  /**
   * Gives this turn's commands the time back that the turn took after their call, also those written already: the process was busy,
   * and reads no replies meanwhile.
   */
  postpone(turnBegan: number, now: number): void {
    for (let index = this.#written - this.#fresh; index < this.#ring.size; index++) {
      const request = this.#ring.at(index);
      if (request.deadline === Infinity) continue;
      // One of the library's own may have a deadline alone.
      const calledAt = request.timeout === 0 ? turnBegan : request.deadline - request.timeout;
      const begin = calledAt > turnBegan ? calledAt : turnBegan;
      if (begin < now) request.deadline += now - begin;
    }
  }

  /** Drops the settled ones among those that were not written. */
  sweep(): void {
    this.#dropped += this.#ring.retain((request) => {
      if (!request.isOver) return true;
      this.#unwrittenBytes -= request.bytes;
      return false;
    }, this.#written);
  }

  /** Takes everything out, in order. */
  drain(): Request[] {
    this.#dropped += this.#ring.size;
    this.#written = 0;
    this.#fresh = 0;
    this.#unwrittenBytes = 0;
    return this.#ring.drain();
  }

  #dropSettled(end: number): number {
    let position = this.#written;
    const dropped = this.#ring.retain((request) => position++ >= end || request.state === "written", this.#written);
    this.#dropped += dropped;
    return dropped;
  }
}

/**
 * A large Buffer is sent by reference. One that was transferred or resized since the call would bring the stream out of
 * step, for everybody on this connection.
 */
function refuseIfResized(request: Request): void {
  if (payloadBytes(request.payload) === request.bytes) return;
  const command = request.spec.name;
  // Not only its promise: whoever holds the connection for it has to hear of it, too.
  request.fail(
    new OptionsError(
      command,
      `${command} was not sent: one of its Buffers changed its length after the call; keep it as it is until the reply`,
      { command },
    ),
  );
}
