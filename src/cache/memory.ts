import type { KeyTracking, Redis } from "../index.ts";
import { isPlain, freeze } from "./plain.ts";
import type { Entry } from "./format.ts";
import type { Keys } from "./keys.ts";
import { peer } from "./peer.ts";
import { clock } from "./time.ts";

/** What is used of the package `lru-cache`. */
interface LruCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, options: { size: number }): unknown;
  delete(key: string): boolean;
  clear(): void;
  keys(): Iterable<string>;
  readonly size: number;
  readonly calculatedSize: number;
}
interface LruLibrary {
  readonly LRUCache: new <V>(options: {
    max: number;
    maxSize: number;
    dispose: (value: V, key: string) => void;
  }) => LruCache<V>;
}

/** The first level, checked. Times in ms. */
export interface MemorySettings {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly mode: "broadcast" | "reads";
  /** Whether each hit gets a copy of its own. */
  readonly copies: boolean;
}

/** An entry in memory. */
interface Kept {
  /** Where each hit decodes them anew. */
  readonly bytes: Buffer | null;
  /** Its value is shared by all hits: frozen, or a primitive. */
  readonly shared: Entry | null;
  readonly tags: readonly string[];
  /** ms on the clock. */
  readonly until: number;
}

/** Reads of a key under way; what they bring is kept only if the key has not changed meanwhile. */
export interface Reading {
  isCurrent: boolean;
  /** While there are any, a change of the key concerns them. */
  readers: number;
}

/** What an entry takes beside its bytes: the key, objects, and the value that was decoded. */
const OVERHEAD = 300;

/**
 * The first level: entries in the program's memory, kept right by what the servers tell of changes. It is empty, and stays so, while they
 * cannot.
 */
export class Memory {
  readonly #settings: MemorySettings;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #report: (error: unknown) => void;
  readonly #entries: LruCache<Kept>;
  readonly #byTag = new Map<string, Set<string>>();
  readonly #readings = new Map<string, Reading>();
  #tracking: KeyTracking | null = null;
  #starting: Promise<void> | null = null;
  #triedAt = -Infinity;
  #isClosed = false;
  hits = 0;
  /** Entries that were dropped because the servers told of a change. */
  invalidations = 0;
  /** How often everything was dropped, because it was not known what had changed. */
  flushes = 0;

  constructor(settings: MemorySettings, keys: Keys, redis: Redis, report: (error: unknown) => void) {
    const { LRUCache } = peer<LruLibrary>("lru-cache", "the cache's first level");
    this.#settings = settings;
    this.#keys = keys;
    this.#redis = redis;
    this.#report = report;
    this.#entries = new LRUCache<Kept>({
      max: settings.maxEntries,
      maxSize: settings.maxBytes,
      dispose: (kept, key) => this.#forget(kept, key),
    });
  }

  /** Whether entries are kept at present. */
  get isLive(): boolean {
    return this.#tracking?.isLive === true;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /** An entry; undefined where there is none. Its bytes, where each hit decodes them anew. */
  get(key: string): Entry | Buffer | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    if (clock.now() >= kept.until) {
      this.#entries.delete(key);
      return undefined;
    }
    this.hits++;
    return kept.shared ?? (kept.bytes as Buffer);
  }

  /** Says that a key is about to be read. */
  begin(key: string): Reading | null {
    if (this.#tracking === null) this.#start();
    if (!this.isLive) return null;
    let reading = this.#readings.get(key);
    if (reading === undefined) this.#readings.set(key, (reading = { isCurrent: true, readers: 0 }));
    reading.readers++;
    return reading;
  }

  /** Reads a key by the way that tells of its next change; null where the usual way does. */
  reader(): ((key: string, timeout: number) => Promise<Buffer | null>) | null {
    const tracking = this.#tracking;
    if (this.#settings.mode !== "reads" || tracking?.isLive !== true) return null;
    return (key, timeout) => tracking.get(key, timeout);
  }

  /** Keeps what was read, unless the key has changed meanwhile. */
  keep(key: string, reading: Reading, bytes: Buffer, entry: Entry): void {
    this.end(key, reading);
    if (!reading.isCurrent || !this.isLive) return;
    const { maxAge, copies } = this.#settings;
    const tags = entry.tags.map(([name]) => name);
    const shared = !copies && isPlain(entry.value) ? { ...entry, value: freeze(entry.value) } : null;
    const kept = { bytes: shared === null ? bytes : null, shared, tags, until: clock.now() + maxAge };
    this.#entries.set(key, kept, { size: bytes.length + key.length + OVERHEAD });
    for (const tag of tags) {
      const keys = this.#byTag.get(tag);
      if (keys === undefined) this.#byTag.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  /** A read is over, and brings nothing to keep. */
  end(key: string, reading: Reading): void {
    if (--reading.readers === 0 && this.#readings.get(key) === reading) this.#readings.delete(key);
  }

  /** A key has changed, or is about to. */
  drop(key: string): void {
    this.#entries.delete(key);
    const reading = this.#readings.get(key);
    if (reading === undefined) return;
    reading.isCurrent = false;
    this.#readings.delete(key);
  }

  /** A tag was invalidated. */
  dropTag(name: string): void {
    for (const key of [...(this.#byTag.get(name) ?? [])]) this.drop(key);
    // What is being read may have the tag.
    this.#dropReadings();
  }

  flush(): void {
    this.flushes++;
    this.#entries.clear();
    this.#dropReadings();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#starting;
    await this.#tracking?.close();
    this.flush();
  }

  #dropReadings(): void {
    for (const reading of this.#readings.values()) reading.isCurrent = false;
    this.#readings.clear();
  }

  #forget(kept: Kept, key: string): void {
    for (const tag of kept.tags) {
      const keys = this.#byTag.get(tag);
      if (keys?.delete(key) === true && keys.size === 0) this.#byTag.delete(tag);
    }
  }

  /** Asks the servers to tell of changes; again after a while where they cannot. */
  #start(): void {
    if (this.#starting !== null || this.#isClosed || clock.now() < this.#triedAt + RETRY) return;
    this.#triedAt = clock.now();
    const { mode } = this.#settings;
    const prefixes = mode === "broadcast" ? { prefixes: [this.#keys.prefix, this.#keys.tagPrefix] } : {};
    this.#starting = this.#redis
      .trackKeys({ mode, ...prefixes, onInvalidate: (keys) => this.#invalidate(keys) })
      .then(
        (tracking) => {
          this.#tracking = tracking;
        },
        (error: unknown) => this.#report(error),
      )
      .finally(() => {
        this.#starting = null;
      });
  }

  #invalidate(keys: readonly string[] | null): void {
    if (keys === null) {
      this.flush();
      return;
    }
    for (const key of keys) {
      this.invalidations++;
      const tag = this.#keys.tagOf(key);
      if (tag === null) this.drop(key);
      else this.dropTag(tag);
    }
  }
}

/** So long after it was in vain to be told of changes it is tried again, ms. */
const RETRY = 5000;
