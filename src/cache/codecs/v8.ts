import { deserialize, serialize } from "node:v8";
import type { Codec } from "../codec.ts";
import { CacheValueError } from "../errors.ts";
import { refuseLost, type Keeps } from "./lost.ts";

const KEEPS: Keeps = {
  nonFinite: true,
  negativeZero: true,
  loneSurrogates: true,
  undefined: true,
  protoName: true,
  bigintBits: Infinity,
  dates: true,
  maps: true,
  sets: true,
  buffers: true,
  views: true,
  others: true,
  cycles: true,
};

/**
 * V8's structured clone: keeps Dates, Maps, Sets, bigints, undefined, typed arrays, RegExps, errors, and objects that are in themselves.
 * Only programs on Node can read it, and not every version reads what a later one has written: then it is a miss. Read it only from
 * a Redis that nobody else writes to: its reader is not made for hostile bytes.
 */
export function v8<T = unknown>(): Codec<T> {
  return {
    id: "v8",
    encode(value) {
      refuseLost("v8", value, KEEPS);
      try {
        return serialize(value);
      } catch (error) {
        throw new CacheValueError("v8", "$", error instanceof Error ? error.message : String(error), error);
      }
    },
    decode: (bytes) => deserialize(bytes) as T,
  };
}
