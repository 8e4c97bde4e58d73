import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";

const nowhere = [{ host: "127.0.0.1", port: 1 }];
/** Less than a look at nodes that cannot be reached takes, which are 2000 ms. */
const SOON = 1000;

for (const [what, connect] of [
  ["a cluster", () => Redis.cluster(nowhere)],
  ["sentinels", () => Redis.sentinel({ name: "mymaster", sentinels: nowhere })],
] as const) {
  test(`no look at ${what} that cannot be reached holds up a lease's limit, its signal, or close()`, async () => {
    await using redis = connect();
    async function took(work: Promise<unknown>, error: object): Promise<void> {
      const begin = performance.now();
      await assert.rejects(work, error);
      const time = performance.now() - begin;
      assert.ok(time < 100 + SOON, `${Math.round(time)} ms`);
    }
    await took(redis.lease({ timeout: 100 }), { code: "ERR_POOL_TIMEOUT", outcome: "not-sent" });
    await took(redis.lease({ signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
    const waiting = redis.lease();
    const closed = redis.close();
    await took(waiting, { code: "ERR_CLOSED", outcome: "not-sent" });
    const begin = performance.now();
    await closed;
    assert.ok(performance.now() - begin < SOON);
  });
}
