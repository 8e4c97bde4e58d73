import { ConnectError, ServerError, type Redis } from "../index.ts";
import type { Counters } from "./counters.ts";
import { CacheReadError } from "./errors.ts";
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
  /** Keys whose entries move from their second key at present. */
  readonly #migrating = new Set<string>();

  constructor(parts: EntriesParts) {
    this.#parts = parts;
  }

  /** What is in memory and can be given to anybody as it is; null where nothing is. */
  shared(key: string): Entry | null {
    const kept = this.#parts.memory?.get(key);
    return kept === undefined || Buffer.isBuffer(kept) ? null : kept;
  }

  /** @param until when Redis has to have answered, ms on the clock */
  look(key: string, until: number): Promise<Lookup> {
    const { memory, remote } = this.#parts;
    if (memory !== null) return this.#lookThrough(memory, key, until);
    return remote.attemptAs(
      until - clock.now(),
      (redis) => redis.buffers.get(key),
      (found) => (found.ok ? this.#of(key, found.value, until, FIRST) : this.#failed(key, found.error)),
    );
  }

  /** The same with a first level. */
  async #lookThrough(memory: Memory, key: string, until: number): Promise<Lookup> {
    const local = await this.#local(memory, key);
    if (local !== null) return { isAnswered: true, entry: local, isLocal: true };
    const reading = memory.begin(key);
    const read = memory.reader();
    const timeout = until - clock.now();
    let isTracked = true;
    const found = await this.#parts.remote.attempt<Buffer | null>(timeout, async (redis) => {
      if (read === null) return redis.buffers.get(key);
      try {
        return await read(key, timeout);
      } catch (error) {
        // It is on its way to another node, of which nobody tells.
        if (!isElsewhere(error)) throw error;
        isTracked = false;
        return redis.buffers.get(key);
      }
    });
    const lookup = found.ok ? await this.#of(key, found.value, until, FIRST) : this.#failed(key, found.error);
    if (reading === null) return lookup;
    if (!found.ok || found.value === null || lookup.entry === null || !isTracked) memory.end(reading);
    else await this.#keep(memory, reading, found.value, lookup.entry, until);
    return lookup;
  }

  /** Several at once; in the order of the keys. */
  async lookAll(keys: readonly string[], until: number): Promise<Lookup[]> {
    const { remote, memory } = this.#parts;
    if (memory !== null) return Promise.all(keys.map((key) => this.look(key, until)));
    const found = await remote.attempt(until - clock.now(), (redis) => redis.buffers.mget([...keys]));
    if (!found.ok) return keys.map(() => UNANSWERED);
    const { value } = found;
    return Promise.all(keys.map(async (key, index) => this.#of(key, value[index] ?? null, until, FIRST)));
  }

  /** The entry of bytes that were read again, from the primary, after a look-up that has counted what it found. */
  async again(key: string, bytes: Buffer | null, until: number): Promise<Lookup> {
    return this.#of(key, bytes, until, AGAIN);
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
  #of(key: string, bytes: Buffer | null, until: number, look: Look): Lookup | Promise<Lookup> {
    if (bytes !== null) return this.#check(key, bytes, until, look);
    return this.#parts.layout.hasSecond ? this.#second(key, until, look) : NOTHING;
  }

  /** Makes an entry of stored bytes. */
  #check(key: string, bytes: Buffer, until: number, look: Look): Lookup | Promise<Lookup> {
    try {
      const read = this.#parts.format.read(bytes);
      if (!(read instanceof Promise)) return this.#checkTags(read, until, look);
      return read.then(
        (entry) => this.#checkTags(entry, until, look),
        (error: unknown) => this.#unreadable(key, error, look),
      );
    } catch (error) {
      return this.#unreadable(key, error, look);
    }
  }

  #unreadable(key: string, error: unknown, look: Look): Lookup {
    if (look === FIRST) this.#parts.counters.unreadable++;
    if (look === FIRST) this.#parts.report(error, key);
    return NOTHING;
  }

  /** Redis has not given an entry's bytes. A key of another type is one that cannot be read. */
  #failed(key: string, error: unknown): Lookup {
    if (!isOtherType(error)) return UNANSWERED;
    return this.#unreadable(key, new CacheReadError("foreign", "a key of another type than string", error), FIRST);
  }

  #checkTags(entry: Entry, until: number, look: Look): Lookup | Promise<Lookup> {
    return entry.tags.length === 0 ? { isAnswered: true, entry, isLocal: false } : this.#askTags(entry, until, look);
  }

  async #askTags(entry: Entry, until: number, look: Look): Promise<Lookup> {
    const { memory, remote, tags, counters } = this.#parts;
    const timeout = until - clock.now();
    const read = memory?.reader() ?? null;
    const readAll = (redis: Redis, keys: string[]): Promise<readonly unknown[]> =>
      read === null ? viewFor(look, redis).mget(keys) : Promise.all(keys.map((each) => read(each, timeout)));
    const checked = await remote.attempt(timeout, (redis) => tags.areValid(entry.tags, (keys) => readAll(redis, keys)));
    if (!checked.ok) return UNANSWERED;
    if (checked.value) return { isAnswered: true, entry, isLocal: false };
    if (look === FIRST) counters.invalidated++;
    return NOTHING;
  }

  /** What the older convention has under a second key. */
  async #second(key: string, until: number, look: Look): Promise<Lookup> {
    const { remote, layout } = this.#parts;
    const found = await remote.attempt(until - clock.now(), (redis) => layout.second(viewFor(look, redis), key));
    if (!found.ok) return UNANSWERED;
    if (found.value === null) return NOTHING;
    const lookup = await this.#check(key, found.value, until, look);
    if (lookup.entry !== null && layout.migrates && !this.#migrating.has(key))
      void remote.during(this.#migrate(key, found.value, lookup.entry));
    return lookup;
  }

  /** Moves an entry from its second key to the first, in the background. */
  async #migrate(key: string, found: Buffer, { value }: Entry): Promise<void> {
    const { remote, layout, settings, report } = this.#parts;
    this.#migrating.add(key);
    try {
      const encoded = await this.encode(value, { timing: null, tags: [] });
      await remote.later(settings.writeTimeout, (redis) => layout.migrate(redis, key, found, encoded));
    } catch (error) {
      report(error, key); // a value that the codec of now cannot keep stays where it is
    }
    this.#migrating.delete(key);
  }

  /** Keeps in memory what was read, for as long as it may be there. */
  async #keep(memory: Memory, reading: Reading, bytes: Buffer, entry: Entry, until: number): Promise<void> {
    if (entry.timing !== null) return memory.keep(reading, bytes, entry, Infinity);
    // One without a time of its own lasts for as long as Redis has it, whose news of its end may come late.
    const left = await this.#parts.remote.attempt(until - clock.now(), (redis) => redis.pttl(reading.key));
    if (!left.ok || left.value === -2) memory.end(reading);
    else memory.keep(reading, bytes, entry, left.value === -1 ? Infinity : left.value);
  }
}

/** Which look at an entry it is: what is found again is not counted again, and read from the primary. */
type Look = typeof FIRST | typeof AGAIN;

const FIRST = "first";
const AGAIN = "again";

function viewFor(look: Look, redis: Redis): Redis {
  return look === FIRST ? redis : redis.with({ readFrom: "primary" });
}

/** Errors of a key that is not, or not only, where it was asked for. */
const ELSEWHERE: ReadonlySet<string> = new Set(["MOVED", "ASK", "TRYAGAIN"]);

function isElsewhere(error: unknown): boolean {
  return error instanceof ConnectError || (error instanceof ServerError && ELSEWHERE.has(error.code));
}

/** Whether a key has another type than string. */
export function isOtherType(error: unknown): boolean {
  return error instanceof ServerError && error.code === "WRONGTYPE";
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
