import { countHit, type Counters } from "./counters.ts";
import { isDue, isFresh, isOtherType, type Entries, type Lookup } from "./entries.ts";
import type { Fills } from "./fills.ts";
import type { Encoded, Entry } from "./format.ts";
import type { Keys } from "./keys.ts";
import { PATIENCE, type Lock, type Locks } from "./locks.ts";
import type { ResolvedCache } from "./options.ts";
import type { Remote } from "./remote.ts";
import type { Report } from "./report.ts";
import type { Rests } from "./rests.ts";
import type { SignalSource, SingleFlight } from "./single-flight.ts";
import type { Head } from "./stored.ts";
import { clock, FOREVER, withJitter } from "./time.ts";

/** Makes a value that is not cached. */
export type Loader = (signal: AbortSignal) => unknown;

/** How an entry is made and kept; times in ms. */
export interface Rules {
  readonly ttl: number;
  readonly grace: number;
  readonly staleWhileRevalidate: number;
  readonly negativeTtl: number;
  readonly earlyRefresh: number;
  readonly tags: readonly string[];
  /** Whether the caller waits until the value is stored. */
  readonly awaitWrite: boolean;
}

/** How one entry is made. */
export interface Plan {
  readonly loader: Loader;
  /** Where a call has no options of its own, those of the cache, shared by all such calls. */
  readonly rules: Rules;
}

/** A value, and whether it is one beyond its time. */
interface Obtained {
  readonly value: unknown;
  readonly isStale: boolean;
}

/** What a run of the loader goes by. */
interface Run {
  /** null: somebody else holds it, or nobody can tell; the value is not stored then. */
  readonly lock: Lock | null;
  /** Served where the loader fails. */
  readonly stale: Entry | null;
  /** When Redis has to have answered, ms on the clock. */
  readonly until: number;
  readonly signal: AbortSignal;
}

/** A value that the loader has made under a lock. */
interface Made {
  readonly value: unknown;
  readonly versions: Head["tags"];
  readonly lock: Lock;
  /** How long it took, ms. */
  readonly cost: number;
}

/** What came of reaching for a lock. */
interface Taken {
  readonly lock: Lock | null;
  /** What stood under the key behind that: another process may have made it just before. */
  readonly entry: Entry | null;
  /** Whether Redis has answered. */
  readonly isAnswered: boolean;
}

/** Waits of a process for another one that makes an entry, before it looks by itself, ms. */
const FIRST_LOOK = 50;
const LAST_LOOK = 1000;

/**
 * Cache-aside: the value from Redis, else from the loader, which runs once in all processes together. Redis may be slow or gone at every
 * step: no operation on it is waited for longer than `readTimeout`, and then the loader runs.
 */
export class CacheAside {
  readonly #parts: CacheAsideParts;

  constructor(parts: CacheAsideParts) {
    this.#parts = parts;
  }

  /** What can be given without any wait; null for nothing. */
  atOnce(key: string, plan: Plan): { readonly value: unknown } | null {
    const entry = this.#parts.entries.shared(key);
    return entry === null ? null : this.#served(key, entry, plan, true);
  }

  /** The value of an entry, from wherever. Rejects only with what the loader throws. */
  async obtain(key: string, plan: Plan, own: SignalSource): Promise<unknown> {
    const { entries, settings, counters } = this.#parts;
    const until = clock.now() + settings.readTimeout;
    const found = await entries.look(key, until);
    const served = found.entry === null ? null : this.#served(key, found.entry, plan, found.isLocal);
    if (served !== null) return served.value;
    try {
      const { value, isStale } = await this.#inTurn(key, plan, found, until, own.signal);
      if (isStale) counters.staleHits++;
      else counters.misses++;
      return value;
    } catch (error) {
      counters.misses++;
      throw error;
    }
  }

  /** What can be given at once; null for nothing. A value near its end, or beyond, is made anew meanwhile. */
  #served(key: string, entry: Entry, plan: Plan, isLocal: boolean): Entry | null {
    const { counters } = this.#parts;
    const now = Date.now();
    if (isFresh(entry, now)) {
      countHit(counters, entry, isLocal);
      if (isDue(entry, now, plan.rules.earlyRefresh, clock.random())) this.#refresh(key, entry, plan);
      return entry;
    }
    if (!isWithin(entry, plan.rules.staleWhileRevalidate, now)) return null;
    counters.staleHits++;
    this.#refresh(key, entry, plan);
    return entry;
  }

  /** Makes an entry anew in the background, unless another process does, or it was in vain just before. */
  #refresh(key: string, old: Entry, plan: Plan): void {
    const { refreshes, rests, fills, report } = this.#parts;
    if (refreshes.has(key) || rests.has(key) || fills.isClosed) return;
    refreshes
      .run(key, ({ signal }) => this.#renew(key, old, plan, signal), null)
      .catch((error: unknown) => {
        rests.add(key);
        if (!fills.isClosed) report(error, key);
      });
  }

  async #renew(key: string, old: Entry, plan: Plan, signal: AbortSignal): Promise<void> {
    const { settings, rests, locks, counters } = this.#parts;
    const until = clock.now() + settings.readTimeout;
    const { lock, entry } = await this.#take(key, until, signal);
    if (lock === null) {
      rests.add(key);
    } else if ((entry?.timing?.createdAt ?? 0) > (old.timing?.createdAt ?? 0)) {
      locks.release(lock); // another process has made it anew just before
    } else {
      await this.#make(key, plan, { lock, stale: null, until, signal });
      counters.refreshes++;
      rests.delete(key);
    }
  }

  /** Makes the entry when no other process does; else waits for that. */
  async #inTurn(key: string, plan: Plan, found: Lookup, first: number, signal: AbortSignal): Promise<Obtained> {
    const { fills, keys, counters, settings, locks } = this.#parts;
    const end = clock.now() + PATIENCE * settings.lockTtl;
    let stale = usable(found.entry, plan);
    let until = first;
    for (let pause = FIRST_LOOK; ; pause = Math.min(LAST_LOOK, pause * 2)) {
      const { lock, entry, isAnswered } = found.isAnswered ? await this.#take(key, until, signal) : UNASKED;
      if (entry !== null && isFresh(entry, Date.now())) {
        if (lock !== null) locks.release(lock);
        return { value: entry.value, isStale: false };
      }
      stale = usable(entry, plan) ?? stale;
      if (!isAnswered) counters.withoutRedis++;
      if (lock !== null || !isAnswered || fills.isClosed || clock.now() >= end)
        return this.#make(key, plan, { lock, stale, until, signal });
      counters.waits++;
      await fills.wait(keys.id(key), pause * (0.75 + 0.5 * clock.random()), signal);
      signal.throwIfAborted();
      until = clock.now() + settings.readTimeout;
    }
  }

  /** Takes the lock, and looks at the entry behind it. Rejects when nobody waits any more. */
  async #take(key: string, until: number, signal: AbortSignal): Promise<Taken> {
    const { remote, locks, entries } = this.#parts;
    const lock = locks.of(key);
    const tried = await remote.attempt(until - clock.now(), (redis) => {
      const bytes = redis.with({ readFrom: "primary" }).buffers.get(key);
      return Promise.all([locks.take(redis, lock), bytes.catch(nothingOfOtherType)]);
    });
    if (!tried.ok) {
      // It may have been taken all the same, and would stop everybody for as long as it lasts.
      if (tried.wasSent) locks.release(lock);
      return UNASKED;
    }
    const [isTaken, bytes] = tried.value;
    const { entry } = await entries.again(key, bytes, until);
    if (signal.aborted && isTaken) locks.release(lock);
    signal.throwIfAborted();
    return { lock: isTaken ? lock : null, entry, isAnswered: true };
  }

  /** Runs the loader, and stores what it returns: only while the lock is held, so that nothing newer is overwritten. */
  async #make(key: string, plan: Plan, { lock, stale, until, signal }: Run): Promise<Obtained> {
    const { counters, locks, entries, report } = this.#parts;
    const { ttl, tags, awaitWrite } = plan.rules;
    const lifetime = ttl + beyond(plan.rules);
    // From before the loader begins: what is invalidated meanwhile is invalid.
    const versions = lock === null ? null : await entries.versions(tags, lifetime, until - clock.now());
    const kept = lock === null ? null : locks.keep(lock, signal);
    const began = clock.now();
    let value: unknown;
    counters.loads++;
    try {
      value = await plan.loader(signal);
    } catch (error) {
      kept?.end();
      counters.loadErrors++;
      if (lock !== null) locks.release(lock);
      if (stale === null) throw error;
      report(error, key);
      return { value: stale.value, isStale: true };
    } finally {
      counters.loadTime += clock.now() - began;
    }
    kept?.end();
    if (signal.aborted) return { value, isStale: false }; // its lock was given back
    if (lock !== null && versions !== null) {
      const made = { value, versions, lock, cost: clock.now() - began };
      const stored = this.#parts.remote.during(this.#store(key, plan.rules, made));
      if (awaitWrite) await stored;
    } else if (lock !== null) {
      locks.release(lock);
    }
    return { value, isStale: false };
  }

  /** Settles when the value is stored, or is not. */
  async #store(key: string, rules: Rules, { value, versions: tags, lock, cost }: Made): Promise<void> {
    const { entries, remote, locks, settings, counters, report } = this.#parts;
    const ttl = value === undefined ? rules.negativeTtl : rules.ttl;
    if (ttl === 0) return locks.release(lock);
    const freshFor = withJitter(Math.min(ttl, FOREVER), settings.jitter);
    const timing = { createdAt: Date.now(), freshFor, cost };
    let encoded: Encoded;
    try {
      encoded = await (value === undefined
        ? entries.encodeNothing({ timing, tags })
        : entries.encode(value, { timing, tags }));
    } catch (error) {
      report(error, key);
      return locks.release(lock);
    }
    const px = Math.ceil(Math.min(FOREVER, freshFor + (value === undefined ? 0 : beyond(rules))));
    const isDone = await remote.later(settings.writeTimeout, async (redis) => {
      if (await locks.store(redis, lock, encoded, px)) counters.writes++;
      else counters.lostLocks++;
    });
    if (!isDone) locks.release(lock);
  }
}

/** A key of another type, such as a list, is overwritten by what the loader makes. */
function nothingOfOtherType(error: unknown): null {
  if (isOtherType(error)) return null;
  throw error;
}

const UNASKED: Taken = { lock: null, entry: null, isAnswered: false };

/** What may be served where the loader fails. */
function usable(entry: Entry | null, { rules }: Plan): Entry | null {
  if (entry === null || entry.isEmpty) return null;
  return isWithin(entry, beyond(rules), Date.now()) ? entry : null;
}

/** How long after its time an entry may be served, ms. */
function beyond({ grace, staleWhileRevalidate }: Rules): number {
  return Math.max(grace, staleWhileRevalidate);
}

/** Whether an entry is no more than so many ms beyond its time. */
function isWithin({ timing }: Entry, beyond: number, now: number): boolean {
  return timing !== null && now < timing.createdAt + timing.freshFor + beyond;
}

interface CacheAsideParts {
  readonly settings: ResolvedCache;
  readonly entries: Entries;
  readonly locks: Locks;
  readonly remote: Remote;
  readonly keys: Keys;
  readonly fills: Fills;
  readonly refreshes: SingleFlight<void>;
  readonly rests: Rests;
  readonly counters: Counters;
  readonly report: Report;
}
