import type { Redis } from "../index.ts";

/** What the server counts since it started, or since CONFIG RESETSTAT: for all programs that use it together. */
export interface ServerStats {
  /** Look-ups of keys that were there. */
  readonly hits: number;
  readonly misses: number;
  /** Hits of all look-ups, 0 to 1; 0 without any. */
  readonly hitRate: number;
  /** Commands per second, over the server's latest 1.6 s. */
  readonly opsPerSec: number;
}

/**
 * Reads the server's own statistics, from INFO; of a cluster the sum over its primaries.
 *
 * @throws RedisError when they cannot be read
 */
export async function serverStats(redis: Redis): Promise<ServerStats> {
  const sums = { hits: 0, misses: 0, opsPerSec: 0 };
  for (const reply of await redis.callEach("INFO", "stats")) {
    const text = String(reply);
    sums.hits += fieldOf(text, "keyspace_hits");
    sums.misses += fieldOf(text, "keyspace_misses");
    sums.opsPerSec += fieldOf(text, "instantaneous_ops_per_sec");
  }
  const { hits, misses, opsPerSec } = sums;
  return { hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses), opsPerSec };
}

function fieldOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
}
