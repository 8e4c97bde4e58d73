import type { BreakerState } from "./breaker.ts";
import type { Memory } from "./memory.ts";

/**
 * What a cache has done since it was made. Each look-up that was not shared is one of `hits`, `staleHits`, `negativeHits` and `misses`.
 */
export interface CacheStats {
  /** Fresh values that were found, in memory or in Redis; `memory.hits` are those in memory. */
  readonly hits: number;
  /** Look-ups that found nothing that could be served. */
  readonly misses: number;
  /** Values beyond their time that were served: while a new one was made, or because the loader failed. */
  readonly staleHits: number;
  /** Look-ups that found out that there is no value, as `negativeTtl` keeps it. */
  readonly negativeHits: number;
  /** Hits of all look-ups, 0 to 1, the stale and negative ones included; 0 without any. */
  readonly hitRate: number;
  /** Runs of loaders, how many of them have failed, and how long they took together, ms. */
  readonly loads: number;
  readonly loadErrors: number;
  readonly loadTime: number;
  /** Entries that this process has made anew in the background, before or after their time. */
  readonly refreshes: number;
  /** Callers that have shared a look-up or a loader's run with another one in this process: stampedes avoided. */
  readonly shared: number;
  /** Waits for another process that was making the entry: stampedes avoided across processes. */
  readonly waits: number;
  /** Look-ups that Redis did not answer in time, or was not asked, because it had failed before. */
  readonly withoutRedis: number;
  /** Stored values that could not be read: damaged, or of a program that writes in another way. */
  readonly unreadable: number;
  /** Stored values whose tags were invalidated. */
  readonly invalidated: number;
  /** Values that the codec could not keep: they were not stored. */
  readonly refused: number;
  /** Entries that were stored. */
  readonly writes: number;
  /** Values that were not stored because somebody has changed the entry meanwhile, or making them took longer than the lock held. */
  readonly lostLocks: number;
  /** Bytes of the values that compression was tried on, before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** In codecs and compressions on the program's own thread, ms. */
  readonly codecTime: number;
  /** Operations on Redis that failed or were late. */
  readonly errors: number;
  /** What the latest of them failed with; null without any. */
  readonly lastError: unknown;
  /** Operations that were not begun: the breaker was open, or those before had taken all the time that the look-up had. */
  readonly skipped: number;
  /** Writes, deletions and invalidations that were left out, because `maxPendingWrites` were under way. */
  readonly dropped: number;
  /** `closed`: Redis is asked; `open`: it is not, for a while; `half-open`: the next operation tries whether it answers again. */
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
  /** Why it is not; null while it is, or before the first look-up. */
  readonly error: unknown;
  /** Entries in it, and their bytes: as they are stored, and 300 for each. */
  readonly entries: number;
  readonly bytes: number;
  /** Of all hits, the negative ones included, those from memory. */
  readonly hits: number;
  /** Changes that the servers have told of. */
  readonly invalidations: number;
  /** How often all entries were dropped, because it was not known which have changed. */
  readonly flushes: number;
}

/** @param hits those that the cache has counted */
export function memoryStats(memory: Memory, hits: number): MemoryStats {
  const { isLive, error, size, bytes, invalidations, flushes } = memory;
  return { isLive, error, entries: size, bytes, hits, invalidations, flushes };
}
