import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, type ConnectionPool } from "../../src/index.ts";

/** What a close may take, ms, and how much later than that it may settle on a busy machine. */
export const LIMIT: number = 120;
const SLACK = 2000;

/** Settles all, or fails when that takes longer than the limit allows. */
export async function inTime<T>(promises: readonly Promise<T>[], what: string): Promise<PromiseSettledResult<T>[]> {
  const control = new AbortController();
  const late = sleep(LIMIT + SLACK, "late" as const, { signal: control.signal });
  const result = await Promise.race([Promise.allSettled(promises), late]);
  control.abort();
  late.catch(() => undefined);
  if (result === "late") assert.fail(`${what}: not within ${LIMIT} ms, nor ${SLACK} ms later`);
  return result;
}

/** Whether nothing is open, waited for or on its way. */
export function assertEmpty(one: Redis | ConnectionPool): void {
  const all = one instanceof Redis ? Object.values(one.stats().nodes) : [one.stats()];
  for (const { total, connecting, waiting, inFlight, queuedBytes } of all) {
    assert.deepEqual(
      { total, connecting, waiting, inFlight, queuedBytes },
      { total: 0, connecting: 0, waiting: 0, inFlight: 0, queuedBytes: 0 },
    );
  }
}
