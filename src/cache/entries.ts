import type { Redis } from "../index.ts";
import type { Counters } from "./counters.ts";
import type { Encoded, Entry, Extras, Format } from "./format.ts";
import type { Memory, Reading } from "./memory.ts";
import type { ResolvedCache } from "./options.ts";
import type { Remote } from "./remote.ts";
import type { Report } from "./report.ts";
import type { Tags } from "./tags.ts";
import { clock } from "./time.ts";
import type { TwoKeyLayout } from "./two-keys.ts";

/** What a look-up has found. */
export interface Lookup {
  /** Whether Redis has answered, or need not be asked. */
  readonly isAnswered: boolean;
  /** null where there is none that can be read and is valid; it may be stale. */
  readonly entry: Entry | null;
  /** Whether it is from memory. */
  readonly isLocal: boolean;
}

const UNANSWERED: Lookup = { isAnswered: false, entry: null, isLocal: false };
const NOTHING: Lookup = { isAnswered: true, entry: null, isLocal: false };

/** The stored entries: reads them through the format, and checks that their tags are valid. No look-up rejects. */
export class Entries {
  readonly #parts: EntriesParts;

  constructor(parts: EntriesParts) {
    this.#parts = parts;
  }

  /** What is in memory and can be given to anybody as it is; null where nothing is. */
  shared(key: string): Entry | null {
    const kept = this.#parts.memory?.get(key);
    return kept === undefined || Buffer.isBuffer(kept) ? null : kept;
  }

  /** @param until when Redis has to have answered, ms on the clock */
  async look(key: string, until: number): Promise<Lookup> {
    const { memory, remote } = this.#parts;
    if (memory !== null) return this.#lookThrough(memory, key, until);
    const found = await remote.attempt(until - clock.now(), (redis) => redis.buffers.get(key));
    return found.ok ? this.#of(key, found.value, until, true) : UNANSWERED;
  }

  /** The same with a first level. */
  async #lookThrough(memory: Memory, key: string, until: number): Promise<Lookup> {
    const local = await this.#local(memory, key);
    if (local !== null) return { isAnswered: true, entry: local, isLocal: true };
    const reading = memory.begin(key);
    const read = memory.reader();
    const timeout = until - clock.now();
    const found = await this.#parts.remote.attempt<Buffer | null>(timeout, (redis) =>
      read === null ? redis.buffers.get(key) : read(key, timeout),
    );
    const lookup = found.ok ? await this.#of(key, found.value, until, true) : UNANSWERED;
    if (reading !== null) await this.#keep(memory, reading, found.ok ? found.value : null, lookup.entry, until);
    return lookup;
  }

  /** Several at once; in the order of the keys. */
  async lookAll(keys: readonly string[], until: number): Promise<Lookup[]> {
    const { remote, memory } = this.#parts;
    if (memory !== null) return Promise.all(keys.map((key) => this.look(key, until)));
    const found = await remote.attempt(until - clock.now(), (redis) => redis.buffers.mget([...keys]));
    if (!found.ok) return keys.map(() => UNANSWERED);
    const { value } = found;
    return Promise.all(keys.map(async (key, index) => this.#of(key, value[index] ?? null, until, true)));
  }

  /** The entry of bytes that were read again, after a look-up that has counted what it found. */
  again(key: string, bytes: Buffer | null, until: number): Lookup | Promise<Lookup> {
    return this.#of(key, bytes, until, false);
  }

  /**
   * The bytes of a value.
   *
   * @throws CacheValueError, or what the codec throws, for one that it cannot keep
   */
  async encode(value: unknown, extras: Extras): Promise<Encoded> {
    try {
      return await this.#parts.format.write(value, extras);
    } catch (error) {
      this.#parts.counters.refused++;
      throw error;
    }
  }

  /** The bytes that tell that there is no value. */
  encodeNothing(extras: Extras): Encoded {
    return this.#parts.format.writeEmpty(extras);
  }

  /**
   * The versions of tags, for an entry that is to be made; null where Redis does not tell them.
   *
   * @param lifetime how long the entry may be served, ms
   */
  async versions(names: readonly string[], lifetime: number, timeout: number): Promise<Extras["tags"] | null> {
    if (names.length === 0) return [];
    const { remote, tags } = this.#parts;
    const taken = await remote.attempt(timeout, (redis) => tags.take(redis, names, lifetime));
    return taken.ok ? taken.value : null;
  }

  /** What is in memory; null where nothing is. */
  async #local(memory: Memory, key: string): Promise<Entry | null> {
    const { format, report } = this.#parts;
    const kept = memory.get(key);
    if (kept === undefined) return null;
    if (!Buffer.isBuffer(kept)) return kept;
    try {
      // A copy: what is decoded may be a part of the bytes, and the caller may change it.
      return await format.read(Buffer.from(kept));
    } catch (error) {
      memory.drop(key);
      report(error, key);
      return null;
    }
  }

  /** The entry of what was read under its key; looks under the second key where there may be one. */
  #of(key: string, bytes: Buffer | null, until: number, counts: boolean): Lookup | Promise<Lookup> {
    if (bytes !== null) return this.#check(key, bytes, until, counts);
    return this.#parts.layout.hasSecond ? this.#second(key, until, counts) : NOTHING;
  }

  /** Makes an entry of stored bytes. */
  #check(key: string, bytes: Buffer, until: number, counts: boolean): Lookup | Promise<Lookup> {
    try {
      const read = this.#parts.format.read(bytes);
      if (!(read instanceof Promise)) return this.#checkTags(read, until, counts);
      return read.then(
        (entry) => this.#checkTags(entry, until, counts),
        (error: unknown) => this.#unreadable(key, error, counts),
      );
    } catch (error) {
      return this.#unreadable(key, error, counts);
    }
  }

  #unreadable(key: string, error: unknown, counts: boolean): Lookup {
    if (counts) this.#parts.counters.unreadable++;
    if (counts) this.#parts.report(error, key);
    return NOTHING;
  }

  #checkTags(entry: Entry, until: number, counts: boolean): Lookup | Promise<Lookup> {
    return entry.tags.length === 0 ? { isAnswered: true, entry, isLocal: false } : this.#askTags(entry, until, counts);
  }

  async #askTags(entry: Entry, until: number, counts: boolean): Promise<Lookup> {
    const { memory, remote, tags, counters } = this.#parts;
    const timeout = until - clock.now();
    const read = memory?.reader() ?? null;
    const readAll = (redis: Redis, keys: string[]): Promise<readonly unknown[]> =>
      read === null ? redis.mget(keys) : Promise.all(keys.map((each) => read(each, timeout)));
    const checked = await remote.attempt(timeout, (redis) => tags.areValid(entry.tags, (keys) => readAll(redis, keys)));
    if (!checked.ok) return UNANSWERED;
    if (checked.value) return { isAnswered: true, entry, isLocal: false };
    if (counts) counters.invalidated++;
    return NOTHING;
  }

  /** What the older convention has under a second key. */
  async #second(key: string, until: number, counts: boolean): Promise<Lookup> {
    const { remote, layout } = this.#parts;
    const found = await remote.attempt(until - clock.now(), (redis) => layout.second(redis, key));
    if (!found.ok) return UNANSWERED;
    if (found.value === null) return NOTHING;
    const lookup = await this.#check(key, found.value, until, counts);
    if (lookup.entry !== null && layout.migrates) void this.#migrate(key, found.value, lookup.entry);
    return lookup;
  }

  /** Moves an entry from its second key to the first, in the background. */
  async #migrate(key: string, found: Buffer, { value }: Entry): Promise<void> {
    const { remote, layout, settings, report } = this.#parts;
    try {
      const encoded = await this.encode(value, { timing: null, tags: [] });
      await remote.later(settings.writeTimeout, (redis) => layout.migrate(redis, key, found, encoded));
    } catch (error) {
      report(error, key); // a value that the codec of now cannot keep stays where it is
    }
  }

  /** Keeps in memory what was read, for as long as it may be there. */
  async #keep(
    memory: Memory,
    reading: Reading,
    bytes: Buffer | null,
    entry: Entry | null,
    until: number,
  ): Promise<void> {
    const { remote } = this.#parts;
    let left: number | null = null;
    // One without a time of its own lasts for as long as Redis has it, whose news of its end may come late.
    if (bytes !== null && entry !== null && entry.timing === null) {
      const found = await remote.attempt(until - clock.now(), (redis) => redis.pttl(reading.key));
      left = !found.ok || found.value === -2 ? 0 : found.value === -1 ? null : found.value;
    }
    if (bytes === null || entry === null || left === 0) memory.end(reading);
    else memory.keep(reading, bytes, entry, left ?? Infinity);
  }
}

interface EntriesParts {
  readonly remote: Remote;
  readonly format: Format;
  readonly memory: Memory | null;
  readonly layout: TwoKeyLayout;
  readonly settings: Pick<ResolvedCache, "writeTimeout">;
  readonly tags: Tags;
  readonly counters: Counters;
  readonly report: Report;
}

/** Whether an entry is within its time. One without a time is as long as Redis has it. */
export function isFresh({ timing }: Entry, now: number): boolean {
  return timing === null || now < timing.createdAt + timing.freshFor;
}

/**
 * Whether an entry is to be made anew although it is fresh: the likelier the nearer its end and the longer it takes, so that of many
 * readers one begins in time. XFetch: A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention, 2015.
 *
 * @param random in [0, 1)
 */
export function isDue({ timing }: Entry, now: number, eagerness: number, random: number): boolean {
  if (timing === null || eagerness === 0) return false;
  return now - timing.cost * eagerness * Math.log(1 - random) >= timing.createdAt + timing.freshFor;
}
