import { isUtf8 } from "node:buffer";
import type { Codec } from "../codec.ts";
import { refuseLost, type Keeps } from "./lost.ts";

/** How JSON is written. */
export interface JsonOptions {
  /** Leaves out properties that are undefined, as `JSON.stringify` does, instead of refusing the value. Default false. */
  readonly dropUndefined?: boolean | undefined;
}

const KEEPS: Keeps = { loneSurrogates: true, protoName: true };

/**
 * JSON: what every other client can read. Refuses what JSON would lose or change: undefined, NaN, -0, bigint, Date, Map, Set, Buffer,
 * typed arrays, and instances of classes.
 */
export function json<T = unknown>(options: JsonOptions = {}): Codec<T> {
  const keeps: Keeps = options.dropUndefined === true ? { ...KEEPS, undefined: "properties" } : KEEPS;
  return {
    id: "json",
    encode(value) {
      refuseLost("json", value, keeps);
      return JSON.stringify(value);
    },
    decode: (bytes) => parse(bytes) as T,
  };
}

/** Bytes that are no UTF-8 are no JSON: with replacement characters in them they would be another value. */
function parse(bytes: Buffer): unknown {
  const text = bytes.toString();
  // Only where there is such a character the bytes are looked at again: it may be their own.
  if (text.includes("\uFFFD") && !isUtf8(bytes)) throw new SyntaxError("no UTF-8");
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("no JSON"); // its own error would quote the text
  }
}
