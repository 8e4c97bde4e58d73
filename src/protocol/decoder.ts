import { constants, isAscii } from "node:buffer";
import { ProtocolError, ServerError } from "../base/errors.ts";
import { Collector, copyBytes } from "./collector.ts";
import { Frame } from "./frames.ts";
import { DEFAULT_LIMITS, type DecoderLimits } from "./limits.ts";
import {
  refuse,
  refuseBodyEnd,
  refuseFirstByte,
  refuseLength,
  refuseLine,
  refuseLineEnd,
  refusePart,
} from "./refusal.ts";
import type { Reply } from "./reply.ts";
import {
  isMinusOne,
  isStreamed,
  readBigNumber,
  readBoolean,
  readDouble,
  readInteger,
  readLength,
  shortLineEnd,
} from "./scalars.ts";
import { latin1Text, longText, utf8Text } from "./text.ts";
import {
  ARRAY,
  ATTRIBUTE,
  BIG_NUMBER,
  BLOB_ERROR,
  BOOLEAN,
  BULK,
  byteName,
  CR,
  DOUBLE,
  ERROR,
  INTEGER,
  LF,
  MAP,
  NULL,
  PUSH,
  SET,
  SIMPLE,
  startsElement,
  STREAM_END,
  STREAM_PART,
  VERBATIM,
  ZERO,
} from "./wire.ts";

/** Where decoded replies go: the connection. It must not throw. */
export interface ReplySink {
  /** Asked once at the first byte of each top-level reply that is not a push: whether its strings are Buffers. */
  wantsBuffers(): boolean;
  /** Takes the next reply; an error reply is a `ServerError`. */
  onReply(reply: Reply): void;
  /** Takes a push: its kind as a string, then the rest, where strings are Buffers. It answers no command. */
  onPush(items: Reply[]): void;
}

// What the next byte belongs to.
/** A new element. */
const READY = 0;
/** A line whose beginning was kept. */
const LINE = 1;
/** A string's bytes, or the line end behind them. */
const BODY = 2;
/** The next part of a streamed string. */
const PART = 3;

/** V8 copies slices up to this length; a longer one holds on to the text that it was cut from. */
const COPIED_SLICE = 12;
/** Longer strings are cut from a shared text only inside an aggregate, whose elements come and go together, up to this length. */
const SHARED_SLICE = 128;
/** The most that a string of an aggregate may hold on to, bytes. A cut costs 25 ns, a string of its own 60. */
const SHARED_TEXT = 1024;

/** Chunks from this size on, bytes, are checked for ASCII as a whole: the check costs as much as two strings. */
const WORTH_CHECKING = 512;

/** The type byte and nine digits: a number of that size needs no look at its range. */
const SHORT_NUMBER = 10;

/**
 * Decodes RESP2 and RESP3 from chunks of any size. Every byte is looked at once: what a chunk leaves unfinished is
 * kept (a line's beginning, a string's bytes, a frame per open aggregate) and never read again.
 */
export class Decoder {
  readonly #sink: ReplySink;
  readonly #limits: DecoderLimits;

  #mode: typeof READY | typeof LINE | typeof BODY | typeof PART = READY;
  /** Frames that were ever needed, by level; the first `#depth` are open, the last of them is `#top`. */
  readonly #frames: Frame[] = [];
  #depth = 0;
  #top: Frame | null = null;
  /** Whether strings are Buffers just now. */
  #buffers = false;
  /** An attribute was read, and the reply or push it belongs to has not begun. */
  #attributed = false;

  /** An unfinished line, with its type byte. */
  readonly #line = new Collector(256);
  /** An unfinished string. */
  readonly #body = new Collector(64 * 1024);
  #bodyType = BULK;
  #bodyLength = 0;
  /** How many of the two bytes behind a string have come. */
  #bodyEnd = 0;
  /** The string is a streamed one. */
  #streaming = false;

  /** Bytes in the chunks before this one, and where the element at hand begins: for errors. */
  #offset = 0;
  #elementAt = 0;
  /** True during `write`, and for ever after it threw. */
  #busy = false;

  constructor(sink: ReplySink, limits: Partial<DecoderLimits> = {}) {
    this.#sink = sink;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** True in the middle of a reply or a push. */
  get pending(): boolean {
    return this.#mode !== READY || this.#depth > 0 || this.#attributed;
  }

  /**
   * Decodes the first `length` bytes of `chunk`, which the caller may overwrite afterwards.
   *
   * @throws ProtocolError when the bytes are not RESP or beyond the limits; the decoder is then unusable
   */
  write(chunk: Buffer, length: number = chunk.length): void {
    if (this.#busy) throw new ProtocolError("the decoder is in use or has failed before: replace the connection");
    this.#busy = true;
    let at = 0;
    while (at < length && this.#mode !== READY) at = this.#resume(chunk, at, length);
    if (at < length) this.#decode(chunk, at, length);
    this.#offset += length;
    this.#busy = false;
  }

  // ---------------------------------------------------------------------------------------------------------------
  // The inner loop: whole elements of the frequent types, without a call or an allocation besides the value's. All
  // else, and whatever the chunk cuts, goes through #element. Long on purpose: bench/protocol.ts measures it.
  // ---------------------------------------------------------------------------------------------------------------

  /** Decodes a chunk from the beginning of an element to the end of the chunk. */
  #decode(chunk: Buffer, from: number, length: number): void {
    let at = from;
    // latin1 is read faster than UTF-8, and the two agree on ASCII: one check per chunk instead of one per string.
    const ascii = length - at >= WORTH_CHECKING && isAscii(chunk.subarray(at, length));
    let text = "";
    let textAt = 0;
    let textEnd = 0;
    while (at < length) {
      const type = chunk[at] as number;
      if (this.#depth === 0) this.#begin(type, at);
      if (type === BULK || type === INTEGER || type === ARRAY) {
        let next = at + 1;
        let size = 0;
        const stop = at + SHORT_NUMBER < length ? at + SHORT_NUMBER : length;
        while (next < stop) {
          const digit = (chunk[next] as number) - ZERO;
          if (digit < 0 || digit > 9) break;
          size = size * 10 + digit;
          next++;
        }
        if (next > at + 1 && next + 1 < length && chunk[next] === CR && chunk[next + 1] === LF) {
          next += 2;
          if (type === BULK) {
            const end = next + size;
            if (end + 1 < length && chunk[end] === CR && chunk[end + 1] === LF && size <= this.#limits.maxBulkBytes) {
              if (this.#buffers) this.#deliver(copyBytes(chunk, next, end));
              else if (!ascii) this.#deliver(utf8Text(chunk, next, end));
              else if (size > COPIED_SLICE && (this.#depth === 0 || size > SHARED_SLICE)) {
                this.#deliver(latin1Text(chunk, next, end));
              } else {
                if (end > textEnd) {
                  textAt = next;
                  textEnd = next + SHARED_TEXT < length ? next + SHARED_TEXT : length;
                  text = latin1Text(chunk, textAt, textEnd);
                }
                this.#deliver(text.slice(next - textAt, end - textAt));
              }
              at = end + 2;
              continue;
            }
          } else {
            if (type === INTEGER) this.#deliver(size);
            else this.#open(ARRAY, size, this.#offset + at);
            at = next;
            continue;
          }
        }
      } else if (
        type === SIMPLE &&
        at + 4 < length &&
        chunk[at + 1] === 0x4f &&
        chunk[at + 2] === 0x4b &&
        chunk[at + 3] === CR &&
        chunk[at + 4] === LF
      ) {
        this.#deliver(this.#buffers ? Buffer.from("OK") : "OK");
        at += 5;
        continue;
      } else if (type === DOUBLE) {
        const end = shortLineEnd(chunk, at + 1, length);
        const value = end === -1 ? undefined : readDouble(chunk, at + 1, end);
        if (value !== undefined) {
          this.#deliver(value);
          at = end + 2;
          continue;
        }
      }
      at = this.#element(chunk, at, length);
      while (at < length && this.#mode !== READY) at = this.#resume(chunk, at, length);
    }
  }

  /** Hands a finished value to the aggregate it belongs to, or out. */
  #deliver(value: Reply): void {
    let done = value;
    for (;;) {
      const top = this.#top;
      if (top === null) {
        this.#sink.onReply(done);
        return;
      }
      if (top.type === ARRAY) top.items[top.count++] = done;
      else this.#add(top, done);
      if (--top.remaining > 0) return;
      if (top.streamed) refuseLength(top.type, this.#limitOf(top.type), top.offset);
      if (top.type === PUSH || top.type === ATTRIBUTE) {
        this.#closeAside(top);
        return;
      }
      this.#pop();
      done = top.close();
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // End of the inner loop.
  // ---------------------------------------------------------------------------------------------------------------

  /** At the first byte of an element that is inside no other. */
  #begin(type: number, at: number): void {
    if (type === ATTRIBUTE) return;
    this.#attributed = false;
    if (type === PUSH) return;
    if (startsElement[type] === 0) refuseFirstByte(type, this.#offset + at);
    this.#buffers = this.#sink.wantsBuffers();
  }

  /** Goes on with what an earlier chunk, or the line before, began; returns where the rest begins. */
  #resume(chunk: Buffer, at: number, length: number): number {
    if (this.#mode === BODY) return this.#fillBody(chunk, at, length);
    if (this.#mode === PART) return this.#element(chunk, at, length);
    const line = this.#line;
    let next = at;
    if (line.last === CR) {
      if (chunk[at] !== LF) refuseLineEnd(chunk[at] as number, this.#offset + at);
    } else {
      const end = this.#lineEnd(chunk, at, length);
      this.#keepLine(chunk, at, end === -1 ? length : end + 1);
      if (end === -1) return length;
      next = end + 1;
    }
    this.#mode = READY;
    this.#takeLine(line.bytes, 0, line.size - 1);
    line.reuse();
    return next + 1;
  }

  /** One element of any type up to the end of its line, or as much of it as there is. */
  #element(chunk: Buffer, at: number, length: number): number {
    const type = chunk[at] as number;
    this.#elementAt = this.#offset + at;
    const allowed = this.#streaming
      ? type === STREAM_PART
      : startsElement[type] === 1 || (type === STREAM_END && this.#top !== null && this.#top.streamed);
    if (!allowed) (this.#streaming ? refusePart : refuseFirstByte)(type, this.#elementAt);
    const end = this.#lineEnd(chunk, at + 1, length);
    if (end === -1) {
      this.#mode = LINE;
      this.#keepLine(chunk, at, length);
      return length;
    }
    this.#checkLine(type, end - at - 1);
    this.#mode = READY;
    this.#takeLine(chunk, at, end);
    return end + 2;
  }

  /** Where the line's CR is, or -1 when the chunk ends before the line does. */
  #lineEnd(chunk: Buffer, from: number, length: number): number {
    for (let at = from; at < length; at++) {
      const byte = chunk[at] as number;
      if (byte === LF) refuseLineEnd(LF, this.#offset + at);
      if (byte !== CR) continue;
      if (at + 1 === length) return -1;
      if (chunk[at + 1] !== LF) refuseLineEnd(chunk[at + 1] as number, this.#offset + at + 1);
      return at;
    }
    return -1;
  }

  #keepLine(chunk: Buffer, from: number, to: number): void {
    const line = this.#line;
    line.append(chunk, from, to, Infinity);
    this.#checkLine(line.bytes[0] as number, line.size - (line.last === CR ? 2 : 1));
  }

  #checkLine(type: number, size: number): void {
    const limit = type === SIMPLE || type === ERROR ? this.#limits.maxTextBytes : this.#limits.maxLineBytes;
    if (size > limit) {
      refuse(`expected a line of at most ${limit} bytes behind ${byteName(type)}, got a longer one`, this.#elementAt);
    }
  }

  /** Takes a whole line, which begins with its type byte and ends before its CR. */
  #takeLine(line: Buffer, at: number, end: number): void {
    const type = line[at] as number;
    const start = at + 1;
    switch (type) {
      case SIMPLE:
        return this.#deliver(this.#string(line, start, end));
      case ERROR:
        return this.#deliver(ServerError.fromReply(utf8Text(line, start, end)));
      case INTEGER:
        return this.#deliver(readInteger(line, start, end) ?? refuseLine("a 64-bit integer", type, this.#elementAt));
      case NULL:
        return this.#deliver(start === end ? null : refuseLine("nothing", type, this.#elementAt));
      case BOOLEAN:
        return this.#deliver(readBoolean(line, start, end) ?? refuseLine("t or f", type, this.#elementAt));
      case DOUBLE:
        return this.#deliver(readDouble(line, start, end) ?? refuseLine("a number", type, this.#elementAt));
      case BIG_NUMBER:
        return this.#deliver(readBigNumber(line, start, end) ?? refuseLine("an integer", type, this.#elementAt));
      case STREAM_PART:
        return this.#takePart(line, start, end);
      case STREAM_END:
        return start === end ? this.#closeStreamed() : refuseLine("nothing", type, this.#elementAt);
      case BULK:
      case BLOB_ERROR:
      case VERBATIM:
        return this.#takeBulk(type, line, start, end);
      default:
        return this.#takeAggregate(type, line, start, end);
    }
  }

  #takeBulk(type: number, line: Buffer, start: number, end: number): void {
    if (type === BULK && isMinusOne(line, start, end)) return this.#deliver(null);
    this.#bodyType = type;
    this.#streaming = type === BULK && isStreamed(line, start, end);
    if (this.#streaming) this.#mode = PART;
    else this.#expectBody(readLength(line, start, end) ?? refuseLine("a length", type, this.#elementAt));
  }

  /** The header of a streamed string's next part; an empty part is the end. */
  #takePart(line: Buffer, start: number, end: number): void {
    const size = readLength(line, start, end) ?? refuseLine("a length", STREAM_PART, this.#elementAt);
    if (size > 0) return this.#expectBody(this.#body.size + size);
    this.#streaming = false;
    this.#takeBody();
  }

  /** `total` counts the parts that have come already. */
  #expectBody(total: number): void {
    const limit = this.#limits.maxBulkBytes;
    if (total > limit) refuse(`expected a string of at most ${limit} bytes, got a greater length`, this.#elementAt);
    if (total > constants.MAX_STRING_LENGTH && !this.#buffers) {
      refuse(
        "expected a value that fits in a string, got a longer one, which can be read as a Buffer",
        this.#elementAt,
      );
    }
    this.#bodyLength = total;
    this.#bodyEnd = 0;
    this.#mode = BODY;
  }

  #fillBody(chunk: Buffer, from: number, length: number): number {
    const body = this.#body;
    const missing = this.#bodyLength - body.size;
    let at = missing < length - from ? from + missing : length;
    if (at > from) body.append(chunk, from, at, this.#streaming ? Infinity : this.#bodyLength, !this.#buffers);
    while (at < length) {
      const byte = chunk[at] as number;
      if (byte !== (this.#bodyEnd === 0 ? CR : LF)) refuseBodyEnd(byte, this.#offset + at);
      at++;
      if (++this.#bodyEnd < 2) continue;
      if (this.#streaming) this.#mode = PART;
      else this.#takeBody();
      break;
    }
    return at;
  }

  /** Takes the string that is now whole. */
  #takeBody(): void {
    const { bytes, size } = this.#body;
    const start = this.#bodyType === VERBATIM ? 4 : 0;
    if (start > size || (start > 0 && bytes[3] !== 0x3a))
      refuseLine("three letters and a colon", VERBATIM, this.#elementAt);
    this.#mode = READY;
    let value: Reply;
    if (this.#buffers && this.#bodyType === BULK && size === bytes.length) {
      value = bytes;
      this.#body.release();
    } else {
      if (this.#bodyType === BLOB_ERROR) value = ServerError.fromReply(utf8Text(bytes, 0, size));
      else value = this.#buffers ? copyBytes(bytes, start, size) : longText(bytes, start, size);
      this.#body.recycle();
    }
    this.#deliver(value);
  }

  #string(bytes: Buffer, start: number, end: number): string | Buffer {
    return this.#buffers ? copyBytes(bytes, start, end) : utf8Text(bytes, start, end);
  }

  #takeAggregate(type: number, line: Buffer, start: number, end: number): void {
    if (type === ARRAY && isMinusOne(line, start, end)) return this.#deliver(null);
    if ((type === ARRAY || type === SET || type === MAP) && isStreamed(line, start, end)) {
      const limit = this.#limitOf(type);
      return this.#push(type, (type === MAP ? limit * 2 : limit) + 1, true);
    }
    this.#open(type, readLength(line, start, end) ?? refuseLine("a length", type, this.#elementAt), this.#elementAt);
  }

  /** Begins an aggregate of a known length. */
  #open(type: number, length: number, elementAt: number): void {
    this.#elementAt = elementAt;
    if (length > this.#limitOf(type)) refuseLength(type, this.#limitOf(type), elementAt);
    if (length > 0) return this.#push(type, type === MAP || type === ATTRIBUTE ? length * 2 : length, false);
    if (type === PUSH) refuseLine("the length of a push with a kind", type, this.#elementAt);
    if (type === ATTRIBUTE) this.#attributed = this.#depth === 0;
    else this.#deliver(type === MAP ? Object.create(null) : []);
  }

  #limitOf(type: number): number {
    return type === MAP ? this.#limits.maxMapLength : this.#limits.maxAggregateLength;
  }

  #push(type: number, remaining: number, streamed: boolean): void {
    const limit = this.#limits.maxDepth;
    if (this.#depth >= limit) refuse(`expected at most ${limit} levels of nesting, got more`, this.#elementAt);
    const frame = (this.#frames[this.#depth] ??= new Frame());
    frame.open(type, remaining, streamed, this.#elementAt, this.#buffers);
    if (type === PUSH) this.#buffers = false;
    this.#depth++;
    this.#top = frame;
  }

  #pop(): void {
    this.#depth--;
    this.#top = this.#depth === 0 ? null : (this.#frames[this.#depth - 1] as Frame);
  }

  #add(top: Frame, value: Reply): void {
    top.add(value);
    // The kind of a push is text, the rest is not known to be.
    if (top.type === PUSH && top.count === 1) this.#buffers = true;
  }

  /** Ends what is no element of the aggregate around it: a push goes out on its own, an attribute is dropped. */
  #closeAside(frame: Frame): void {
    this.#pop();
    this.#buffers = frame.outerBuffers;
    if (frame.type === ATTRIBUTE) {
      this.#attributed = this.#depth === 0;
      return;
    }
    const items = frame.close() as Reply[];
    if (typeof items[0] !== "string") refuse("expected a push's kind as a string, got another type", frame.offset);
    this.#sink.onPush(items);
  }

  /** The `.` behind a streamed aggregate, which #element has found open. */
  #closeStreamed(): void {
    const top = this.#top as Frame;
    if (top.halfPair) refuse("expected the value of a map's last field, got the map's end", this.#elementAt);
    this.#pop();
    this.#deliver(top.close());
  }
}
