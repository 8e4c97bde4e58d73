import type { Redis } from "../index.ts";
import type { Keys } from "./keys.ts";

/** Whether the older convention is followed, in which the gzip of the JSON of a large value is under a key of its own, `KEY:gz`. */
export type TwoKeys = "read" | "migrate" | "write";

/** The bytes of an entry, and whether they are the older convention's gzip. */
export interface Stored {
  readonly bytes: Uint8Array | string;
  readonly isZipped: boolean;
}

/** What is used of a pipeline. */
interface Pipeline {
  set(key: string, value: string | Buffer, options?: { px: number }): unknown;
  unlink(...keys: string[]): unknown;
}

/** Where entries are: under one key, or, in the older convention, under one of two. */
export class TwoKeyLayout {
  readonly #keys: Keys;
  readonly #mode: TwoKeys | null;

  constructor(keys: Keys, mode: TwoKeys | null) {
    this.#keys = keys;
    this.#mode = mode;
  }

  /** All keys that an entry may be under. */
  of(key: string): string[] {
    return this.#mode === null ? [key] : [key, this.#keys.zipped(key)];
  }

  /**
   * Stores an entry under the key that is right for it, and under no other one.
   *
   * @param px how long, ms; null for ever
   */
  put(pipeline: Pipeline, key: string, { bytes, isZipped }: Stored, px: number | null): void {
    const zipped = this.#keys.zipped(key);
    const place = isZipped ? zipped : key;
    if (px === null) pipeline.set(place, asArg(bytes));
    else pipeline.set(place, asArg(bytes), { px });
    if (this.#mode !== null) pipeline.unlink(isZipped ? key : zipped);
  }

  /** The bytes under the second key; null where there are none. */
  async second(redis: Redis, key: string): Promise<Buffer | null> {
    return this.#mode === null ? null : redis.buffers.get(this.#keys.zipped(key));
  }

  /** Whether what is found under the second key moves to the first. */
  get migrates(): boolean {
    return this.#mode === "migrate";
  }

  /** Moves an entry to its one key, unless there is a newer one, with the time that it had left. */
  async migrate(redis: Redis, key: string, bytes: Uint8Array | string): Promise<void> {
    const zipped = this.#keys.zipped(key);
    const left = await redis.pttl(zipped);
    if (left === -2) return; // it is gone by now
    if (left === -1) await redis.set(key, asArg(bytes), { nx: true });
    else await redis.set(key, asArg(bytes), { nx: true, px: Math.max(1, left) });
    await redis.unlink(zipped);
  }
}

/** Bytes as an argument of a command. */
export function asArg(bytes: Uint8Array | string): string | Buffer {
  if (typeof bytes === "string" || Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
