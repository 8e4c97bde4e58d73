/** What a cache counts; see `CacheStats`. */
export class Counters {
  hits = 0;
  misses = 0;
  staleHits = 0;
  negativeHits = 0;
  loads = 0;
  loadErrors = 0;
  refreshes = 0;
  waits = 0;
  withoutRedis = 0;
  unreadable = 0;
  invalidated = 0;
  refused = 0;
  writes = 0;
  lostLocks = 0;
}
