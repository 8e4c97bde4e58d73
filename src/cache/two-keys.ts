import type { Redis } from "../index.ts";
import type { Encoded } from "./format.ts";
import type { Keys } from "./keys.ts";
import { scriptsOn } from "./scripts.ts";

/** Whether the older convention is followed, in which the gzip of the JSON of a large value is under a key of its own, `KEY:gz`. */
export type TwoKeys = "read" | "migrate" | "write";

/** An entry that is to be stored under `key`. */
interface Item {
  readonly key: string;
  readonly encoded: Encoded;
  /** How long, ms; null for ever. */
  readonly px: number | null;
}

/** Where entries are: under one key, or, in the older convention, under one of two. */
export class TwoKeyLayout {
  readonly #keys: Keys;
  readonly #mode: TwoKeys | null;

  constructor(keys: Keys, mode: TwoKeys | null) {
    this.#keys = keys;
    this.#mode = mode;
  }

  /** Whether an entry may be under a second key. */
  get hasSecond(): boolean {
    return this.#mode !== null;
  }

  /** Whether what is found under the second key moves to the first. */
  get migrates(): boolean {
    return this.#mode === "migrate";
  }

  /** All keys that an entry may be under. */
  of(key: string): string[] {
    return this.hasSecond ? [key, this.#keys.zipped(key)] : [key];
  }

  /** The entry's key, of either of them. */
  first(key: string): string {
    return this.hasSecond ? this.#keys.unzipped(key) : key;
  }

  /**
   * Stores entries, each under the key that is right for it and under no other one.
   *
   * @param before keys that are deleted first
   * @throws RedisError for the first that was refused
   */
  async put(redis: Redis, items: readonly Item[], before: readonly string[] = []): Promise<void> {
    const pipeline = redis.pipeline();
    for (const key of before) void pipeline.unlink(key);
    for (const { key, encoded, px } of items) {
      const place = this.#placeOf(key, encoded);
      if (px === null) void pipeline.set(place, asArg(encoded.bytes));
      else void pipeline.set(place, asArg(encoded.bytes), { px });
      for (const other of this.of(key)) if (other !== place) void pipeline.unlink(other);
    }
    for (const result of (await pipeline.exec()) as unknown[]) if (result instanceof Error) throw result;
  }

  /** Deletes what was just put, unless something else is there by now. */
  async takeBack(redis: Redis, key: string, encoded: Encoded): Promise<void> {
    await scriptsOn(redis).deleteIfSame(this.#placeOf(key, encoded), asArg(encoded.bytes));
  }

  /** What is under the second key counts no more. */
  async dropSecond(redis: Redis, key: string): Promise<void> {
    if (this.hasSecond) await redis.unlink(this.#keys.zipped(key));
  }

  /** The bytes under the second key; null where there are none. */
  second(redis: Redis, key: string): Promise<Buffer | null> {
    return redis.buffers.get(this.#keys.zipped(key));
  }

  /**
   * Moves an entry to its one key, with the time that it had left. What others write or delete meanwhile wins; where there is something
   * under the one key already, be it of another process that moves the same, nothing is done.
   *
   * @param found the bytes under the second key
   */
  async migrate(redis: Redis, key: string, found: Buffer, encoded: Encoded): Promise<void> {
    const zipped = this.#keys.zipped(key);
    const left = await redis.with({ readFrom: "primary" }).pttl(zipped);
    if (left === -2) return; // it is gone by now
    const limit = left === -1 ? {} : { px: Math.max(1, left) };
    if ((await redis.set(key, asArg(encoded.bytes), { nx: true, ...limit })) === null) return;
    const wasSame = (await scriptsOn(redis).deleteIfSame(zipped, found)) === 1;
    if (!wasSame) await this.takeBack(redis, key, encoded);
  }

  #placeOf(key: string, { isZipped }: Encoded): string {
    return isZipped ? this.#keys.zipped(key) : key;
  }
}

/** Bytes as an argument of a command. */
export function asArg(bytes: Uint8Array | string): string | Buffer {
  if (typeof bytes === "string" || Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
