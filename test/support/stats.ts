import assert from "node:assert/strict";
import type { ConnectionPool, PoolStats, Redis } from "../../src/index.ts";

/** The stats of a client's only node. */
export function statsOf(redis: Redis): PoolStats {
  const [stats, ...others] = Object.values(redis.stats().nodes);
  assert.ok(stats !== undefined && others.length === 0, "a client of one server has one node");
  return stats;
}

/** The sum rule of the stats, with the limit that the pool was given. */
export function assertSumRule(stats: PoolStats, maxConnections: number): void {
  const { total, idle, leased, lanes, subscribers, repairing, connecting } = stats;
  assert.equal(total, idle + leased + lanes + subscribers + repairing, JSON.stringify(stats));
  assert.ok(total + connecting <= maxConnections, JSON.stringify(stats));
}

/** The ids on the server of all connections of a pool that can be leased at once. */
export async function leasedIds(pool: ConnectionPool, count: number): Promise<number[]> {
  const leases = await Promise.all(Array.from({ length: count }, () => pool.lease()));
  const ids = await Promise.all(leases.map((lease) => lease.client.id()));
  for (const lease of leases) lease.release();
  return ids;
}
