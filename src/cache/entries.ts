import type { Counters } from "./counters.ts";
import type { Entry, Extras, Format } from "./format.ts";
import type { Memory, Reading } from "./memory.ts";
import type { ResolvedCache } from "./options.ts";
import type { Attempt, Remote } from "./remote.ts";
import type { Tags } from "./tags.ts";
import { clock } from "./time.ts";
import type { Stored, TwoKeyLayout } from "./two-keys.ts";

/** What a look-up has found. */
export interface Lookup {
  /** Whether Redis has answered. */
  readonly isAnswered: boolean;
  /** null where there is none that can be read and is valid; it may be stale. */
  readonly entry: Entry | null;
}

const UNANSWERED: Lookup = { isAnswered: false, entry: null };
const NOTHING: Lookup = { isAnswered: true, entry: null };

/** The stored entries: reads them through the format, and checks that their tags are valid. Nothing here throws. */
export class Entries {
  readonly #parts: EntriesParts;

  constructor(parts: EntriesParts) {
    this.#parts = parts;
  }

  /** What is in memory; null where nothing is. */
  inMemory(key: string): Entry | Promise<Lookup> | null {
    const kept = this.#parts.memory?.get(key);
    if (kept === undefined) return null;
    return Buffer.isBuffer(kept) ? this.#decode(kept) : kept;
  }

  /** @param until when Redis has to have answered, ms on the clock */
  async look(key: string, until: number): Promise<Lookup> {
    const kept = this.inMemory(key);
    if (kept !== null) return kept instanceof Promise ? kept : { isAnswered: true, entry: kept };
    const { memory, remote } = this.#parts;
    const reading = memory?.begin(key) ?? null;
    const read = memory?.reader() ?? null;
    const timeout = until - clock.now();
    const found = await remote.attempt<unknown>(timeout, (redis) =>
      read === null ? redis.buffers.get(key) : read(key, timeout),
    );
    return this.#kept(key, reading, found, until);
  }

  /** Several at once; in the order of the keys. */
  async lookAll(keys: readonly string[], until: number): Promise<Lookup[]> {
    const { remote, memory, hasSecond } = this.#parts;
    if (memory !== null || hasSecond) return Promise.all(keys.map((key) => this.look(key, until)));
    const found = await remote.attempt(until - clock.now(), (redis) => redis.buffers.mget([...keys]));
    if (!found.ok) return keys.map(() => UNANSWERED);
    return Promise.all(found.value.map(async (one) => (one === null ? NOTHING : this.check(one, until))));
  }

  async #kept(key: string, reading: Reading | null, found: Attempt<unknown>, until: number): Promise<Lookup> {
    const bytes = found.ok ? (found.value as Buffer | null) : null;
    const { memory, hasSecond } = this.#parts;
    const without = hasSecond && found.ok ? () => this.second(key, until) : () => (found.ok ? NOTHING : UNANSWERED);
    const lookup = await (bytes === null ? without() : this.check(bytes, until));
    if (reading === null) return lookup;
    if (bytes !== null && lookup.entry !== null) memory?.keep(key, reading, bytes, lookup.entry);
    else memory?.end(key, reading);
    return lookup;
  }

  /** What was read before, and told of since. */
  async #decode(bytes: Buffer): Promise<Lookup> {
    return { isAnswered: true, entry: await this.#parts.format.read(bytes) };
  }

  /** Makes an entry of stored bytes. */
  async check(bytes: Buffer, until: number): Promise<Lookup> {
    const { format, memory, remote, tags, counters, report } = this.#parts;
    let entry: Entry;
    try {
      entry = await format.read(bytes);
    } catch (error) {
      counters.unreadable++;
      report(error);
      return NOTHING;
    }
    if (entry.tags.length === 0) return { isAnswered: true, entry };
    const timeout = until - clock.now();
    const read = memory?.reader() ?? null;
    const checked = await remote.attempt(timeout, (redis) =>
      tags.areValid(entry.tags, (keys) =>
        read === null
          ? redis.mget(keys)
          : Promise.all(keys.map(async (key) => (await read(key, timeout))?.toString() ?? null)),
      ),
    );
    if (!checked.ok) return UNANSWERED;
    if (checked.value) return { isAnswered: true, entry };
    counters.invalidated++;
    return NOTHING;
  }

  /** The bytes of a value; rejects for one that the codec cannot keep. */
  async encode(value: unknown, extras: Extras): Promise<Stored> {
    const { format } = this.#parts;
    if (value === undefined) return { bytes: format.writeEmpty(extras), isZipped: false };
    return format.isBare ? format.writeBare(value) : { bytes: await format.write(value, extras), isZipped: false };
  }

  /** What the older convention has under a second key. */
  async second(key: string, until: number): Promise<Lookup> {
    const { remote, layout, settings } = this.#parts;
    const found = await remote.attempt(until - clock.now(), (redis) => layout.second(redis, key));
    if (!found.ok) return UNANSWERED;
    if (found.value === null) return NOTHING;
    const lookup = await this.check(found.value, until);
    const { entry } = lookup;
    if (entry !== null && layout.migrates) {
      const moved = await this.encode(entry.value, { timing: null, tags: [] });
      void remote.later(settings.writeTimeout, (redis) => layout.migrate(redis, key, moved.bytes));
    }
    return lookup;
  }
}

interface EntriesParts {
  readonly remote: Remote;
  readonly format: Format;
  readonly memory: Memory | null;
  readonly layout: TwoKeyLayout;
  /** Whether an entry may be under a second key. */
  readonly hasSecond: boolean;
  readonly settings: Pick<ResolvedCache, "writeTimeout">;
  readonly tags: Tags;
  readonly counters: Counters;
  readonly report: (error: unknown) => void;
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
