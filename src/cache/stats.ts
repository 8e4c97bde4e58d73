import type { BreakerState } from "./breaker.ts";
import type { Memory } from "./memory.ts";

/** What a cache has done since it was made. */
export interface CacheStats {
  /** Fresh values that were found, by where. */
  readonly hits: number;
  readonly misses: number;
  /** Values beyond their time that were served: while a new one was made, or because none could be. */
  readonly staleHits: number;
  /** Times that it was known that there is no value. */
  readonly negativeHits: number;
  /** Hits of all look-ups, 0 to 1, the stale and negative ones included; 0 without any. */
  readonly hitRate: number;
  /** Runs of loaders, and how many of them have failed. */
  readonly loads: number;
  readonly loadErrors: number;
  /** Entries that were made anew in the background, before or after their time. */
  readonly refreshes: number;
  /** Callers that have shared a look-up or a loader's run with another one in this process. */
  readonly shared: number;
  /** Waits for another process that was making the entry. */
  readonly waits: number;
  /** Times that the loader had to run because Redis did not answer in time. */
  readonly withoutRedis: number;
  /** Stored values that could not be read: damaged, or of another format. */
  readonly unreadable: number;
  /** Stored values whose tags were invalidated. */
  readonly invalidated: number;
  /** Values that the codec could not keep. */
  readonly refused: number;
  readonly writes: number;
  /** Values that were not stored because somebody has changed the entry meanwhile, or making them took longer than the lock held. */
  readonly lostLocks: number;
  /** Bytes of the values that compression was tried on, before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** In codecs and compressions on the program's own thread, ms. */
  readonly codecTime: number;
  /** Operations on Redis that failed or were late; those that were skipped as the breaker was open; writes that there was no room for. */
  readonly errors: number;
  readonly skipped: number;
  readonly dropped: number;
  readonly breaker: BreakerState;
  /** How often it has opened. */
  readonly breakerOpenings: number;
  /** The first level; null where there is none. */
  readonly memory: MemoryStats | null;
}

/** What the first level does, and has done. */
export interface MemoryStats {
  /** Whether it is in use at present: the servers tell of changes. */
  readonly isLive: boolean;
  readonly entries: number;
  readonly bytes: number;
  /** Of all hits, those from memory. */
  readonly hits: number;
  /** Changes that the servers have told of. */
  readonly invalidations: number;
  /** How often all entries were dropped, because it was not known which have changed. */
  readonly flushes: number;
}

export function memoryStats({ isLive, size, bytes, hits, invalidations, flushes }: Memory): MemoryStats {
  return { isLive, entries: size, bytes, hits, invalidations, flushes };
}
