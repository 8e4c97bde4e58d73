import { ClosedError, Redis } from "../index.ts";
import { Breaker } from "./breaker.ts";
import { CacheAside, type Plan, type Rules } from "./cache-aside.ts";
import { getOrSetRules, setRules, signalOf, type GetOrSetOptions, type SetOptions } from "./call-options.ts";
import { countHit, newCounters } from "./counters.ts";
import { Entries, isFresh, type Lookup } from "./entries.ts";
import { Fills } from "./fills.ts";
import { Format } from "./format.ts";
import { Keys } from "./keys.ts";
import { Locks } from "./locks.ts";
import { Memory } from "./memory.ts";
import { resolveCache, type CacheOptions, type ResolvedCache } from "./options.ts";
import { Remote } from "./remote.ts";
import type { Report } from "./report.ts";
import { Rests } from "./rests.ts";
import { SingleFlight, type SignalSource } from "./single-flight.ts";
import { memoryStats, type CacheStats } from "./stats.ts";
import { Tags } from "./tags.ts";
import { clock, withJitter } from "./time.ts";
import { TwoKeyLayout } from "./two-keys.ts";
import { refuse } from "./validate.ts";

/** A name within the namespace. */
export type CacheId = string | number;

/** Deleted by one command, so that it does not hold the server. */
const BATCH = 500;

/**
 * Values in Redis that can be made again: under one namespace, through one codec. Redis may be slow or gone: a look-up is a miss then, and
 * a write is left out; both within their limits, and neither is an error.
 *
 * ```ts
 * const users = new Cache<User>(redis, { namespace: "user", ttl: 300, onError: (error) => log.warn(error) });
 * const user = await users.getOrSet(id, (signal) => loadUser(id, signal));
 * ```
 *
 * @see docs/cache.md
 */
export class Cache<T = unknown> implements AsyncDisposable {
  readonly #settings: ResolvedCache;
  readonly #redis: Redis;
  readonly #keys: Keys;
  /** Of a `getOrSet` without options. */
  readonly #rules: Rules;
  readonly #counters = newCounters();
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
  #closing: Promise<void> | null = null;

  /**
   * Sends nothing yet.
   *
   * @param redis the client, which stays open when the cache is closed
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   */
  constructor(redis: Redis, options: CacheOptions<T>) {
    if (!(redis instanceof Redis))
      refuse("redis", "a Redis of this respool (not of another library, nor of a second copy: npm ls respool)", redis);
    const settings = resolveCache(options);
    const report: Report = (error, key) => this.#report(error, key);
    const keys = new Keys(settings.namespace);
    this.#settings = settings;
    this.#redis = redis;
    this.#keys = keys;
    this.#rules = getOrSetRules({}, settings, keys);
    this.#breaker = new Breaker(settings.breaker, () => this.#fills.wakeAll());
    this.#remote = new Remote(redis, this.#breaker, settings, report);
    this.#format = new Format(settings);
    this.#tags = new Tags(keys);
    this.#fills = new Fills(redis, keys.channel);
    this.#memory =
      settings.memory === null ? null : new Memory(settings.memory, keys, (given) => redis.trackKeys(given), report);
    this.#layout = new TwoKeyLayout(keys, settings.twoKeys);
    const parts = { settings, keys, layout: this.#layout, remote: this.#remote, counters: this.#counters, report };
    this.#entries = new Entries({ ...parts, tags: this.#tags, format: this.#format, memory: this.#memory });
    this.#aside = new CacheAside({
      ...parts,
      entries: this.#entries,
      locks: new Locks(parts),
      fills: this.#fills,
      refreshes: this.#refreshes,
      rests: new Rests(),
    });
  }

  /**
   * The value of an entry; undefined where there is no fresh one, or Redis does not tell in time.
   *
   * @throws OptionsError for an id that cannot be one; ClosedError
   */
  async get(id: CacheId): Promise<T | undefined> {
    const key = this.#keyOf(id);
    return this.#found(await this.#entries.look(key, this.#readLimit()));
  }

  /** The values of several entries, in the order of the ids; as `get`. */
  async getMany(ids: readonly CacheId[]): Promise<(T | undefined)[]> {
    const keys = ids.map((id) => this.#keyOf(id));
    if (keys.length === 0) return [];
    const lookups = await this.#entries.lookAll(keys, this.#readLimit());
    return lookups.map((lookup) => this.#found(lookup));
  }

  /**
   * Stores a value. It carries no times of its own: it is there for `ttl`, without grace, stale serving or early refresh, which are for what
   * `getOrSet` makes.
   *
   * @returns whether it is stored: false where Redis does not say so in time, or is not asked because it has failed before
   * @throws CacheValueError `ERR_CACHE_VALUE` for a value that the codec cannot keep as it is; OptionsError; ClosedError
   */
  set(id: CacheId, value: T, options: SetOptions = {}): Promise<boolean> {
    return this.#write([[id, value]], options);
  }

  /** Stores several values; as `set`. */
  setMany(values: Iterable<readonly [CacheId, T]>, options: SetOptions = {}): Promise<boolean> {
    return this.#write([...values], options);
  }

  /**
   * Forgets entries. What is being made of them at the moment is not stored, and who asks from now on does not get it.
   *
   * @returns whether they are gone; false where Redis does not say so in time: then they may still be found
   * @throws OptionsError; ClosedError
   */
  async delete(...ids: readonly CacheId[]): Promise<boolean> {
    const keys = ids.map((id) => this.#keyOf(id));
    if (keys.length === 0) return true;
    const all = keys.flatMap((key) => [this.#keys.lock(key), ...this.#layout.of(key)]);
    return this.#changing(keys, () => this.#remote.later(this.#settings.writeTimeout, (redis) => redis.unlink(all)));
  }

  /**
   * The value of an entry; where there is none the loader makes it, once for all who ask for it, in this process and in others. Callers
   * who ask at the same time share the loader and options of the first.
   *
   * @param loader returns the value, or undefined where there is none; its signal is aborted when nobody waits any more, that is when
   *   every caller's own signal is. It has no time limit but its own
   * @throws what the loader throws, unless an older value may be served; the reason of `signal`; OptionsError; ClosedError
   */
  getOrSet<V extends T | undefined>(
    id: CacheId,
    loader: (signal: AbortSignal) => V | Promise<V>,
    options?: GetOrSetOptions,
  ): Promise<V> {
    let key: string;
    let plan: Plan;
    let signal: AbortSignal | null;
    try {
      key = this.#keyOf(id);
      if (typeof loader !== "function") refuse("loader", "a function", loader);
      const rules = options === undefined ? this.#rules : getOrSetRules(options, this.#settings, this.#keys);
      plan = { loader, rules };
      signal = signalOf(options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
    const kept = this.#aside.atOnce(key, plan);
    if (kept !== null) return Promise.resolve(kept.value as V);
    const work = (own: SignalSource): Promise<unknown> => this.#aside.obtain(key, plan, own);
    return this.#flights.run(key, work, signal) as Promise<V>;
  }

  /**
   * Makes all entries with this tag invalid.
   *
   * @returns whether they are; false where Redis does not say so in time: then they may still be found
   * @throws OptionsError; ClosedError
   */
  async invalidateTag(tag: string): Promise<boolean> {
    this.#expectOpen();
    this.#keys.tag(tag); // refuses a wrong one before anything is dropped
    const drop = (): void => {
      this.#memory?.dropTag(tag);
      this.#flights.forgetAll(); // which of them have the tag is known only to their callers
    };
    drop();
    const done = await this.#remote.later(this.#settings.writeTimeout, (redis) => this.#tags.invalidate(redis, tag));
    drop();
    return done;
  }

  /**
   * The ids of all entries, or of those that begin with `prefix`; of what changes meanwhile some may be missing, some told twice.
   *
   * @throws RedisError when Redis fails
   */
  async *ids(prefix = ""): AsyncGenerator<string, void, undefined> {
    this.#expectOpen();
    for await (const key of this.#redis.scanIterator({ match: this.#keys.pattern(prefix), count: 1000 }))
      yield this.#keys.id(this.#layout.first(String(key)));
  }

  /**
   * Deletes all entries of the namespace, or those whose ids begin with `prefix`, a few at a time, while others go on. What is written
   * meanwhile may stay; what is being made of them at the moment is not stored.
   *
   * @returns how many
   * @throws RedisError when Redis fails
   */
  async clear(prefix = ""): Promise<number> {
    this.#expectOpen();
    this.#flights.forgetAll();
    // The locks first: then who makes an entry either has stored it before its turn comes, or does not store it.
    await this.#unlinkAll(this.#keys.lockPattern, (key) => this.#keys.isLockOf(key, prefix));
    const deleted = await this.#unlinkAll(this.#keys.pattern(prefix), () => true);
    this.#flights.forgetAll();
    return deleted;
  }

  /** Deletes all keys that match and are wanted, a few at a time. @returns how many there were */
  async #unlinkAll(match: string, isWanted: (key: string) => boolean): Promise<number> {
    let deleted = 0;
    let batch: string[] = [];
    const end = async (): Promise<void> => {
      if (batch.length > 0) deleted += await this.#redis.unlink(batch);
      for (const key of batch) this.#memory?.drop(this.#layout.first(key));
      batch = [];
    };
    for await (const key of this.#redis.scanIterator({ match, count: 1000 })) {
      if (isWanted(String(key))) batch.push(String(key));
      if (batch.length >= BATCH) await end();
    }
    await end();
    return deleted;
  }

  /** What it has done since it was made. */
  stats(): CacheStats {
    const { localHits, ...counters } = this.#counters;
    const { hits, staleHits, negativeHits, misses } = counters;
    const found = hits + staleHits + negativeHits;
    return {
      ...counters,
      hitRate: found + misses === 0 ? 0 : found / (found + misses),
      shared: this.#flights.joined,
      ...this.#format.counters,
      ...this.#remote.counters,
      breaker: this.#breaker.state,
      breakerOpenings: this.#breaker.openings,
      memory: this.#memory === null ? null : memoryStats(this.#memory, localHits),
    };
  }

  /** Waits for what is written in the background, and ends the rest; the client stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await this.#remote.idle();
    this.#refreshes.abort(new ClosedError("not-sent", "the cache was closed"));
    await this.#fills.close();
    await this.#memory?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #expectOpen(): void {
    if (this.#isClosed) throw new ClosedError("not-sent", "the cache is closed");
  }

  #keyOf(id: CacheId): string {
    this.#expectOpen();
    return this.#keys.entry(id);
  }

  #readLimit(): number {
    return clock.now() + this.#settings.readTimeout;
  }

  #found({ entry, isAnswered, isLocal }: Lookup): T | undefined {
    const counters = this.#counters;
    if (entry !== null && isFresh(entry, Date.now())) {
      countHit(counters, entry, isLocal);
      return entry.value as T;
    }
    counters.misses++;
    if (!isAnswered) counters.withoutRedis++;
    return undefined;
  }

  async #write(values: readonly (readonly [CacheId, T])[], options: SetOptions): Promise<boolean> {
    const { writeTimeout, jitter } = this.#settings;
    const keys = values.map(([id]) => this.#keyOf(id));
    const { tags: names, ttl } = setRules(options, this.#settings, this.#keys);
    const limit = clock.now() + writeTimeout;
    const tags = await this.#entries.versions(names, ttl, writeTimeout);
    if (tags === null) return false;
    const items = await Promise.all(
      values.map(async ([, value], index) => ({
        key: keys[index] as string,
        encoded: await this.#entries.encode(value, { timing: null, tags }),
        px: ttl === Infinity ? null : withJitter(ttl, jitter),
      })),
    );
    // The locks first: who makes an entry at the moment, of older data, must not store it behind this.
    const locks = keys.map((key) => this.#keys.lock(key));
    return this.#changing(keys, () =>
      this.#remote.later(limit - clock.now(), async (redis) => {
        await this.#layout.put(redis, items, locks);
        this.#counters.writes += keys.length;
      }),
    );
  }

  /** Before and after a change, so that nobody gets what was read or begun before: who has changed an entry sees that. */
  async #changing(keys: readonly string[], change: () => Promise<boolean>): Promise<boolean> {
    for (const key of keys) this.#forget(key);
    const isDone = await change();
    for (const key of keys) this.#forget(key);
    return isDone;
  }

  /** What is in memory of an entry, and what is being made of it, is not for who asks from now on. */
  #forget(key: string): void {
    this.#memory?.drop(key);
    this.#flights.forget(key);
  }

  #report(error: unknown, key?: string): void {
    const { onError, namespace } = this.#settings;
    if (onError === null) return;
    try {
      onError(error, { namespace, id: key === undefined ? null : this.#keys.id(key) });
    } catch {
      // The user's function is not to break the cache.
    }
  }
}
