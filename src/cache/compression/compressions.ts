import { choiceOf } from "../validate.ts";
import { COMPRESSION_NUMBERS, type Compression, type CompressionName } from "./compression.ts";
import { lz4, snappy } from "./peers.ts";
import { brotli, gzip, nodeZstd } from "./zlib.ts";
import { wasmZstd } from "./zstd-wasm.ts";

const MAKERS: Readonly<Record<CompressionName, () => Compression>> = {
  gzip: () => gzip,
  brotli: () => brotli,
  zstd: () => nodeZstd ?? wasmZstd(),
  lz4,
  snappy,
};
const NAMES = new Map(Object.entries(COMPRESSION_NUMBERS).map(([name, number]) => [number, name as CompressionName]));
const made = new Map<CompressionName, Compression>();

/**
 * The compression of that name.
 *
 * @throws OptionsError where the package for it is not installed
 */
export function compressionOf(name: CompressionName): Compression {
  let compression = made.get(name);
  if (compression === undefined) {
    compression = MAKERS[name]();
    made.set(name, compression);
  }
  return compression;
}

/** The compression that a stored value names; undefined for a number that is not in use. */
export function compressionNumbered(number: number): Compression | undefined {
  const name = NAMES.get(number);
  return name === undefined ? undefined : compressionOf(name);
}

/** Checks a name that came from outside. */
export function validateCompression(option: string, value: unknown): CompressionName {
  return choiceOf(option, value, Object.keys(MAKERS) as CompressionName[]);
}
