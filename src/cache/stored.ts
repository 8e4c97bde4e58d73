import { crc32 } from "node:zlib";
import { codecName, codecNumber, OWN_CODEC } from "./codec.ts";
import { CacheReadError } from "./errors.ts";
import { FieldReader, varintSize, writeVarint } from "./varint.ts";

/**
 * The stored form, byte by byte in docs/cache-format.md: a head that tells all that a reader needs, and the value behind it.
 * Plain JSON that needs no head has none.
 */

/** No UTF-8 text, JSON, MessagePack, gzip, zstd or V8 value begins with it. */
export const MARK = 0xc1;
const VERSION = 1;
/** The mark, the version, and the checksum of all that follows. */
const BEFORE_FLAGS = 6;

// Flags; the others are kept for later versions, and make a value unreadable for this one.
const TIMED = 1;
const TAGGED = 2;
const EMPTY = 4;
const KNOWN = TIMED | TAGGED | EMPTY;

/** When a value was made, and what that took. */
export interface Timing {
  /** ms since 1970. */
  readonly createdAt: number;
  /** How long it is fresh, ms from then; what is older may be served while a new one is made. */
  readonly freshFor: number;
  /** How long it took to make, ms. */
  readonly cost: number;
}

/** What stands in a value's head. */
export interface Head {
  /** The codec's `id`. */
  readonly codec: string;
  /** The compression's number; 0 for none. */
  readonly compression: number;
  /** Of the encoded value before compression, bytes. */
  readonly rawLength: number;
  readonly timing: Timing | null;
  /** The tags' names with their versions at the time when the value was made. */
  readonly tags: readonly (readonly [name: string, version: string])[];
  /** There is no value: that there is none was what the loader found out. */
  readonly isEmpty: boolean;
}

/** Puts a head before a value's bytes. */
export function writeStored(head: Head, payload: Uint8Array): Buffer {
  const number = codecNumber(head.codec);
  const texts = number === OWN_CODEC ? [head.codec] : [];
  const tagged = head.tags.flat();
  const numbers = [head.rawLength, ...timesOf(head.timing)];
  const size = sizeOf(numbers, texts, head.tags.length === 0 ? null : tagged);
  const bytes = Buffer.allocUnsafe(BEFORE_FLAGS + 3 + size + payload.length);
  bytes[0] = MARK;
  bytes[1] = VERSION;
  bytes[6] = (head.timing === null ? 0 : TIMED) | (head.tags.length === 0 ? 0 : TAGGED) | (head.isEmpty ? EMPTY : 0);
  bytes[7] = number;
  bytes[8] = head.compression;
  let at = 9;
  for (const text of texts) at = writeText(bytes, at, text);
  for (const one of numbers) at = writeVarint(bytes, at, one);
  if (head.tags.length > 0) {
    at = writeVarint(bytes, at, head.tags.length);
    for (const text of tagged) at = writeText(bytes, at, text);
  }
  bytes.set(payload, at);
  bytes.writeUInt32BE(crc32(bytes.subarray(BEFORE_FLAGS)), 2);
  return bytes;
}

/**
 * Reads a head.
 *
 * @returns it, and where the value's bytes begin; null for bytes without one
 * @throws CacheReadError for a head that is damaged, or of a version to come
 */
export function readStored(bytes: Buffer): { readonly head: Head; readonly at: number } | null {
  if (bytes[0] !== MARK) return null;
  const version = bytes[1];
  if (version !== VERSION) throw new CacheReadError("foreign", `a stored value of version ${String(version)}`);
  if (bytes.length < BEFORE_FLAGS + 3) throw new CacheReadError("damaged", "a stored value ends in its head");
  if (bytes.readUInt32BE(2) !== crc32(bytes.subarray(BEFORE_FLAGS)))
    throw new CacheReadError("damaged", "a stored value does not have the checksum that its head tells");
  try {
    return readFields(bytes);
  } catch (error) {
    if (error instanceof CacheReadError) throw error;
    throw new CacheReadError("damaged", "a stored value has a head that cannot be read", error);
  }
}

function readFields(bytes: Buffer): { readonly head: Head; readonly at: number } {
  const fields = new FieldReader(bytes, BEFORE_FLAGS);
  const flags = fields.byte();
  if ((flags & ~KNOWN) !== 0) throw new CacheReadError("foreign", `a stored value with the flags ${flags}`);
  const number = fields.byte();
  const compression = fields.byte();
  const codec = number === OWN_CODEC ? fields.text() : codecName(number);
  if (codec === undefined) throw new CacheReadError("foreign", `a stored value of the codec with the number ${number}`);
  const rawLength = fields.varint();
  const timing =
    (flags & TIMED) === 0 ? null : { createdAt: fields.varint(), freshFor: fields.varint(), cost: fields.varint() };
  const tags: (readonly [string, string])[] = [];
  if ((flags & TAGGED) !== 0) {
    const count = fields.varint();
    for (let index = 0; index < count; index++) {
      const name = fields.text();
      if (name === "") throw new CacheReadError("damaged", "a stored value with a tag that has no name");
      tags.push([name, fields.text()]);
    }
  }
  return { head: { codec, compression, rawLength, timing, tags, isEmpty: (flags & EMPTY) !== 0 }, at: fields.at };
}

function timesOf(timing: Timing | null): number[] {
  return timing === null
    ? []
    : [timing.createdAt, timing.freshFor, timing.cost].map((time) => Math.max(0, Math.round(time)));
}

function sizeOf(numbers: readonly number[], texts: readonly string[], tagged: readonly string[] | null): number {
  let size = 0;
  for (const one of numbers) size += varintSize(one);
  for (const text of texts) size += textSize(text);
  if (tagged === null) return size;
  size += varintSize(tagged.length / 2);
  for (const text of tagged) size += textSize(text);
  return size;
}

function textSize(text: string): number {
  const length = Buffer.byteLength(text);
  return varintSize(length) + length;
}

function writeText(into: Buffer, at: number, text: string): number {
  const next = writeVarint(into, at, Buffer.byteLength(text));
  return next + into.write(text, next);
}
