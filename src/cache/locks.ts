import { randomBytes } from "node:crypto";
import type { Redis } from "../index.ts";
import type { Encoded } from "./format.ts";
import type { Keys } from "./keys.ts";
import type { ResolvedCache } from "./options.ts";
import type { Remote } from "./remote.ts";
import { scriptsOn } from "./scripts.ts";
import { clock } from "./time.ts";
import { asArg, type TwoKeyLayout } from "./two-keys.ts";

/** The lock of an entry: who holds it makes the value, and only its holder may store it. */
export interface Lock {
  /** The entry's key. */
  readonly entry: string;
  /** The lock's own key. */
  readonly key: string;
  /** Tells its holder from all others. */
  readonly token: string;
}

/** So many times as long as a lock lasts a loader keeps it, and is waited for elsewhere: one that hangs is not to hold up everybody. */
export const PATIENCE = 4;

/** The locks of entries, in Redis: across all processes an entry is made by one at a time. */
export class Locks {
  readonly #parts: LocksParts;

  constructor(parts: LocksParts) {
    this.#parts = parts;
  }

  /** A lock of an entry, which is still to be taken. */
  of(entry: string): Lock {
    return { entry, key: this.#parts.keys.lock(entry), token: randomBytes(12).toString("base64url") };
  }

  /** Takes a lock; false where somebody else has it. */
  async take(redis: Redis, { key, token }: Lock): Promise<boolean> {
    return String(await redis.set(key, token, { nx: true, px: this.#parts.settings.lockTtl })) === "OK";
  }

  /** Keeps a lock while a loader runs: until that is ended, the lock is lost, or it takes too long. It is given back on abort. */
  keep(lock: Lock, signal: AbortSignal): { end(): void } {
    const { remote, settings } = this.#parts;
    const { lockTtl, writeTimeout } = settings;
    const latest = clock.now() + PATIENCE * lockTtl;
    const renew = (): void => {
      if (clock.now() >= latest) return end();
      timer = clock.schedule(renew, lockTtl / 3);
      void remote.later(writeTimeout, async (redis) => {
        if ((await scriptsOn(redis).renew(lock.key, lock.token, lockTtl)) === 0) end();
      });
    };
    let timer = clock.schedule(renew, lockTtl / 3);
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", giveBack);
    };
    const giveBack = (): void => {
      end();
      this.release(lock);
    };
    signal.addEventListener("abort", giveBack);
    if (signal.aborted) giveBack();
    return { end };
  }

  /** Gives a lock back in the background, and tells those who wait for the entry. */
  release(lock: Lock): void {
    const { remote, settings } = this.#parts;
    void remote.later(settings.writeTimeout, (redis) => this.#release(redis, lock));
  }

  /**
   * Stores an entry if the lock is still held, and gives the lock back.
   *
   * @param px how long, ms
   * @returns whether it is stored
   */
  async store(redis: Redis, lock: Lock, encoded: Encoded, px: number): Promise<boolean> {
    const { layout } = this.#parts;
    const { entry, key, token } = lock;
    if (encoded.isZipped) return this.#storeApart(redis, lock, encoded, px);
    const news = this.#news(entry);
    const isStored = (await scriptsOn(redis).store(entry, key, token, asArg(encoded.bytes), px, ...news)) === 1;
    if (isStored) await layout.dropSecond(redis, entry);
    return isStored;
  }

  /** Under the second key, which may be in another slot, where no script sees the lock: what was written in vain is taken back. */
  async #storeApart(redis: Redis, lock: Lock, encoded: Encoded, px: number): Promise<boolean> {
    const { layout, remote, settings } = this.#parts;
    const isHeld = async (): Promise<boolean> => {
      const token = await redis.with({ readFrom: "primary" }).get(lock.key);
      return token !== null && String(token) === lock.token;
    };
    if (!(await isHeld())) return false;
    await layout.put(redis, [{ key: lock.entry, encoded, px }]);
    const isStored = await isHeld().catch(() => false);
    if (!isStored) void remote.later(settings.writeTimeout, (later) => layout.takeBack(later, lock.entry, encoded));
    await this.#release(redis, lock);
    return isStored;
  }

  #release(redis: Redis, { entry, key, token }: Lock): Promise<number> {
    return scriptsOn(redis).release(key, token, ...this.#news(entry));
  }

  /** Where it is told that an entry is there, or can be made, and which one. */
  #news(entry: string): readonly [channel: string, id: string] {
    const { keys } = this.#parts;
    return [keys.channel, keys.id(entry)];
  }
}

interface LocksParts {
  readonly keys: Keys;
  readonly layout: TwoKeyLayout;
  readonly remote: Remote;
  readonly settings: Pick<ResolvedCache, "lockTtl" | "writeTimeout">;
}
