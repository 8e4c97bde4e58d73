import { peer } from "../peer.ts";
import { COMPRESSION_NUMBERS, type Compression } from "./compression.ts";

/** What is used of the package `@bokuweb/zstd-wasm`. */
interface ZstdWasm {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** zstd's own default. */
const LEVEL = 3;

/** zstd by the package `@bokuweb/zstd-wasm`, for versions of Node that have none. It runs on the caller's thread, once it is loaded. */
export function wasmZstd(): Compression {
  const library = peer<ZstdWasm>("@bokuweb/zstd-wasm", "the compression zstd, which this version of Node has not,");
  let isLoaded = false;
  const loading = library.init().then(() => {
    isLoaded = true;
  });
  // Who needs it hears of it; before that nobody may.
  loading.catch(() => {});
  const compress = (bytes: Uint8Array): Buffer => bufferOf(library.compress(bytes, LEVEL));
  const decompress = (bytes: Uint8Array, limit: number): Buffer => {
    const length = contentLength(bytes);
    if (length > limit) throw new RangeError(`it would become ${length} bytes, and ${limit} are allowed`);
    return bufferOf(library.decompress(bytes));
  };
  return {
    name: "zstd",
    number: COMPRESSION_NUMBERS.zstd,
    get isReady() {
      return isLoaded;
    },
    compress,
    compressLater: (bytes) => loading.then(() => compress(bytes)),
    decompress,
    decompressLater: (bytes, limit) => loading.then(() => decompress(bytes, limit)),
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The length that a frame tells it has, RFC 8878, section 3.1.1; Infinity where it tells none: the package would unpack it without a
 * limit.
 */
function contentLength(bytes: Uint8Array): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 6 || view.readUInt32LE(0) !== 0xfd2fb528) return Infinity;
  const descriptor = view[4] as number;
  const isSingle = (descriptor & 0x20) !== 0;
  const size = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const at = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] as number);
  if (size === 0 || at + size > view.length) return Infinity;
  if (size === 8) return Number(view.readBigUInt64LE(at));
  return view.readUIntLE(at, size) + (size === 2 ? 256 : 0);
}
