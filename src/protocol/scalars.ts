import { latin1Text } from "./text.ts";
import { CR, LF, MINUS, STREAMED, ZERO } from "./wire.ts";

// Each reads one line without its type byte and line end, and gives undefined where the line is not what the type asks.

const LOWEST_INTEGER = -(2n ** 63n);
const HIGHEST_INTEGER = 2n ** 63n - 1n;
const PLUS = 0x2b;
const DOT = 0x2e;
/** Fifteen digits and a point. */
const SHORT_DECIMAL = 16;
/** `-1.7976931348623157e+308`: the longest that a server writes. */
const LONGEST_DOUBLE = 24;

/** A length: digits only. Numbers of more than 15 digits come back as Infinity, which is above every limit. */
export function readLength(line: Buffer, start: number, end: number): number | undefined {
  if (start === end) return undefined;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = (line[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    length = length * 10 + digit;
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : Infinity;
}

/** A signed 64-bit integer: a number where it is exact, else a bigint. */
export function readInteger(line: Buffer, start: number, end: number): number | bigint | undefined {
  const sign = line[start];
  const first = start < end && (sign === MINUS || sign === PLUS) ? start + 1 : start;
  const size = readLength(line, first, end);
  if (size === undefined) return undefined;
  // Not -size: there is no negative zero on the wire.
  if (size <= Number.MAX_SAFE_INTEGER) return sign === MINUS ? 0 - size : size;
  if (end - first > 20) return undefined;
  const value = BigInt(latin1Text(line, start, end));
  return value >= LOWEST_INTEGER && value <= HIGHEST_INTEGER ? value : undefined;
}

/** An integer of any size. */
export function readBigNumber(line: Buffer, start: number, end: number): bigint | undefined {
  const text = latin1Text(line, start, end);
  return /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
}

/**
 * A short decimal such as a sorted set's score. With at most 15 digits both the digits and the power of ten are exact
 * doubles, so that their quotient is the one that is nearest: 40 instead of 160 ns.
 */
function readShortDecimal(line: Buffer, start: number, end: number): number | undefined {
  const negative = line[start] === MINUS;
  const first = negative ? start + 1 : start;
  if (end - first > SHORT_DECIMAL || first === end) return undefined;
  let digits = 0;
  let scale = 1;
  let point = false;
  for (let at = first; at < end; at++) {
    const digit = (line[at] as number) - ZERO;
    if (digit >= 0 && digit <= 9) {
      digits = digits * 10 + digit;
      if (point) scale *= 10;
    } else if (line[at] === DOT && !point && at > first && at + 1 < end) {
      point = true;
    } else {
      return undefined;
    }
  }
  if (digits >= 1e15) return undefined;
  return negative ? -digits / scale : digits / scale;
}

/** A double: decimal with or without fraction and exponent, inf, -inf, nan (older servers also send -nan). */
export function readDouble(line: Buffer, start: number, end: number): number | undefined {
  const short = readShortDecimal(line, start, end);
  if (short !== undefined) return short;
  const text = latin1Text(line, start, end);
  // Fraction and digits are one alternative, so that a long run of digits is scanned only once.
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  const word = text.toLowerCase();
  if (word === "inf" || word === "+inf") return Infinity;
  if (word === "-inf") return -Infinity;
  return word === "nan" || word === "-nan" ? NaN : undefined;
}

/** `t` or `f`. */
export function readBoolean(line: Buffer, start: number, end: number): boolean | undefined {
  if (end - start !== 1) return undefined;
  if (line[start] === 0x74) return true;
  return line[start] === 0x66 ? false : undefined;
}

/** Where the CR of a line is that is whole and short, as scores are; -1 for any other. */
export function shortLineEnd(chunk: Buffer, from: number, length: number): number {
  const last = from + LONGEST_DOUBLE;
  const stop = last < length - 1 ? last : length - 1;
  let at = from;
  while (at < stop && chunk[at] !== CR) at++;
  return at < stop && chunk[at + 1] === LF ? at : -1;
}

/** `-1`: the length of a null in RESP2. */
export function isMinusOne(line: Buffer, start: number, end: number): boolean {
  return end - start === 2 && line[start] === MINUS && line[start + 1] === ZERO + 1;
}

/** `?`: the length is not known yet. */
export function isStreamed(line: Buffer, start: number, end: number): boolean {
  return end - start === 1 && line[start] === STREAMED;
}
