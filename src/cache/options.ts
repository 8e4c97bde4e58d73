import { OptionsError } from "../index.ts";
import type { BreakerSettings } from "./breaker.ts";
import type { Codec } from "./codec.ts";
import { json } from "./codecs/json.ts";
import type { Compression, CompressionName } from "./compression/compression.ts";
import type { MemorySettings } from "./memory.ts";
import type { TwoKeys } from "./two-keys.ts";
import { compressionOf, validateCompression } from "./compression/compressions.ts";

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
  /** How long after its time an entry is served when the loader fails, s; default 0. */
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
  readonly accept?: readonly Codec<never>[] | undefined;
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
  /** How long the lock of an entry that is being made lasts without renewal, ms; default 5000. */
  readonly lockTtl?: number | undefined;
  readonly breaker?: BreakerOptions | undefined;
  /** A first level in memory; true for one with the default settings. Default false. */
  readonly memory?: MemoryOptions | boolean | undefined;
  /** Called with what went wrong and did not reach a caller. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The options, checked. Times to live in ms here, too. */
export interface ResolvedCache {
  readonly namespace: string;
  readonly ttl: number;
  readonly jitter: number;
  readonly grace: number;
  readonly staleWhileRevalidate: number;
  readonly negativeTtl: number;
  readonly earlyRefresh: number;
  readonly codec: Codec;
  readonly accepted: readonly Codec[];
  readonly compression: Compression | null;
  readonly compressAbove: number;
  readonly twoKeys: TwoKeys | null;
  /** Values are written without a head. */
  readonly isBare: boolean;
  readonly maxValueBytes: number;
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly maxPendingWrites: number;
  readonly lockTtl: number;
  readonly breaker: BreakerSettings;
  readonly memory: MemorySettings | null;
  readonly onError: ((error: unknown) => void) | null;
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
  readonly unit: string;
}

/** 10 years. */
const SECONDS: Range = { min: 0, max: 315_360_000, unit: "a number of seconds" };
const MILLISECONDS: Range = { min: 1, max: 2_147_483_647, unit: "a number of ms" };
const COUNT: Range = { min: 0, max: 1_000_000_000, whole: true, unit: "a whole number" };
const OWN_ID = /^[a-z0-9._-]{1,32}$/;

const NAMES = [
  "namespace",
  "ttl",
  "jitter",
  "grace",
  "staleWhileRevalidate",
  "negativeTtl",
  "earlyRefresh",
  "codec",
  "accept",
  "compress",
  "twoKeys",
  "maxValueBytes",
  "readTimeout",
  "writeTimeout",
  "maxPendingWrites",
  "lockTtl",
  "breaker",
  "memory",
  "onError",
];

/** @throws OptionsError naming the option, what was expected and what came */
export function resolveCache(given: unknown): ResolvedCache {
  const options = objectOf("cache options", given, NAMES);
  const number = (name: string, fallback: number, range: Range): number =>
    numberOf(name, options[name], fallback, range);
  const seconds = (name: string, fallback: number): number => number(name, fallback, SECONDS) * 1000;
  const ttl = secondsOf("ttl", options["ttl"], 300_000);
  if (ttl < 1)
    throw new OptionsError("ttl", "ttl must be at least 0.001 s, got 0: to cache nothing, do not ask the cache");
  const breaker = objectOf("breaker", options["breaker"] ?? {}, ["failures", "pause", "longestPause"]);
  return {
    namespace: options["namespace"] as string, // Keys checks it
    ttl,
    jitter: number("jitter", 0.1, { min: 0, max: 0.9, unit: "a fraction" }),
    grace: seconds("grace", 0),
    staleWhileRevalidate: seconds("staleWhileRevalidate", 0),
    negativeTtl: seconds("negativeTtl", 0),
    earlyRefresh: number("earlyRefresh", 1, { min: 0, max: 100, unit: "a number" }),
    codec: codecOf("codec", options["codec"] ?? json()),
    accepted: listOf("accept", options["accept"]).map((codec) => codecOf("accept", codec)),
    ...compressionOptions(options["compress"]),
    ...twoKeysOptions(options),
    maxValueBytes: number("maxValueBytes", 64 * 1024 * 1024, { ...COUNT, min: 1 }),
    readTimeout: number("readTimeout", 50, MILLISECONDS),
    writeTimeout: number("writeTimeout", 250, MILLISECONDS),
    maxPendingWrites: number("maxPendingWrites", 1000, COUNT),
    lockTtl: number("lockTtl", 5000, { ...MILLISECONDS, min: 100 }),
    breaker: {
      failures: numberOf("breaker.failures", breaker["failures"], 5, { ...COUNT, min: 1 }),
      pause: numberOf("breaker.pause", breaker["pause"], 500, MILLISECONDS),
      longestPause: numberOf("breaker.longestPause", breaker["longestPause"], 10_000, MILLISECONDS),
    },
    memory: memoryOptions(options["memory"]),
    onError: functionOf("onError", options["onError"]),
  };
}

function compressionOptions(given: unknown): Pick<ResolvedCache, "compression" | "compressAbove"> {
  if (given === false) return { compression: null, compressAbove: Infinity };
  const options = objectOf("compress", given ?? {}, ["above", "with"]);
  const name = options["with"] === undefined ? "gzip" : validateCompression("compress.with", options["with"]);
  const compressAbove = numberOf("compress.above", options["above"], 1024, COUNT);
  return { compression: compressionOf(name), compressAbove };
}

/** What is kept beside a value needs a head, and the older convention has none. */
const NEEDS_HEAD = ["grace", "staleWhileRevalidate", "negativeTtl"];

function twoKeysOptions(options: Readonly<Record<string, unknown>>): Pick<ResolvedCache, "twoKeys" | "isBare"> {
  const { twoKeys = null, codec } = options;
  if (twoKeys !== null && twoKeys !== "read" && twoKeys !== "migrate" && twoKeys !== "write")
    throw new OptionsError("twoKeys", `twoKeys must be "read", "migrate" or "write", got ${kindOf(twoKeys)}`);
  if (twoKeys === "write") {
    const other = NEEDS_HEAD.find((name) => options[name] !== undefined);
    if (other !== undefined)
      throw new OptionsError(other, `${other} cannot be kept with twoKeys: "write", whose values have no head`);
    if (codec !== undefined && (codec as Partial<Codec>).id !== "json")
      throw new OptionsError("codec", `codec must be json() with twoKeys: "write"`);
  }
  return { twoKeys, isBare: twoKeys === "write" };
}

function memoryOptions(given: unknown): MemorySettings | null {
  if (given === undefined || given === false) return null;
  const options = objectOf("memory", given === true ? {} : given, [
    "maxEntries",
    "maxBytes",
    "maxAge",
    "tracking",
    "copies",
  ]);
  const { tracking = "broadcast", copies = false } = options;
  if (tracking !== "broadcast" && tracking !== "reads")
    throw new OptionsError(
      "memory.tracking",
      `memory.tracking must be "broadcast" or "reads", got ${kindOf(tracking)}`,
    );
  if (typeof copies !== "boolean")
    throw new OptionsError("memory.copies", `memory.copies must be a boolean, got ${kindOf(copies)}`);
  return {
    maxEntries: numberOf("memory.maxEntries", options["maxEntries"], 10_000, { ...COUNT, min: 1 }),
    maxBytes: numberOf("memory.maxBytes", options["maxBytes"], 64 * 1024 * 1024, { ...COUNT, min: 1 }),
    maxAge: numberOf("memory.maxAge", options["maxAge"], 30, SECONDS) * 1000,
    mode: tracking,
    copies,
  };
}

function codecOf(option: string, given: unknown): Codec {
  const { id, encode, decode } = (given ?? {}) as Partial<Codec>;
  if (typeof id !== "string" || !OWN_ID.test(id) || typeof encode !== "function" || typeof decode !== "function")
    throw new OptionsError(
      option,
      `${option} must be a codec: { id, encode, decode }, with an id of 1 to 32 of the characters a-z 0-9 . _ -, got ${kindOf(given)}`,
    );
  return given as Codec;
}

/** @throws OptionsError for what is no object, or has a name that is not known */
export function objectOf(option: string, given: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new OptionsError(option, `${option} must be an object, got ${kindOf(given)}`);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new OptionsError(
      unknown,
      `there is no option ${JSON.stringify(unknown)} in ${option}: expected one of ${names.join(", ")}`,
    );
  return given as Readonly<Record<string, unknown>>;
}

/** A number within its range, or what it is by default. */
export function numberOf(option: string, given: unknown, fallback: number, range: Range): number {
  if (given === undefined) return fallback;
  const { min, max, whole = false, unit } = range;
  if (typeof given === "number" && given >= min && given <= max && (!whole || Number.isInteger(given))) return given;
  throw new OptionsError(
    option,
    `${option} must be ${unit} from ${min} to ${max}, got ${typeof given === "number" ? given : kindOf(given)}`,
  );
}

/** A time to live in seconds, as ms; Infinity for ever. */
export function secondsOf(option: string, given: unknown, fallback: number): number {
  return given === undefined ? fallback : given === Infinity ? Infinity : numberOf(option, given, 0, SECONDS) * 1000;
}

function listOf(option: string, given: unknown): readonly unknown[] {
  if (given === undefined) return [];
  if (Array.isArray(given)) return given;
  throw new OptionsError(option, `${option} must be an array, got ${kindOf(given)}`);
}

function functionOf(option: string, given: unknown): ((error: unknown) => void) | null {
  if (given === undefined) return null;
  if (typeof given === "function") return given as (error: unknown) => void;
  throw new OptionsError(option, `${option} must be a function, got ${kindOf(given)}`);
}

function kindOf(value: unknown): string {
  return value === null
    ? "null"
    : Array.isArray(value)
      ? "an array"
      : typeof value === "object"
        ? "an object"
        : typeof value;
}
