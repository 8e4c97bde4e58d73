import { randomBytes } from "node:crypto";
import type { Redis } from "../index.ts";
import type { Keys } from "./keys.ts";
import { scriptsOn } from "./scripts.ts";
import type { Head } from "./stored.ts";
import { FOREVER } from "./time.ts";

/** A version is kept for so long, ms, after an entry was last made with it, and at least for as long as entries that have it may be served. */
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
   * @param lifetime how long the entry may be served, ms; Infinity for ever
   */
  take(redis: Redis, names: readonly string[], lifetime: number): Promise<Head["tags"]> {
    const needed = Math.ceil(Math.min(FOREVER, Math.max(KEPT, lifetime)));
    const full = 2 * needed;
    const versionOf = async (name: string): Promise<readonly [string, string]> => {
      const version = await scriptsOn(redis).tag(this.#keys.tag(name), newVersion(), needed, full);
      return [name, String(version)];
    };
    return Promise.all(names.map(versionOf));
  }

  /**
   * Whether an entry's tags still have the versions that it has.
   *
   * @param read gives the values of keys
   */
  async areValid(tags: Head["tags"], read: (keys: string[]) => Promise<readonly unknown[]>): Promise<boolean> {
    const versions = await read(tags.map(([name]) => this.#keys.tag(name)));
    return tags.every(([, version], index) => String(versions[index] ?? "") === version);
  }

  /** Makes all entries with this tag invalid. */
  async invalidate(redis: Redis, name: string): Promise<void> {
    await redis.set(this.#keys.tag(name), newVersion(), { px: KEPT });
  }
}

function newVersion(): string {
  return randomBytes(9).toString("base64url");
}
