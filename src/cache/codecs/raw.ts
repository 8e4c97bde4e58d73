import type { Codec } from "../codec.ts";
import { CacheValueError } from "../errors.ts";

/** Bytes as they are: Buffers and other Uint8Arrays go in, Buffers come out. */
export function raw(): Codec<Uint8Array> {
  return {
    id: "raw",
    encode(value) {
      if (value instanceof Uint8Array) return value;
      throw new CacheValueError(
        "raw",
        "$",
        `expected a Buffer or Uint8Array, got ${value === null ? "null" : typeof value}`,
      );
    },
    // A copy: what came may be a part of a larger buffer, which would stay in memory with it.
    decode: (bytes) => Buffer.from(bytes),
  };
}
