import { EventEmitter } from "node:events";
import type { Redis } from "../index.ts";
import { Cache } from "./cache.ts";
import type { Codec } from "./codec.ts";
import { CacheValueError } from "./errors.ts";
import type { CacheOptions } from "./options.ts";
import type { CacheErrorPlace } from "./report.ts";
import { objectOf, refuse } from "./validate.ts";

/** What a store for Keyv can be made with: a cache's options, but for those that Keyv decides on. */
export type KeyvStoreOptions = Omit<CacheOptions<string>, "namespace" | "jitter" | NotForKeyv> & {
  /** What the keys begin with, before `:` and Keyv's own namespace; default `keyv`. */
  readonly namespace?: string | undefined;
  /** A random part of each time to live is taken off, up to this fraction; default 0: values live for as long as Keyv says. */
  readonly jitter?: number | undefined;
};

/** Keyv decides on the times and the form of values, and has no loaders. */
type NotForKeyv =
  | "codec"
  | "accept"
  | "twoKeys"
  | "ttl"
  | "grace"
  | "staleWhileRevalidate"
  | "negativeTtl"
  | "earlyRefresh"
  | "lockTtl";

const NAMES = Object.keys({
  namespace: 1,
  jitter: 1,
  compress: 1,
  maxValueBytes: 1,
  readTimeout: 1,
  writeTimeout: 1,
  maxPendingWrites: 1,
  breaker: 1,
  memory: 1,
  onError: 1,
} satisfies Record<keyof KeyvStoreOptions, 1>);

/** An entry as Keyv hands several of them over; `ttl` in ms. */
export interface KeyvEntry {
  readonly key: string;
  readonly value: unknown;
  readonly ttl?: number | undefined;
}

/** Keyv hands over texts that it has made, and wants them back: JSON as a rule, which stays as it is. */
const TEXT: Codec<string> = {
  id: "json",
  encode(value) {
    if (typeof value === "string") return value;
    throw new CacheValueError(
      "of KeyvStore",
      "$",
      `expected the text that Keyv makes, got ${typeof value}: leave its serialization on`,
    );
  },
  decode: (bytes) => bytes.toString(),
};

/**
 * A store for Keyv, and so for what is built on it, such as cache-manager: `new Keyv({ store: new KeyvStore(redis) })`. A Redis that is slow or
 * gone costs misses, no errors; values are compressed, and can have a first level in memory, as with `Cache`.
 *
 * @see docs/cache.md
 */
export class KeyvStore extends EventEmitter {
  /** The store's options, where Keyv looks for them. */
  readonly opts: Readonly<Record<string, unknown>>;
  /** Keyv's own namespace: it sets it, and puts it before each key. */
  namespace: string | undefined;
  /** What is under it: its statistics, for example. */
  readonly cache: Cache<string>;

  /**
   * @param redis the client, which stays open when Keyv disconnects
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   */
  constructor(redis: Redis, options: KeyvStoreOptions = {}) {
    super();
    objectOf("the options of KeyvStore", options, NAMES);
    const { namespace = "keyv", jitter = 0, onError, ...rest } = options;
    this.opts = { dialect: "redis", ...options };
    const tell = (error: unknown, place: CacheErrorPlace): void => {
      onError?.(error, place);
      // Without a listener an `error` event ends the program.
      if (this.listenerCount("error") > 0) this.emit("error", error);
    };
    this.cache = new Cache<string>(redis, { ...rest, namespace, codec: TEXT, jitter, ttl: Infinity, onError: tell });
  }

  get(key: string): Promise<string | undefined> {
    return this.cache.get(key);
  }

  getMany(keys: string[]): Promise<(string | undefined)[]> {
    return this.cache.getMany(keys);
  }

  /** @param ttl ms; without one the value stays */
  set(key: string, value: string, ttl?: number): Promise<boolean> {
    return this.cache.set(key, value, { ttl: inSeconds(ttl) });
  }

  async setMany(entries: readonly KeyvEntry[]): Promise<void> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value as string, ttl)));
  }

  /** @returns whether there was one */
  async delete(key: string): Promise<boolean> {
    const wasThere = await this.has(key);
    return (await this.cache.delete(key)) && wasThere;
  }

  /** @returns whether there was any */
  async deleteMany(keys: string[]): Promise<boolean> {
    const were = await this.hasMany(keys);
    return (await this.cache.delete(...keys)) && were.includes(true);
  }

  async has(key: string): Promise<boolean> {
    return (await this.cache.get(key)) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.cache.getMany(keys)).map((value) => value !== undefined);
  }

  /** Deletes what is in Keyv's namespace, or all where it has none. */
  async clear(): Promise<void> {
    await this.cache.clear(this.#prefix);
  }

  /** The keys, as Keyv has them, and values. */
  async *iterator(): AsyncGenerator<[key: string, value: string], void, undefined> {
    for await (const id of this.cache.ids(this.#prefix)) {
      const value = await this.cache.get(id);
      if (value !== undefined) yield [id, value];
    }
  }

  /** Waits for what is written; the client stays open. */
  disconnect(): Promise<void> {
    return this.cache.close();
  }

  get #prefix(): string {
    return this.namespace === undefined ? "" : `${this.namespace}:`;
  }
}

/** Keyv has ms. */
function inSeconds(ttl: unknown): number {
  if (ttl === undefined || ttl === null || ttl === 0 || ttl === Infinity) return Infinity;
  if (typeof ttl === "number" && ttl > 0) return Math.max(1, ttl) / 1000;
  return refuse("ttl", "a number of ms", ttl);
}
