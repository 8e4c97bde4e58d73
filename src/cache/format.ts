import { performance } from "node:perf_hooks";
import type { Codec } from "./codec.ts";
import { UnreadableError } from "./errors.ts";
import type { Compression } from "./compression/compression.ts";
import { compressionNumbered, compressionOf } from "./compression/compressions.ts";
import { gzip } from "./compression/zlib.ts";
import { MARK, readStored, writeStored, type Head, type Timing } from "./stored.ts";

/** How values are written and read. */
export interface FormatSettings {
  readonly codec: Codec;
  /** Others that may be read, beside JSON. */
  readonly accepted: readonly Codec[];
  /** null for never. */
  readonly compression: Compression | null;
  /** Values of more bytes are compressed. */
  readonly compressAbove: number;
  /** A value may become so long when it is unpacked, bytes. */
  readonly maxValueBytes: number;
  /** Values are written in the older convention, without a head. */
  readonly isBare: boolean;
}

/** What writing and reading have taken. */
export interface FormatCounters {
  /** Bytes of the values that were compressed, before and after. */
  bytesBefore: number;
  bytesAfter: number;
  /** ms in codecs and compressions on the program's own thread. */
  codecTime: number;
}

/** What a value is stored with. */
export interface Extras {
  readonly timing: Timing | null;
  readonly tags: Head["tags"];
}

/** A value that was read. */
export interface Entry {
  /** undefined where `isEmpty`. */
  readonly value: unknown;
  readonly timing: Timing | null;
  readonly tags: Head["tags"];
  /** The loader found out that there is no value. */
  readonly isEmpty: boolean;
}

/** Compressed bytes are kept only if they are at most so many of those before. */
const WORTH = 0.9;
/** More than so many are compressed or unpacked on the thread pool, bytes: a change of threads costs about 30 µs. */
const LARGE = 32 * 1024;

const NO_EXTRAS: Extras = { timing: null, tags: [] };
const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** Makes the bytes that are stored of a value, and the value of bytes that were stored, by whomever. */
export class Format {
  readonly counters: FormatCounters = { bytesBefore: 0, bytesAfter: 0, codecTime: 0 };
  readonly #settings: FormatSettings;
  readonly #json: Codec;
  readonly #codecs: ReadonlyMap<string, Codec>;

  /** @param json what bare values are read with */
  constructor(settings: FormatSettings, json: Codec) {
    this.#settings = settings;
    this.#json = json;
    this.#codecs = new Map([json, ...settings.accepted, settings.codec].map((codec) => [codec.id, codec]));
  }

  /**
   * The bytes to store.
   *
   * @throws CacheValueError, or what the codec throws, for a value that it cannot keep
   */
  write(value: unknown, extras: Extras = NO_EXTRAS): Uint8Array | string | Promise<Uint8Array> {
    const { codec, compression, compressAbove } = this.#settings;
    const encoded = this.#timed(() => codec.encode(value));
    const length = typeof encoded === "string" ? Buffer.byteLength(encoded) : encoded.length;
    if (compression !== null && length > compressAbove)
      return this.#writeCompressed(compression, encoded, length, extras);
    return this.#withHead(encoded, length, 0, extras);
  }

  /** Whether values are written in the older convention, without a head. */
  get isBare(): boolean {
    return this.#settings.isBare;
  }

  /** The bytes to store in the older convention: JSON, or gzip of it. */
  async writeBare(value: unknown): Promise<{ readonly bytes: Uint8Array | string; readonly isZipped: boolean }> {
    const { codec, compressAbove } = this.#settings;
    const encoded = this.#timed(() => codec.encode(value));
    const raw = bytesOf(encoded);
    if (raw.length <= compressAbove) return { bytes: encoded, isZipped: false };
    const zipped = raw.length <= LARGE ? this.#timed(() => gzip.compress(raw)) : await gzip.compressLater(raw);
    const isZipped = zipped.length <= raw.length * WORTH;
    this.counters.bytesBefore += raw.length;
    this.counters.bytesAfter += isZipped ? zipped.length : raw.length;
    return { bytes: isZipped ? zipped : encoded, isZipped };
  }

  /** The bytes to store where there is no value. */
  writeEmpty(extras: Extras): Uint8Array {
    return writeStored({ ...this.#head(0, 0, extras), isEmpty: true }, NO_BYTES);
  }

  /**
   * Reads stored bytes.
   *
   * @throws UnreadableError for whatever cannot be read
   */
  read(bytes: Buffer): Entry | Promise<Entry> {
    if (bytes[0] !== MARK) return this.#readBare(bytes);
    const stored = readStored(bytes);
    if (stored === null) throw new UnreadableError("damaged", "a stored value without a head");
    const { head, at } = stored;
    if (head.isEmpty) return entryOf(undefined, head);
    const codec = this.#codecs.get(head.codec);
    if (codec === undefined)
      throw new UnreadableError(
        "foreign",
        `a stored value of the codec ${JSON.stringify(head.codec)}, which is not among those to be read`,
      );
    const body = bytes.subarray(at);
    if (head.compression === 0) return entryOf(this.#decode(codec, body, head.rawLength), head);
    const compression = toUnpack(compressionNumbered, head.compression);
    if (head.rawLength > this.#settings.maxValueBytes)
      throw new UnreadableError(
        "foreign",
        `a stored value of ${head.rawLength} bytes, and ${this.#settings.maxValueBytes} are allowed`,
      );
    const unpacked = this.#unpack(compression, body, head.rawLength);
    if (unpacked instanceof Promise)
      return unpacked.then((raw) => entryOf(this.#decode(codec, raw, head.rawLength), head));
    return entryOf(this.#decode(codec, unpacked, head.rawLength), head);
  }

  /** JSON of whoever, as it is, or in gzip or zstd. */
  #readBare(bytes: Buffer): Entry | Promise<Entry> {
    const name = beginsWith(bytes, GZIP) ? "gzip" : beginsWith(bytes, ZSTD) ? "zstd" : null;
    if (name === null) return bareEntry(this.#decode(this.#json, bytes, bytes.length));
    const unpacked = this.#unpack(toUnpack(compressionOf, name), bytes, this.#settings.maxValueBytes);
    if (unpacked instanceof Promise)
      return unpacked.then((raw) => bareEntry(this.#decode(this.#json, raw, raw.length)));
    return bareEntry(this.#decode(this.#json, unpacked, unpacked.length));
  }

  #writeCompressed(
    compression: Compression,
    encoded: Uint8Array | string,
    length: number,
    extras: Extras,
  ): Uint8Array | string | Promise<Uint8Array> {
    const bytes = typeof encoded === "string" ? Buffer.from(encoded) : encoded;
    const keep = (compressed: Buffer): Uint8Array | string => {
      const isWorth = compressed.length <= length * WORTH;
      this.counters.bytesBefore += length;
      this.counters.bytesAfter += isWorth ? compressed.length : length;
      return isWorth
        ? this.#withHead(compressed, length, compression.number, extras)
        : this.#withHead(encoded, length, 0, extras);
    };
    if (compression.isReady && length <= LARGE) return keep(this.#timed(() => compression.compress(bytes)));
    return compression.compressLater(bytes).then((compressed) => bytesOf(keep(compressed)));
  }

  #withHead(payload: Uint8Array | string, rawLength: number, compression: number, extras: Extras): Uint8Array | string {
    const { codec } = this.#settings;
    // What other clients can read stays readable.
    if (compression === 0 && codec.id === "json" && extras.timing === null && extras.tags.length === 0) return payload;
    return writeStored(this.#head(rawLength, compression, extras), bytesOf(payload));
  }

  #head(rawLength: number, compression: number, { timing, tags }: Extras): Head {
    return { codec: this.#settings.codec.id, compression, rawLength, timing, tags, isEmpty: false };
  }

  #unpack(compression: Compression, body: Buffer, limit: number): Buffer | Promise<Buffer> {
    const refuse = (error: unknown): never => {
      throw new UnreadableError("damaged", `a stored value in ${compression.name} that cannot be unpacked`, error);
    };
    if (!compression.isReady || body.length > LARGE || limit > 4 * LARGE)
      return compression.decompressLater(body, limit).catch(refuse);
    try {
      return this.#timed(() => compression.decompress(body, limit));
    } catch (error) {
      return refuse(error);
    }
  }

  #decode(codec: Codec, raw: Buffer, length: number): unknown {
    if (raw.length !== length)
      throw new UnreadableError("damaged", `a stored value of ${raw.length} bytes whose head tells ${length}`);
    try {
      return this.#timed(() => codec.decode(raw));
    } catch (error) {
      throw new UnreadableError("damaged", `a stored value that the codec ${codec.id} cannot read`, error);
    }
  }

  #timed<T>(work: () => T): T {
    const began = performance.now();
    try {
      return work();
    } finally {
      this.counters.codecTime += performance.now() - began;
    }
  }
}

const NO_BYTES = new Uint8Array(0);

function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? Buffer.from(payload) : payload;
}

/** @throws UnreadableError where this program has no such compression */
function toUnpack<N>(find: (name: N) => Compression | undefined, name: N): Compression {
  let cause: unknown;
  try {
    const compression = find(name);
    if (compression !== undefined) return compression;
  } catch (error) {
    cause = error; // the package for it is not installed
  }
  throw new UnreadableError(
    "foreign",
    `a stored value of the compression ${String(name)}, which this program cannot unpack`,
    cause,
  );
}

function beginsWith(bytes: Buffer, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

function bareEntry(value: unknown): Entry {
  return { value, timing: null, tags: [], isEmpty: false };
}

function entryOf(value: unknown, { timing, tags, isEmpty }: Head): Entry {
  return { value, timing, tags, isEmpty };
}
