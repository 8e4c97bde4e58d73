/** The first byte of every element on the wire (RESP2 and RESP3), and the bytes that end a line. */
export const CR = 0x0d;
export const LF = 0x0a;
export const ZERO = 0x30;
export const MINUS = 0x2d;

export const SIMPLE = 0x2b; // +
export const ERROR = 0x2d; // -
export const INTEGER = 0x3a; // :
export const BULK = 0x24; // $
export const ARRAY = 0x2a; // *
export const NULL = 0x5f; // _
export const BOOLEAN = 0x23; // #
export const DOUBLE = 0x2c; // ,
export const BIG_NUMBER = 0x28; // (
export const BLOB_ERROR = 0x21; // !
export const VERBATIM = 0x3d; // =
export const MAP = 0x25; // %
export const SET = 0x7e; // ~
export const ATTRIBUTE = 0x7c; // |
export const PUSH = 0x3e; // >
/** A part of a streamed string; stands only behind `$?`. */
export const STREAM_PART = 0x3b; // ;
/** The end of a streamed aggregate; stands only inside one. */
export const STREAM_END = 0x2e; // .
/** In place of a length: the length is not known yet. */
export const STREAMED = 0x3f; // ?

/** 1 where a byte can begin an element of its own. */
export const startsElement: Uint8Array = new Uint8Array(256);
for (const type of [SIMPLE, ERROR, INTEGER, BULK, ARRAY, NULL, BOOLEAN, DOUBLE, BIG_NUMBER, BLOB_ERROR, VERBATIM]) {
  startsElement[type] = 1;
}
for (const type of [MAP, SET, ATTRIBUTE, PUSH]) startsElement[type] = 1;

/** One byte for an error's text: its code, and its character where it can be printed. */
export function byteName(byte: number): string {
  const hex = `0x${byte.toString(16).padStart(2, "0")}`;
  return byte > 0x20 && byte < 0x7f ? `${hex} '${String.fromCharCode(byte)}'` : hex;
}
