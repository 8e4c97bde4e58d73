import type { Entry } from "./format.ts";

/** What a cache counts; see `CacheStats`. */
export type Counters = Record<CounterName, number>;

const NAMES = [
  "hits",
  "misses",
  "staleHits",
  "negativeHits",
  "loads",
  "loadErrors",
  "loadTime",
  "refreshes",
  "waits",
  "withoutRedis",
  "unreadable",
  "invalidated",
  "refused",
  "writes",
  "lostLocks",
  // Of the hits, those in memory.
  "localHits",
] as const;

type CounterName = (typeof NAMES)[number];

/** All at 0. */
export function newCounters(): Counters {
  return Object.fromEntries(NAMES.map((name) => [name, 0])) as Counters;
}

/** A fresh entry was found. */
export function countHit(counters: Counters, { isEmpty }: Entry, isLocal: boolean): void {
  if (isEmpty) counters.negativeHits++;
  else counters.hits++;
  if (isLocal) counters.localHits++;
}
