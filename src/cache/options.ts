import { OptionsError } from "../index.ts";
import type { BreakerSettings } from "./breaker.ts";
import type { AnyCodec, Codec } from "./codec.ts";
import { json } from "./codecs/json.ts";
import type { CompressionName } from "./compression/compression.ts";
import type { FormatSettings } from "./format.ts";
import type { MemorySettings } from "./memory.ts";
import type { CacheErrorPlace } from "./report.ts";
import type { TwoKeys } from "./two-keys.ts";
import { compressionOf, validateCompression } from "./compression/compressions.ts";
import {
  arrayOf,
  booleanOf,
  choiceOf,
  msOfSeconds,
  numberOf,
  objectOf,
  refuse,
  ttlOf,
  type Range,
} from "./validate.ts";

/** When values are compressed, and how. */
export interface CompressOptions {
  /** Values of more bytes are compressed; default 1024. */
  readonly above?: number | undefined;
  /** Default `gzip`, at level 1. */
  readonly with?: CompressionName | undefined;
}

/** When a Redis that does not answer is left alone for a while. */
export interface BreakerOptions {
  /** So many failures in a row open the breaker; default 5. */
  readonly failures?: number | undefined;
  /** How long it is open at first, ms, ± 25 %; default 500. Doubled each time the try at its end fails. */
  readonly pause?: number | undefined;
  /** Default 10000 ms. */
  readonly longestPause?: number | undefined;
}

/** The first level, in the program's memory; it needs the package `lru-cache`. */
export interface MemoryOptions {
  /** Most entries; default 10000. The least recently used ones go. */
  readonly maxEntries?: number | undefined;
  /** Most bytes of entries, as they are stored, and 300 for each; default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** No entry is served for longer than this after it was read, even if nobody tells of its change, s; default 30. */
  readonly maxAge?: number | undefined;
  /**
   * `broadcast`: the servers tell of every change in the namespace. `reads`: they remember which entries this program has read, and tell of
   * those only: less news where many others write, more work for the servers. Default `broadcast`.
   */
  readonly tracking?: "broadcast" | "reads" | undefined;
  /** Gives each caller a copy of its own, which takes the codec's time at each hit; default false: plain values are frozen and shared. */
  readonly copies?: boolean | undefined;
}

/** What a cache can be made with. Times to live in seconds, as Redis' EX has them; limits of operations in ms. */
export interface CacheOptions<T> {
  /** What the keys begin with, before `:`; 1 to 128 characters. Required. */
  readonly namespace: string;
  /** How long an entry is fresh, s; default 300; Infinity for ever. */
  readonly ttl?: number | undefined;
  /** A random part of each time to live is taken off, up to this fraction, so that not all entries end at once; default 0.1. */
  readonly jitter?: number | undefined;
  /** How long after its time an entry is served when the loader fails, s; Redis keeps it for so much longer. Default 0. */
  readonly grace?: number | undefined;
  /** How long after its time an entry is served at once while a new one is made, s; default 0. */
  readonly staleWhileRevalidate?: number | undefined;
  /** How long it is kept that the loader has returned undefined, s; default 0: not at all. */
  readonly negativeTtl?: number | undefined;
  /** How eagerly an entry is made anew before its time: 1 by default, more is earlier, 0 is never. */
  readonly earlyRefresh?: number | undefined;
  /** Default `json()`. */
  readonly codec?: Codec<T> | undefined;
  /** Other codecs whose values may be read; JSON always may. */
  readonly accept?: readonly AnyCodec[] | undefined;
  /** Default `{ above: 1024, with: "gzip" }`; false for never. */
  readonly compress?: CompressOptions | false | undefined;
  /**
   * The older convention, in which a large value is under a key of its own, `KEY:gz`, as gzip of its JSON: `read` finds such values, too;
   * `migrate` moves those that it finds; `write` follows it, without anything that needs a head. Default: not at all.
   */
  readonly twoKeys?: TwoKeys | undefined;
  /** A stored value may become so long when it is unpacked, bytes; default 64 MiB. */
  readonly maxValueBytes?: number | undefined;
  /** How long Redis may take for a look-up, with all that belongs to it, ms; default 50. */
  readonly readTimeout?: number | undefined;
  /** How long Redis may take for a write, ms; default 250. */
  readonly writeTimeout?: number | undefined;
  /** Most writes under way in the background; further ones are dropped. Default 1000. */
  readonly maxPendingWrites?: number | undefined;
  /**
   * How long the lock of an entry that is being made lasts without renewal, ms: after a crash of its maker others wait for so long. A loader
   * in another process is waited for 4 times as long at most. Default 5000.
   */
  readonly lockTtl?: number | undefined;
  readonly breaker?: BreakerOptions | undefined;
  /** A first level in memory; true for one with the default settings. Default false. */
  readonly memory?: MemoryOptions | boolean | undefined;
  /**
   * Called with what went wrong and did not reach a caller, and where: commands that failed or were late, stored values that cannot be read
   * (`CacheReadError`), values of loaders that the codec cannot keep (`CacheValueError`), and what loaders threw where an older value was
   * served or made anew in the background.
   */
  readonly onError?: ((error: unknown, place: CacheErrorPlace) => void) | undefined;
}

/** The options, checked. Times to live in ms here, too. */
export interface ResolvedCache extends FormatSettings {
  readonly namespace: string;
  readonly ttl: number;
  readonly jitter: number;
  readonly grace: number;
  readonly staleWhileRevalidate: number;
  readonly negativeTtl: number;
  readonly earlyRefresh: number;
  readonly twoKeys: TwoKeys | null;
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly maxPendingWrites: number;
  readonly lockTtl: number;
  readonly breaker: BreakerSettings;
  readonly memory: MemorySettings | null;
  readonly onError: ((error: unknown, place: CacheErrorPlace) => void) | null;
}

/** How eagerly entries may be made anew. */
export const EAGERNESS: Range = { min: 0, max: 100, unit: "a number" };
const MILLISECONDS: Range = { min: 1, max: 2_147_483_647, unit: "a number of ms" };
const COUNT: Range = { min: 0, max: 1_000_000_000, whole: true, unit: "a whole number" };
const OWN_ID = /^[a-z0-9._-]{1,32}$/;

/** The names of the options: the compiler holds them against the types. */
const NAMES = Object.keys({
  namespace: 1,
  ttl: 1,
  jitter: 1,
  grace: 1,
  staleWhileRevalidate: 1,
  negativeTtl: 1,
  earlyRefresh: 1,
  codec: 1,
  accept: 1,
  compress: 1,
  twoKeys: 1,
  maxValueBytes: 1,
  readTimeout: 1,
  writeTimeout: 1,
  maxPendingWrites: 1,
  lockTtl: 1,
  breaker: 1,
  memory: 1,
  onError: 1,
} satisfies Record<keyof CacheOptions<unknown>, 1>);
const BREAKER = Object.keys({ failures: 1, pause: 1, longestPause: 1 } satisfies Record<keyof BreakerOptions, 1>);
const COMPRESS = Object.keys({ above: 1, with: 1 } satisfies Record<keyof CompressOptions, 1>);
const MEMORY = Object.keys({ maxEntries: 1, maxBytes: 1, maxAge: 1, tracking: 1, copies: 1 } satisfies Record<
  keyof MemoryOptions,
  1
>);

/** @throws OptionsError naming the option, what was expected and what came */
export function resolveCache(given: unknown): ResolvedCache {
  const options = objectOf("the options of a cache", given, NAMES);
  const number = (name: string, fallback: number, range: Range): number =>
    numberOf(name, options[name], fallback, range);
  const time = (name: string): number => msOfSeconds(name, options[name], 0);
  return {
    namespace: options["namespace"] as string, // Keys checks it
    ttl: ttlOf("ttl", options["ttl"], 300_000),
    jitter: number("jitter", 0.1, { min: 0, max: 0.9, unit: "a fraction" }),
    grace: time("grace"),
    staleWhileRevalidate: time("staleWhileRevalidate"),
    negativeTtl: time("negativeTtl"),
    earlyRefresh: number("earlyRefresh", 1, EAGERNESS),
    codec: codecOf("codec", options["codec"] ?? json()),
    accepted: arrayOf("accept", options["accept"]).map((codec) => codecOf("accept", codec)),
    ...compressionOptions(options["compress"]),
    ...twoKeysOptions(options),
    maxValueBytes: number("maxValueBytes", 64 * 1024 * 1024, { ...COUNT, min: 1 }),
    readTimeout: number("readTimeout", 50, MILLISECONDS),
    writeTimeout: number("writeTimeout", 250, MILLISECONDS),
    maxPendingWrites: number("maxPendingWrites", 1000, COUNT),
    lockTtl: number("lockTtl", 5000, { ...MILLISECONDS, min: 100, whole: true, unit: "a whole number of ms" }),
    breaker: breakerOptions(options["breaker"]),
    memory: memoryOptions(options["memory"]),
    onError: listenerOf(options["onError"]),
  };
}

function compressionOptions(given: unknown): Pick<ResolvedCache, "compression" | "compressAbove"> {
  if (given === false) return { compression: null, compressAbove: Infinity };
  const options = objectOf("compress", given ?? {}, COMPRESS);
  const name = options["with"] === undefined ? "gzip" : validateCompression("compress.with", options["with"]);
  const compressAbove = numberOf("compress.above", options["above"], 1024, COUNT);
  return { compression: compressionOf(name), compressAbove };
}

function breakerOptions(given: unknown): BreakerSettings {
  const { failures, pause, longestPause } = objectOf("breaker", given ?? {}, BREAKER);
  return {
    failures: numberOf("breaker.failures", failures, 5, { ...COUNT, min: 1 }),
    pause: numberOf("breaker.pause", pause, 500, MILLISECONDS),
    longestPause: numberOf("breaker.longestPause", longestPause, 10_000, MILLISECONDS),
  };
}

function memoryOptions(given: unknown): MemorySettings | null {
  if (given === undefined || given === false) return null;
  const { maxEntries, maxBytes, maxAge, tracking, copies } = objectOf("memory", given === true ? {} : given, MEMORY);
  return {
    maxEntries: numberOf("memory.maxEntries", maxEntries, 10_000, { ...COUNT, min: 1 }),
    maxBytes: numberOf("memory.maxBytes", maxBytes, 64 * 1024 * 1024, { ...COUNT, min: 1 }),
    maxAge: msOfSeconds("memory.maxAge", maxAge, 30_000),
    mode: choiceOf("memory.tracking", tracking ?? "broadcast", ["broadcast", "reads"]),
    copies: booleanOf("memory.copies", copies, false),
  };
}

/** What is kept beside a value, and needs a head. */
const BESIDE = ["tags", "grace", "staleWhileRevalidate", "negativeTtl"];

function twoKeysOptions(options: Readonly<Record<string, unknown>>): Pick<ResolvedCache, "twoKeys" | "isBare"> {
  const { twoKeys: given, codec } = options;
  const twoKeys = given === undefined ? null : choiceOf("twoKeys", given, ["read", "migrate", "write"]);
  const isBare = twoKeys === "write";
  if (isBare) {
    refuseBeside(options);
    if (codec !== undefined && (codec as Partial<Codec>).id !== "json")
      throw new OptionsError("codec", `codec must be json() with twoKeys: "write"`);
  }
  return { twoKeys, isBare };
}

/** @throws OptionsError for options that the older convention, which has no heads, cannot keep */
export function refuseBeside(options: Readonly<Record<string, unknown>>): void {
  const other = BESIDE.find((name) => options[name] !== undefined);
  if (other !== undefined)
    throw new OptionsError(other, `${other} cannot be kept with twoKeys: "write", whose values have no head`);
}

function codecOf(option: string, given: unknown): Codec {
  const { id, encode, decode } = (given ?? {}) as Partial<Codec>;
  if (typeof id === "string" && OWN_ID.test(id) && typeof encode === "function" && typeof decode === "function")
    return given as Codec;
  return refuse(
    option,
    "a codec: { id, encode, decode }, with an id of 1 to 32 of the characters a-z 0-9 . _ -",
    given,
  );
}

function listenerOf(given: unknown): ResolvedCache["onError"] {
  if (given === undefined) return null;
  return typeof given === "function" ? (given as ResolvedCache["onError"]) : refuse("onError", "a function", given);
}
