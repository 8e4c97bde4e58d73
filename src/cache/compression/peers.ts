import { peer } from "../peer.ts";
import { COMPRESSION_NUMBERS, type Compression } from "./compression.ts";

/** What is used of the package `lz4-napi`: blocks behind their length, 4 bytes, little-endian. */
interface Lz4 {
  compressSync(bytes: Uint8Array): Buffer;
  compress(bytes: Uint8Array): Promise<Buffer>;
  uncompressSync(bytes: Uint8Array): Buffer;
  uncompress(bytes: Uint8Array): Promise<Buffer>;
}

/** What is used of the package `snappy`: blocks of the raw format, which begin with their length. */
interface Snappy {
  compressSync(bytes: Uint8Array): Buffer;
  compress(bytes: Uint8Array): Promise<Buffer>;
  uncompressSync(bytes: Uint8Array, options: { asBuffer: true }): Buffer;
  uncompress(bytes: Uint8Array, options: { asBuffer: true }): Promise<Buffer>;
}

const AS_BUFFER = { asBuffer: true } as const;

/** LZ4 blocks, by the package `lz4-napi`. */
export function lz4(): Compression {
  const library = peer<Lz4>("lz4-napi", "the compression lz4");
  const within = (bytes: Uint8Array, limit: number): Uint8Array => {
    const length = bytes.length < 4 ? Infinity : Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE();
    return refuseLong(bytes, length, limit);
  };
  return {
    name: "lz4",
    number: COMPRESSION_NUMBERS.lz4,
    isReady: true,
    compress: (bytes) => library.compressSync(bytes),
    compressLater: (bytes) => library.compress(bytes),
    decompress: (bytes, limit) => library.uncompressSync(within(bytes, limit)),
    decompressLater: async (bytes, limit) => library.uncompress(within(bytes, limit)),
  };
}

/** Snappy blocks, by the package `snappy`. */
export function snappy(): Compression {
  const library = peer<Snappy>("snappy", "the compression snappy");
  const within = (bytes: Uint8Array, limit: number): Uint8Array => refuseLong(bytes, snappyLength(bytes), limit);
  return {
    name: "snappy",
    number: COMPRESSION_NUMBERS.snappy,
    isReady: true,
    compress: (bytes) => library.compressSync(bytes),
    compressLater: (bytes) => library.compress(bytes),
    decompress: (bytes, limit) => library.uncompressSync(within(bytes, limit), AS_BUFFER),
    decompressLater: async (bytes, limit) => library.uncompress(within(bytes, limit), AS_BUFFER),
  };
}

/** The length that a block begins with, in LEB128. */
function snappyLength(bytes: Uint8Array): number {
  let length = 0;
  for (let index = 0, unit = 1; index < 5; index++, unit *= 128) {
    const byte = bytes[index] ?? 255;
    length += (byte & 127) * unit;
    if (byte < 128) return length;
  }
  return Infinity;
}

function refuseLong(bytes: Uint8Array, length: number, limit: number): Uint8Array {
  if (length > limit) throw new RangeError(`it would become ${length} bytes, and ${limit} are allowed`);
  return bytes;
}
