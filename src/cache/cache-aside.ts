import { randomBytes } from "node:crypto";
import type { Redis } from "../index.ts";
import type { Counters } from "./counters.ts";
import { isDue, isFresh, type Entries, type Lookup } from "./entries.ts";
import type { Fills } from "./fills.ts";
import type { Entry } from "./format.ts";
import type { Keys } from "./keys.ts";
import type { ResolvedCache } from "./options.ts";
import type { Remote } from "./remote.ts";
import { lockScripts } from "./scripts.ts";
import type { SingleFlight } from "./single-flight.ts";
import type { Head } from "./stored.ts";
import type { Tags } from "./tags.ts";
import { clock, FOREVER } from "./time.ts";
import { asArg, type Stored, type TwoKeyLayout } from "./two-keys.ts";

/** Makes a value that is not cached. */
export type Loader = (signal: AbortSignal) => unknown;

/** How one entry is made and kept; times in ms. */
export interface Plan {
  readonly loader: Loader;
  readonly ttl: number;
  readonly grace: number;
  readonly staleWhileRevalidate: number;
  readonly negativeTtl: number;
  readonly earlyRefresh: number;
  readonly tags: readonly string[];
  /** Whether the caller waits until the value is stored. */
  readonly awaitWrite: boolean;
}

/** A lock that this process holds. */
interface Lock {
  readonly key: string;
  readonly token: string;
}

/** Waits of a process for another one that makes an entry, before it looks by itself, ms. */
const FIRST_LOOK = 50;
const LAST_LOOK = 1000;
/** So many times as long as a lock lasts a loader elsewhere is waited for: one that hangs is not to hold up everybody. */
const PATIENCE = 4;

/**
 * Cache-aside: the value from Redis, else from the loader, which runs once in all processes together. Redis may be slow or gone at every
 * step: then the loader runs, and nobody waits for more than `readTimeout`.
 */
export class CacheAside {
  readonly #parts: CacheAsideParts;

  constructor(parts: CacheAsideParts) {
    this.#parts = parts;
  }

  /** What can be given without any wait; null for nothing. */
  atOnce(key: string, plan: Plan): { readonly value: unknown } | null {
    const kept = this.#parts.entries.inMemory(key);
    return kept === null || kept instanceof Promise ? null : this.#served(key, kept, plan);
  }

  /** The value of an entry, from wherever. Rejects only with what the loader throws. */
  async obtain(key: string, plan: Plan, signal: AbortSignal): Promise<unknown> {
    const { entries, settings, counters } = this.#parts;
    const until = clock.now() + settings.readTimeout;
    const found = await entries.look(key, until);
    const value = this.#served(key, found.entry, plan);
    if (value !== null) return value.value;
    counters.misses++;
    if (!found.isAnswered) {
      counters.withoutRedis++;
      return this.#make(key, plan, { lock: null, stale: found.entry, until, signal });
    }
    return this.#inTurn(key, plan, { stale: usable(found.entry, plan), until, signal });
  }

  /** What can be given at once; null for nothing. A value near its end, or beyond, is made anew meanwhile. */
  #served(key: string, entry: Entry | null, plan: Plan): { readonly value: unknown } | null {
    if (entry === null) return null;
    const { counters } = this.#parts;
    const now = Date.now();
    if (isFresh(entry, now)) {
      if (entry.isEmpty) counters.negativeHits++;
      else counters.hits++;
      if (isDue(entry, now, plan.earlyRefresh, clock.random())) this.#refresh(key, plan);
      return entry;
    }
    const { timing } = entry;
    if (timing === null || now >= timing.createdAt + timing.freshFor + plan.staleWhileRevalidate) return null;
    counters.staleHits++;
    this.#refresh(key, plan);
    return entry;
  }

  /** Makes an entry anew in the background, unless another process does. */
  #refresh(key: string, plan: Plan): void {
    const { refreshes, counters, report, settings } = this.#parts;
    if (refreshes.has(key)) return;
    counters.refreshes++;
    const work = async (signal: AbortSignal): Promise<void> => {
      const until = clock.now() + settings.readTimeout;
      const taken = await this.#take(key, until);
      if (taken.lock === null) return;
      await this.#make(key, plan, { lock: taken.lock, stale: null, until, signal });
    };
    refreshes.run(key, work, null).catch(report);
  }

  /** Makes the entry when no other process does; else waits for that. */
  async #inTurn(key: string, plan: Plan, { stale, until, signal }: Omit<Turn, "lock">): Promise<unknown> {
    const { fills, keys, counters, settings } = this.#parts;
    let limit = until;
    const end = clock.now() + PATIENCE * settings.lockTtl;
    for (let pause = FIRST_LOOK; ; pause = Math.min(LAST_LOOK, pause * 2)) {
      const taken = await this.#take(key, limit);
      const value = taken.lookup === null ? null : this.#served(key, taken.lookup.entry, plan);
      if (value !== null) {
        if (taken.lock !== null) this.#release(key, taken.lock);
        return value.value;
      }
      if (taken.lock !== null || !taken.isHeld || clock.now() >= end)
        return this.#make(key, plan, { lock: taken.lock, stale, until: limit, signal });
      if (stale !== null) {
        counters.staleHits++;
        return stale.value;
      }
      counters.waits++;
      await fills.wait(keys.id(key), pause * (0.75 + 0.5 * clock.random()), signal);
      signal.throwIfAborted();
      limit = clock.now() + settings.readTimeout;
    }
  }

  /** Takes the lock, and looks at the entry behind it: another process may have made it just before. */
  async #take(key: string, until: number): Promise<Taken> {
    const { remote, keys, settings, entries } = this.#parts;
    const lock = { key: keys.lock(key), token: randomBytes(12).toString("base64url") };
    const tried = await remote.attempt(until - clock.now(), (redis) =>
      Promise.all([redis.set(lock.key, lock.token, { nx: true, px: settings.lockTtl }), redis.buffers.get(key)]),
    );
    if (!tried.ok) return { lock: null, isHeld: false, lookup: null };
    const [answer, bytes] = tried.value;
    const second = settings.twoKeys === null ? null : () => entries.second(key, until);
    const lookup = bytes === null ? ((await second?.()) ?? null) : await entries.check(bytes, until);
    return { lock: answer === "OK" ? lock : null, isHeld: true, lookup };
  }

  /** Runs the loader, and stores what it returns: only while the lock is held, so that nothing newer is overwritten. */
  async #make(key: string, plan: Plan, { lock, stale, until, signal }: Turn): Promise<unknown> {
    const { counters } = this.#parts;
    const versions = lock === null ? null : await this.#versions(plan, until);
    const renewal = lock === null ? null : this.#renew(lock);
    const began = clock.now();
    let value: unknown;
    counters.loads++;
    try {
      value = await plan.loader(signal);
    } catch (error) {
      renewal?.cancel();
      counters.loadErrors++;
      if (lock !== null) this.#release(key, lock);
      if (stale === null) throw error;
      counters.staleHits++;
      this.#parts.report(error);
      return stale.value;
    }
    renewal?.cancel();
    if (lock === null) return value;
    if (versions === null) {
      this.#release(key, lock);
      return value;
    }
    const stored = this.#store(key, plan, { value, versions, lock, cost: clock.now() - began });
    if (plan.awaitWrite) await stored;
    return value;
  }

  /** The tags' versions from before the loader began: what is invalidated meanwhile is invalid. null where Redis does not tell them. */
  async #versions({ tags: names, ttl }: Plan, until: number): Promise<Head["tags"] | null> {
    const { remote, tags } = this.#parts;
    if (names.length === 0) return [];
    const taken = await remote.attempt(until - clock.now(), (redis) => tags.take(redis, names, ttl));
    return taken.ok ? taken.value : null;
  }

  /** Keeps the lock while the loader runs. */
  #renew(lock: Lock): { cancel(): void } {
    const { remote, settings } = this.#parts;
    const { lockTtl } = settings;
    let timer = clock.schedule(renew, lockTtl / 3);
    function renew(): void {
      void remote.later(settings.writeTimeout, (redis) => lockScripts(redis).renew(lock.key, lock.token, lockTtl));
      timer = clock.schedule(renew, lockTtl / 3);
    }
    return { cancel: () => timer.cancel() };
  }

  #release(key: string, lock: Lock): void {
    const { remote, keys, settings } = this.#parts;
    void remote.later(settings.writeTimeout, (redis) =>
      lockScripts(redis).release(lock.key, lock.token, keys.channel, keys.id(key)),
    );
  }

  /** Settles when the value is stored, or is not. */
  async #store(key: string, plan: Plan, made: Made): Promise<void> {
    const { entries, remote, keys, settings, counters, report } = this.#parts;
    const { value, versions: tags, lock, cost } = made;
    const ttl = value === undefined ? plan.negativeTtl : plan.ttl;
    const release = (): void => this.#release(key, lock);
    if (ttl === 0) return release();
    const freshFor = Math.max(1, Math.round(Math.min(ttl, FOREVER) * (1 - settings.jitter * clock.random())));
    let stored: Stored;
    try {
      stored = await entries.encode(value, { timing: { createdAt: Date.now(), freshFor, cost }, tags });
    } catch (error) {
      counters.refused++;
      report(error);
      return release();
    }
    const kept = freshFor + (value === undefined ? 0 : Math.max(plan.grace, plan.staleWhileRevalidate));
    await remote.later(settings.writeTimeout, async (redis) => {
      const scripts = lockScripts(redis);
      const last = [keys.channel, keys.id(key)] as const;
      let isStored: boolean;
      if (settings.twoKeys === null) {
        isStored = (await scripts.store(key, lock.key, lock.token, asArg(stored.bytes), kept, ...last)) === 1;
      } else {
        // The second key may be in another slot, where no script sees the lock.
        isStored = (await scripts.holds(lock.key, lock.token)) === 1;
        if (isStored) await this.#storeTwo(redis, key, stored, kept);
        await scripts.release(lock.key, lock.token, ...last);
      }
      if (isStored) counters.writes++;
      else counters.lostLocks++;
    });
  }

  async #storeTwo(redis: Redis, key: string, stored: Stored, px: number): Promise<void> {
    const pipeline = redis.pipeline();
    this.#parts.layout.put(pipeline, key, stored, px);
    for (const result of (await pipeline.exec()) as unknown[]) if (result instanceof Error) throw result;
  }
}

/** What may be served where the loader fails, or another process makes a new one. */
function usable(entry: Entry | null, { grace, staleWhileRevalidate }: Plan): Entry | null {
  if (entry === null || entry.timing === null || entry.isEmpty) return null;
  const { createdAt, freshFor } = entry.timing;
  return Date.now() < createdAt + freshFor + Math.max(grace, staleWhileRevalidate) ? entry : null;
}

/** A value that the loader has made. */
interface Made {
  readonly value: unknown;
  readonly versions: Head["tags"];
  readonly lock: Lock;
  /** How long it took, ms. */
  readonly cost: number;
}

type Refreshes = SingleFlight<void>;

interface Turn {
  readonly lock: Lock | null;
  /** Served where the loader fails. */
  readonly stale: Entry | null;
  readonly until: number;
  readonly signal: AbortSignal;
}

interface Taken {
  readonly lock: Lock | null;
  /** Whether somebody holds it. */
  readonly isHeld: boolean;
  readonly lookup: Lookup | null;
}

interface CacheAsideParts {
  readonly settings: ResolvedCache;
  readonly entries: Entries;
  readonly layout: TwoKeyLayout;
  readonly remote: Remote;
  readonly keys: Keys;
  readonly tags: Tags;
  readonly fills: Fills;
  readonly refreshes: Refreshes;
  readonly counters: Counters;
  readonly report: (error: unknown) => void;
}
