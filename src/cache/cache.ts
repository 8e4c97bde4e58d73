import { OptionsError, Redis } from "../index.ts";
import { Breaker } from "./breaker.ts";
import { CacheAside, type Loader, type Plan } from "./cache-aside.ts";
import { json } from "./codecs/json.ts";
import { Counters } from "./counters.ts";
import { Entries, isFresh, type Lookup } from "./entries.ts";
import { Fills } from "./fills.ts";
import { Format, type Extras } from "./format.ts";
import { Keys } from "./keys.ts";
import { numberOf, objectOf, resolveCache, secondsOf, type CacheOptions, type ResolvedCache } from "./options.ts";
import { Memory } from "./memory.ts";
import { Remote } from "./remote.ts";
import { SingleFlight } from "./single-flight.ts";
import { memoryStats, type CacheStats } from "./stats.ts";
import { Tags } from "./tags.ts";
import { clock } from "./time.ts";
import { TwoKeyLayout, type Stored } from "./two-keys.ts";

/** A name within the namespace. */
export type CacheId = string | number;

/** How one value is kept. Times in seconds. */
export interface SetOptions {
  /** Default: the cache's. */
  readonly ttl?: number | undefined;
  /** Names by which the entry can be made invalid, together with others. */
  readonly tags?: readonly string[] | undefined;
}

/** How one value is found or made. Times in seconds. */
export interface GetOrSetOptions extends SetOptions {
  readonly grace?: number | undefined;
  readonly staleWhileRevalidate?: number | undefined;
  readonly negativeTtl?: number | undefined;
  readonly earlyRefresh?: number | undefined;
  /** Ends the wait of this caller; the loader is aborted when nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to wait until the value is stored, too; default false. */
  readonly awaitWrite?: boolean | undefined;
}

/**
 * Values in Redis that can be made again: under one namespace, through one codec. Redis may be slow or gone: a look-up is a miss then, and
 * a write is left out; both within their limits, and neither is an error.
 *
 * ```ts
 * const users = new Cache<User>(redis, { namespace: "user", ttl: 300 });
 * const user = await users.getOrSet(id, (signal) => loadUser(id, signal));
 * ```
 *
 * @see docs/cache.md
 */
export class Cache<T = unknown> implements AsyncDisposable {
  readonly #settings: ResolvedCache;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #counters = new Counters();
  readonly #breaker: Breaker;
  readonly #remote: Remote;
  readonly #format: Format;
  readonly #tags: Tags;
  readonly #memory: Memory | null;
  readonly #layout: TwoKeyLayout;
  readonly #entries: Entries;
  readonly #fills: Fills;
  readonly #flights = new SingleFlight<unknown>();
  readonly #refreshes = new SingleFlight<void>();
  readonly #aside: CacheAside;
  #isClosed = false;

  /**
   * Sends nothing yet.
   *
   * @param redis the client, which stays open when the cache is closed
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   */
  constructor(redis: Redis, options: CacheOptions<T>) {
    if (!(redis instanceof Redis))
      throw new OptionsError("redis", `redis must be a Redis of respool, got ${typeof redis}`);
    const settings = resolveCache(options);
    const report = (error: unknown): void => this.#report(error);
    this.#settings = settings;
    this.#redis = redis;
    this.#keys = new Keys(settings.namespace);
    this.#breaker = new Breaker(clock, settings.breaker, () => this.#fills.wakeAll());
    this.#remote = new Remote(redis, this.#breaker, settings.maxPendingWrites, report);
    this.#format = new Format(settings, settings.codec.id === "json" ? settings.codec : json());
    this.#tags = new Tags(this.#keys);
    this.#fills = new Fills(redis, clock, this.#keys.channel);
    this.#memory = settings.memory === null ? null : new Memory(settings.memory, this.#keys, redis, report);
    const shared = { remote: this.#remote, tags: this.#tags, counters: this.#counters, report };
    this.#layout = new TwoKeyLayout(this.#keys, settings.twoKeys);
    this.#entries = new Entries({
      ...shared,
      settings,
      format: this.#format,
      memory: this.#memory,
      layout: this.#layout,
      hasSecond: settings.twoKeys !== null,
    });
    this.#aside = new CacheAside({
      ...shared,
      settings,
      entries: this.#entries,
      layout: this.#layout,
      keys: this.#keys,
      fills: this.#fills,
      refreshes: this.#refreshes,
    });
  }

  /** The value of an entry; undefined where there is none, or Redis does not tell in time. */
  async get(id: CacheId): Promise<T | undefined> {
    const key = this.#keys.entry(id);
    return this.#found(await this.#entries.look(key, this.#readLimit()));
  }

  /** The values of several entries, in the order of the ids. */
  async getMany(ids: readonly CacheId[]): Promise<(T | undefined)[]> {
    const keys = ids.map((id) => this.#keys.entry(id));
    if (keys.length === 0) return [];
    const lookups = await this.#entries.lookAll(keys, this.#readLimit());
    return lookups.map((lookup) => this.#found(lookup));
  }

  /**
   * Stores a value.
   *
   * @returns whether it is stored: false where Redis does not say so in time, or is not asked because it has failed before
   * @throws CacheValueError `ERR_CACHE_VALUE` for a value that the codec cannot keep as it is
   */
  set(id: CacheId, value: T, options: SetOptions = {}): Promise<boolean> {
    return this.#write([[id, value]], options);
  }

  /** Stores several values; like `set`. */
  setMany(values: Iterable<readonly [CacheId, T]>, options: SetOptions = {}): Promise<boolean> {
    return this.#write([...values], options);
  }

  /**
   * Forgets entries. What is being made of them at the moment is not stored.
   *
   * @returns whether they are gone; false where Redis does not say so in time
   */
  async delete(...ids: readonly CacheId[]): Promise<boolean> {
    const keys = ids.map((id) => this.#keys.entry(id));
    if (keys.length === 0) return true;
    const all = keys.flatMap((key) => [this.#keys.lock(key), ...this.#layout.of(key)]);
    return this.#changing(keys, () => this.#remote.later(this.#settings.writeTimeout, (redis) => redis.unlink(all)));
  }

  /**
   * The value of an entry; where there is none the loader makes it, once for all who ask for it, in this process and in others.
   *
   * @param loader returns the value, or undefined where there is none; its signal is aborted when nobody waits any more
   * @throws what the loader throws, unless an older value may be served; the reason of `signal`
   */
  getOrSet<V extends T | undefined>(
    id: CacheId,
    loader: (signal: AbortSignal) => V | Promise<V>,
    options: GetOrSetOptions = {},
  ): Promise<V> {
    const key = this.#keys.entry(id);
    const plan = this.#plan(loader, options);
    const kept = this.#aside.atOnce(key, plan);
    if (kept !== null) return Promise.resolve(kept.value as V);
    const work = (signal: AbortSignal): Promise<unknown> => this.#aside.obtain(key, plan, signal);
    return this.#flights.run(key, work, options.signal ?? null) as Promise<V>;
  }

  /**
   * Makes all entries with this tag invalid.
   *
   * @returns whether they are; false where Redis does not say so in time: then they may still be found
   */
  async invalidateTag(tag: string): Promise<boolean> {
    const { writeTimeout } = this.#settings;
    this.#keys.tag(tag);
    this.#memory?.dropTag(tag);
    const done = await this.#remote.later(writeTimeout, (redis) => this.#tags.invalidate(redis, tag));
    this.#memory?.dropTag(tag);
    return done;
  }

  /** The ids of all entries, or of those that begin with `prefix`; of what changes meanwhile some may be missing. */
  async *ids(prefix = ""): AsyncGenerator<string, void, undefined> {
    for await (const key of this.#redis.scanIterator({ match: this.#keys.pattern(prefix), count: 1000 }))
      yield this.#keys.id(key);
  }

  /**
   * Deletes all entries of the namespace, or those whose ids begin with `prefix`, a few at a time, while others go on. What is written
   * meanwhile may stay.
   *
   * @returns how many
   * @throws RedisError when Redis fails
   */
  async clear(prefix = ""): Promise<number> {
    let deleted = 0;
    let batch: string[] = [];
    const end = async (): Promise<void> => {
      if (batch.length > 0) deleted += await this.#redis.unlink(batch);
      for (const key of batch) this.#memory?.drop(key);
      batch = [];
    };
    for await (const id of this.ids(prefix)) {
      batch.push(this.#keys.entry(id));
      if (batch.length >= 500) await end();
    }
    await end();
    return deleted;
  }

  /** What it has done since it was made. */
  stats(): CacheStats {
    const { unreadable, invalidated, refused, writes, lostLocks, ...counters } = this.#counters;
    const { hits, staleHits, negativeHits, misses } = counters;
    const found = hits + staleHits + negativeHits;
    return {
      ...counters,
      hitRate: found + misses === 0 ? 0 : found / (found + misses),
      shared: this.#flights.joined,
      unreadable,
      invalidated,
      refused,
      writes,
      lostLocks,
      ...this.#format.counters,
      ...this.#remote.counters,
      memory: this.#memory === null ? null : memoryStats(this.#memory),
      breaker: this.#breaker.state,
      breakerOpenings: this.#breaker.openings,
    };
  }

  /** Waits for what is written in the background, and ends the rest; the client stays open. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#remote.idle();
    this.#refreshes.abort(new Error("the cache was closed"));
    await this.#fills.close();
    await this.#memory?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #readLimit(): number {
    return clock.now() + this.#settings.readTimeout;
  }

  #found({ entry, isAnswered }: Lookup): T | undefined {
    const counters = this.#counters;
    if (entry !== null && isFresh(entry, Date.now())) {
      if (entry.isEmpty) counters.negativeHits++;
      else counters.hits++;
      return entry.value as T;
    }
    counters.misses++;
    if (!isAnswered) counters.withoutRedis++;
    return undefined;
  }

  async #write(values: readonly (readonly [CacheId, T])[], options: SetOptions): Promise<boolean> {
    const { tags: names, ttl } = this.#setOptions("set", options, ["ttl", "tags"]);
    const { writeTimeout, jitter } = this.#settings;
    const limit = clock.now() + writeTimeout;
    const keys = values.map(([id]) => this.#keys.entry(id));
    const versions = await this.#versions(names, ttl);
    if (versions === null) return false;
    const extras = { timing: null, tags: versions };
    const bytes = await Promise.all(values.map(([, value]) => this.#encode(value, extras)));
    const store = async (redis: Redis): Promise<void> => {
      const pipeline = redis.pipeline();
      for (const [index, key] of keys.entries()) {
        const px = ttl === Infinity ? null : Math.max(1, Math.round(ttl * (1 - jitter * clock.random())));
        // The lock first: who makes the entry at the moment, of older data, must not store it behind this.
        void pipeline.unlink(this.#keys.lock(key));
        this.#layout.put(pipeline, key, bytes[index] as Stored, px);
      }
      for (const result of (await pipeline.exec()) as unknown[]) if (result instanceof Error) throw result;
      this.#counters.writes += keys.length;
    };
    return this.#changing(keys, () => this.#remote.later(limit - clock.now(), store));
  }

  /** What is in memory of keys goes before they are changed, and what was read of them meanwhile goes when they are: who has changed them sees that. */
  async #changing(keys: readonly string[], change: () => Promise<boolean>): Promise<boolean> {
    const memory = this.#memory;
    if (memory === null) return change();
    for (const key of keys) memory.drop(key);
    const isDone = await change();
    for (const key of keys) memory.drop(key);
    return isDone;
  }

  /** The tags' versions; null where Redis does not tell them. */
  async #versions(names: readonly string[], ttl: number): Promise<Extras["tags"] | null> {
    if (names.length === 0) return [];
    const taken = await this.#remote.attempt(this.#settings.writeTimeout, (redis) =>
      this.#tags.take(redis, names, ttl),
    );
    return taken.ok ? taken.value : null;
  }

  async #encode(value: T, extras: Extras): Promise<Stored> {
    try {
      return await this.#entries.encode(value, extras);
    } catch (error) {
      this.#counters.refused++;
      throw error;
    }
  }

  #plan(loader: unknown, options: GetOrSetOptions): Plan {
    if (typeof loader !== "function")
      throw new OptionsError("loader", `loader must be a function, got ${typeof loader}`);
    const names = [
      "ttl",
      "tags",
      "grace",
      "staleWhileRevalidate",
      "negativeTtl",
      "earlyRefresh",
      "signal",
      "awaitWrite",
    ];
    const { tags, ttl } = this.#setOptions("getOrSet", options, names);
    const settings = this.#settings;
    return {
      loader: loader as Loader,
      ttl,
      tags,
      grace: secondsOf("grace", options.grace, settings.grace),
      staleWhileRevalidate: secondsOf(
        "staleWhileRevalidate",
        options.staleWhileRevalidate,
        settings.staleWhileRevalidate,
      ),
      negativeTtl: secondsOf("negativeTtl", options.negativeTtl, settings.negativeTtl),
      earlyRefresh: numberOf("earlyRefresh", options.earlyRefresh, settings.earlyRefresh, {
        min: 0,
        max: 100,
        unit: "a number",
      }),
      awaitWrite: options.awaitWrite === true,
    };
  }

  #setOptions(method: string, options: SetOptions, names: readonly string[]): { tags: readonly string[]; ttl: number } {
    if (this.#isClosed) throw new OptionsError(method, `${method} was called on a cache that is closed`);
    objectOf(method, options, names);
    const tags = [...new Set(options.tags ?? [])];
    if (tags.length > 0 && this.#settings.isBare)
      throw new OptionsError("tags", `tags cannot be kept with twoKeys: "write", whose values have no head`);
    for (const tag of tags) this.#keys.tag(tag);
    const ttl = secondsOf("ttl", options.ttl, this.#settings.ttl);
    if (ttl < 1) throw new OptionsError("ttl", "ttl must be at least 0.001 s, got 0");
    return { tags, ttl };
  }

  #report(error: unknown): void {
    const { onError } = this.#settings;
    if (onError === null) return;
    try {
      onError(error);
    } catch {
      // The user's function is not to break the cache.
    }
  }
}
