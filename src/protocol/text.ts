import { isAscii, isUtf8 } from "node:buffer";

/** From about this size on Node makes strings of latin1 outside the heap: 1 MB strings took 2 ms instead of 1.6. */
const EXTERNAL = 1_000_000;

/**
 * Node's own readers behind `toString`. They skip the look-up of the encoding's name and the checks of the range,
 * 20 to 50 ns per string, which is a tenth of a whole GET.
 */
type RawBuffer = Buffer & {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, length: number): number;
};

/** Reads bytes as one character each. The range must lie within the buffer. */
export function latin1Text(buffer: Buffer, start: number, end: number): string {
  return (buffer as RawBuffer).latin1Slice(start, end);
}

/** Reads UTF-8; what is not valid becomes U+FFFD. The range must lie within the buffer. */
export function utf8Text(buffer: Buffer, start: number, end: number): string {
  return (buffer as RawBuffer).utf8Slice(start, end);
}

/** Writes a string as UTF-8 into a buffer that has room for three bytes per character; returns the bytes written. */
export function writeUtf8(buffer: Buffer, text: string): number {
  return (buffer as RawBuffer).utf8Write(text, 0, buffer.length);
}

/**
 * The name of a map's field that came as bytes: UTF-8, or latin1 where the bytes are not valid UTF-8. Two fields that
 * are both UTF-8, or both not, never get one name.
 */
export function fieldText(bytes: Buffer): string {
  return isUtf8(bytes) ? utf8Text(bytes, 0, bytes.length) : latin1Text(bytes, 0, bytes.length);
}

/** A string that came in pieces. One that Node would keep outside the heap is not worth it: it makes V8 collect garbage. */
export function longText(bytes: Buffer, start: number, end: number): string {
  const ascii = end - start < EXTERNAL && isAscii(bytes.subarray(start, end));
  return ascii ? latin1Text(bytes, start, end) : utf8Text(bytes, start, end);
}
