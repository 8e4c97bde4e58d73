import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { COMPRESSION_NUMBERS, type Compression } from "./compression.ts";

/** Node's own, which throw where more than `maxOutputLength` comes out. */
type Sync = (bytes: Uint8Array, options: object) => Buffer;
type Later = (bytes: Uint8Array, options: object) => Promise<Buffer>;

/** The fastest: what more would save is little, and costs several times as much CPU. */
const GZIP = { level: 1 };
const BROTLI = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } };
const ZSTD = {};

export const gzip: Compression = {
  name: "gzip",
  number: COMPRESSION_NUMBERS.gzip,
  ...by({
    compress: [zlib.gzipSync, promisify(zlib.gzip) as Later, GZIP],
    decompress: [zlib.gunzipSync, promisify(zlib.gunzip) as Later],
  }),
};

export const brotli: Compression = {
  name: "brotli",
  number: COMPRESSION_NUMBERS.brotli,
  ...by({
    compress: [zlib.brotliCompressSync, promisify(zlib.brotliCompress) as Later, BROTLI],
    decompress: [zlib.brotliDecompressSync, promisify(zlib.brotliDecompress) as Later],
  }),
};

/** zstd of `node:zlib`, which came with Node 22.15 and 23.8; null before. */
export const nodeZstd: Compression | null = zstdOfNode();

function zstdOfNode(): Compression | null {
  const { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } = zlib as unknown as Partial<
    Record<string, (...args: never[]) => unknown>
  >;
  if (!zstdCompress || !zstdCompressSync || !zstdDecompress || !zstdDecompressSync) return null;
  return {
    name: "zstd",
    number: COMPRESSION_NUMBERS.zstd,
    ...by({
      compress: [zstdCompressSync as Sync, promisify<Uint8Array, object, Buffer>(zstdCompress as never), ZSTD],
      decompress: [zstdDecompressSync as Sync, promisify<Uint8Array, object, Buffer>(zstdDecompress as never)],
    }),
  };
}

function by(functions: {
  readonly compress: readonly [Sync, Later, object];
  readonly decompress: readonly [Sync, Later];
}): Omit<Compression, "name" | "number"> {
  const [compress, compressLater, options] = functions.compress;
  const [decompress, decompressLater] = functions.decompress;
  return {
    isReady: true,
    compress: (bytes) => compress(bytes, options),
    compressLater: (bytes) => compressLater(bytes, options),
    decompress: (bytes, limit) => decompress(bytes, { maxOutputLength: limit }),
    decompressLater: (bytes, limit) => decompressLater(bytes, { maxOutputLength: limit }),
  };
}
