import { randomBytes } from "node:crypto";
import type { Redis } from "../index.ts";
import type { Keys } from "./keys.ts";
import type { Head } from "./stored.ts";
import { FOREVER } from "./time.ts";

/** A version is kept so long after its latest use, ms, and at least as long as the entries that have it. */
const KEPT = 24 * 3600 * 1000;

/**
 * The versions of tags, one small key each. An entry has the versions that its tags had before it was made; when one of them is
 * another by now, or gone, the entry counts no more. So an invalidation is one write, however many entries there are. A version is
 * never used twice: where a tag's key was evicted, what was made with the old one stays invalid.
 */
export class Tags {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /**
   * The versions for an entry that is about to be made; tags without one get one.
   *
   * @param ttl of the entry, ms; Infinity for ever
   */
  async take(redis: Redis, names: readonly string[], ttl: number): Promise<Head["tags"]> {
    if (names.length === 0) return [];
    const kept = Math.min(FOREVER, Math.max(KEPT, 2 * ttl));
    const pipeline = redis.pipeline();
    for (const name of names) {
      const key = this.#keys.tag(name);
      void pipeline.set(key, newVersion(), { nx: true, px: kept }).getex(key, { px: kept });
    }
    const results = (await pipeline.exec()) as unknown[];
    return names.map((name, index) => {
      const version = results[2 * index + 1];
      if (typeof version !== "string") throw version;
      return [name, version] as const;
    });
  }

  /**
   * Whether an entry's tags still have the versions that it has.
   *
   * @param read gives the values of keys
   */
  async areValid(tags: Head["tags"], read: (keys: string[]) => Promise<readonly (string | null)[]>): Promise<boolean> {
    const versions = await read(tags.map(([name]) => this.#keys.tag(name)));
    return tags.every(([, version], index) => versions[index] === version);
  }

  /** Makes all entries with this tag invalid. */
  async invalidate(redis: Redis, name: string): Promise<void> {
    await redis.set(this.#keys.tag(name), newVersion(), { px: KEPT });
  }
}

function newVersion(): string {
  return randomBytes(9).toString("base64url");
}
