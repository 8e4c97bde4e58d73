import type { KeyTracking, TrackingOptions } from "../index.ts";
import { isPlain, freeze } from "./plain.ts";
import type { Entry } from "./format.ts";
import type { Keys } from "./keys.ts";
import { peer } from "./peer.ts";
import type { Report } from "./report.ts";
import { clock } from "./time.ts";

/** What is used of the package `lru-cache`. */
interface LruCache<V> {
  get(key: string): V | undefined;
  has(key: string): boolean;
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

/** Begins to be told of changes: `redis.trackKeys`. */
export type Tracker = (options: TrackingOptions) => Promise<Pick<KeyTracking, "isLive" | "error" | "get" | "close">>;

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
  /** Shared by all hits: its value is frozen, or a primitive. Bytes where each hit decodes them anew. */
  readonly entry: Entry | Buffer;
  readonly tags: readonly string[];
  /** ms on the clock. */
  readonly until: number;
}

/** Reads of a key under way; what they bring is kept only if the key has not changed meanwhile. */
export interface Reading {
  readonly key: string;
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
  readonly #track: Tracker;
  readonly #report: Report;
  readonly #entries: LruCache<Kept>;
  readonly #byTag = new Map<string, Set<string>>();
  readonly #readings = new Map<string, Reading>();
  #tracking: Awaited<ReturnType<Tracker>> | null = null;
  #starting: Promise<void> | null = null;
  #triedAt = -Infinity;
  #isClosed = false;
  /** Why nobody could be asked to tell of changes; null after a success. */
  #startError: unknown = null;
  /** Keys that the servers have told of. */
  invalidations = 0;
  /** How often everything was dropped, because it was not known what had changed. */
  flushes = 0;

  constructor(settings: MemorySettings, keys: Keys, track: Tracker, report: Report) {
    const { LRUCache } = peer<LruLibrary>("lru-cache", "the cache's first level");
    this.#settings = settings;
    this.#keys = keys;
    this.#track = track;
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

  /** Why none are; null where they are, or nobody has looked for one yet. */
  get error(): unknown {
    return this.#tracking === null ? this.#startError : this.#tracking.error;
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
    return kept.entry;
  }

  /** Says that a key is about to be read. */
  begin(key: string): Reading | null {
    if (this.#tracking === null) this.#start();
    if (!this.isLive) return null;
    let reading = this.#readings.get(key);
    if (reading === undefined) this.#readings.set(key, (reading = { key, isCurrent: true, readers: 0 }));
    reading.readers++;
    return reading;
  }

  /** Reads a key by the way that tells of its next change; null where the usual way does. */
  reader(): ((key: string, timeout: number) => Promise<Buffer | null>) | null {
    const tracking = this.#tracking;
    if (this.#settings.mode !== "reads" || tracking?.isLive !== true) return null;
    return (key, timeout) => tracking.get(key, timeout);
  }

  /**
   * Keeps what was read, unless the key has changed meanwhile.
   *
   * @param limit how long at most, ms
   */
  keep(reading: Reading, bytes: Buffer, entry: Entry, limit: number): void {
    this.end(reading);
    if (!reading.isCurrent || !this.isLive) return;
    const { key } = reading;
    const { maxAge, copies } = this.#settings;
    const tags = entry.tags.map(([name]) => name);
    const isShared = !copies && isPlain(entry.value);
    // A copy of the bytes: what was decoded of them may be a part of them, and the caller may change it.
    const kept = isShared ? { ...entry, value: freeze(entry.value) } : Buffer.from(bytes);
    const size = bytes.length + key.length + OVERHEAD;
    this.#entries.set(key, { entry: kept, tags, until: clock.now() + Math.min(maxAge, limit) }, { size });
    if (!this.#entries.has(key)) return; // too large for the memory as it is
    for (const tag of tags) {
      const keys = this.#byTag.get(tag);
      if (keys === undefined) this.#byTag.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  /** A read is over, and brings nothing to keep. */
  end(reading: Reading): void {
    const { key } = reading;
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
    this.#starting = this.#track({ mode, ...prefixes, onInvalidate: (keys) => this.#invalidate(keys) })
      .then(
        (tracking) => {
          this.#tracking = tracking;
        },
        (error: unknown) => {
          this.#startError = error;
          this.#report(error);
        },
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
