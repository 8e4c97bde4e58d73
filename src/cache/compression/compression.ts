/** How the bytes of a value are made smaller. */
export interface Compression {
  /** As it is named in options and statistics. */
  readonly name: CompressionName;
  /** As it is written in a value's head. */
  readonly number: number;
  /** Whether it can work at once; what is still loading does its work later. */
  readonly isReady: boolean;
  /** Inline: for little, it takes less time than a change of threads. */
  compress(bytes: Uint8Array): Buffer;
  /** On the thread pool where the library can, for large values. */
  compressLater(bytes: Uint8Array): Promise<Buffer>;
  /**
   * @param limit most bytes that may come out
   * @throws any error for what cannot be read, or would become longer
   */
  decompress(bytes: Uint8Array, limit: number): Buffer;
  decompressLater(bytes: Uint8Array, limit: number): Promise<Buffer>;
}

/** The compressions by the names that options have for them. */
export type CompressionName = "gzip" | "brotli" | "zstd" | "lz4" | "snappy";

/** Their numbers in the stored form; 0 is for none. */
export const COMPRESSION_NUMBERS: Readonly<Record<CompressionName, number>> = {
  gzip: 1,
  brotli: 2,
  zstd: 3,
  lz4: 4,
  snappy: 5,
};
