import { performance } from "node:perf_hooks";
import type { Codec } from "./codec.ts";
import { json } from "./codecs/json.ts";
import { CacheReadError } from "./errors.ts";
import type { Compression } from "./compression/compression.ts";
import { compressionNumbered, compressionOf } from "./compression/compressions.ts";
import { gzip } from "./compression/zlib.ts";
import { readStored, writeStored, type Head, type Timing } from "./stored.ts";

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

/** The bytes of an entry, and whether they are the older convention's gzip. */
export interface Encoded {
  readonly bytes: Uint8Array | string;
  readonly isZipped: boolean;
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

const NO_BYTES = new Uint8Array(0);
const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** Makes the bytes that are stored of a value, and the value of bytes that were stored, by whomever. */
export class Format {
  readonly counters: FormatCounters = { bytesBefore: 0, bytesAfter: 0, codecTime: 0 };
  readonly #settings: FormatSettings;
  /** What bare values are read with. */
  readonly #json: Codec;
  readonly #codecs: ReadonlyMap<string, Codec>;

  constructor(settings: FormatSettings) {
    const { codec, accepted } = settings;
    this.#settings = settings;
    this.#json = codec.id === "json" ? codec : json();
    this.#codecs = new Map([this.#json, ...accepted, codec].map((one) => [one.id, one]));
  }

  /**
   * The bytes to store.
   *
   * @throws CacheValueError, or what the codec throws, for a value that it cannot keep
   */
  async write(value: unknown, extras: Extras): Promise<Encoded> {
    const { codec, compression, compressAbove, isBare } = this.#settings;
    const made = this.#timed(() => codec.encode(value));
    // The caller may go on with what is its own while other threads work on it.
    const encoded = made === value && typeof made !== "string" ? Buffer.from(made) : made;
    const length = typeof encoded === "string" ? Buffer.byteLength(encoded) : encoded.length;
    const used = length > compressAbove ? (isBare ? gzip : compression) : null;
    const compressed = used === null ? null : await this.#compressed(used, bytesOf(encoded));
    if (isBare) return { bytes: compressed ?? encoded, isZipped: compressed !== null };
    const bytes =
      used !== null && compressed !== null
        ? writeStored(this.#head(length, used.number, extras), compressed)
        : this.#withHead(encoded, length, extras);
    return { bytes, isZipped: false };
  }

  /** The bytes to store where there is no value: that is what the loader found out. */
  writeEmpty(extras: Extras): Encoded {
    return { bytes: writeStored({ ...this.#head(0, 0, extras), isEmpty: true }, NO_BYTES), isZipped: false };
  }

  /**
   * Reads stored bytes: at once where nothing has to be unpacked on other threads, for a promise more is what most look-ups would pay.
   *
   * @throws CacheReadError, or rejects with it, for whatever cannot be read
   */
  read(bytes: Buffer): Entry | Promise<Entry> {
    const stored = readStored(bytes);
    if (stored === null) return this.#readBare(bytes);
    const { head, at } = stored;
    if (head.isEmpty) return entryOf(undefined, head);
    const codec = this.#codecs.get(head.codec);
    if (codec === undefined)
      throw new CacheReadError(
        "foreign",
        `a stored value of the codec ${JSON.stringify(head.codec)}, which is not among those to be read: add it to accept`,
      );
    const body = bytes.subarray(at);
    if (head.compression === 0) return entryOf(this.#decode(codec, body, head.rawLength), head);
    const compression = toUnpack(compressionNumbered, head.compression);
    const { maxValueBytes } = this.#settings;
    if (head.rawLength > maxValueBytes)
      throw new CacheReadError(
        "foreign",
        `a stored value of ${head.rawLength} bytes, more than maxValueBytes (${maxValueBytes})`,
      );
    return this.#unpacked(compression, body, head.rawLength).then((unpacked) =>
      entryOf(this.#decode(codec, unpacked, head.rawLength), head),
    );
  }

  /** JSON of whoever, as it is, or in gzip or zstd. */
  #readBare(bytes: Buffer): Entry | Promise<Entry> {
    const name = beginsWith(bytes, GZIP) ? "gzip" : beginsWith(bytes, ZSTD) ? "zstd" : null;
    const entry = (raw: Buffer): Entry => bareEntry(this.#decode(this.#json, raw, raw.length));
    if (name === null) return entry(bytes);
    return this.#unpacked(toUnpack(compressionOf, name), bytes, this.#settings.maxValueBytes).then(entry);
  }

  /** Bytes made smaller; null where that does not save enough. */
  async #compressed(compression: Compression, raw: Uint8Array): Promise<Buffer | null> {
    const isInline = compression.isReady && raw.length <= LARGE;
    const compressed = isInline ? this.#timed(() => compression.compress(raw)) : await compression.compressLater(raw);
    const isWorth = compressed.length <= raw.length * WORTH;
    this.counters.bytesBefore += raw.length;
    this.counters.bytesAfter += isWorth ? compressed.length : raw.length;
    return isWorth ? compressed : null;
  }

  #withHead(encoded: Uint8Array | string, rawLength: number, extras: Extras): Uint8Array | string {
    // What other clients can read stays readable.
    if (this.#settings.codec.id === "json" && extras.timing === null && extras.tags.length === 0) return encoded;
    return writeStored(this.#head(rawLength, 0, extras), bytesOf(encoded));
  }

  #head(rawLength: number, compression: number, { timing, tags }: Extras): Head {
    return { codec: this.#settings.codec.id, compression, rawLength, timing, tags, isEmpty: false };
  }

  async #unpacked(compression: Compression, body: Buffer, limit: number): Promise<Buffer> {
    const isInline = compression.isReady && body.length <= LARGE && limit <= 4 * LARGE;
    try {
      return isInline
        ? this.#timed(() => compression.decompress(body, limit))
        : await compression.decompressLater(body, limit);
    } catch (error) {
      throw new CacheReadError("damaged", `a stored value in ${compression.name} that cannot be unpacked`, error);
    }
  }

  #decode(codec: Codec, raw: Buffer, length: number): unknown {
    if (raw.length !== length)
      throw new CacheReadError("damaged", `a stored value of ${raw.length} bytes whose head tells ${length}`);
    try {
      return this.#timed(() => codec.decode(raw));
    } catch (error) {
      throw new CacheReadError("damaged", `a stored value that the codec ${codec.id} cannot read`, error);
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

function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? Buffer.from(payload) : payload;
}

/** @throws CacheReadError where this program has no such compression */
function toUnpack<N>(find: (name: N) => Compression | undefined, name: N): Compression {
  let cause: unknown;
  try {
    const compression = find(name);
    if (compression !== undefined) return compression;
  } catch (error) {
    cause = error; // the package for it is not installed
  }
  throw new CacheReadError(
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
