import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../../src/cache/index.ts";
import { Redis } from "../../src/index.ts";
import { startSentinels } from "../../src/testing/index.ts";
import { PATIENT } from "../support/cache.ts";
import { until } from "../support/wait.ts";

test("with sentinels: a failover costs misses, and the first level hears of changes on the new primary", async () => {
  await using setup = await startSentinels({ sentinels: 3, replicas: 1 });
  const sentinels = setup.sentinels.map(({ host, port }) => ({ host, port }));
  // Reads may go to replicas: those that must not do not.
  await using redis = Redis.sentinel({ name: setup.name, sentinels }, { readFrom: "preferReplica" });
  await using other = Redis.sentinel({ name: setup.name, sentinels });
  const errors: unknown[] = [];
  await using cache = new Cache<number>(redis, {
    namespace: "n",
    memory: true,
    onError: (error) => errors.push(error),
    ...PATIENT,
  });
  await using theirs = new Cache<number>(other, { namespace: "n", ...PATIENT });
  let loads = 0;
  const load = (): number => ++loads;
  for (let id = 0; id < 20; id++) await cache.getOrSet(id, load, { tags: ["t"], awaitWrite: true });
  for (let id = 0; id < 20; id++) assert.equal(await cache.getOrSet(id, load, { tags: ["t"] }), id + 1);
  assert.equal(loads, 20);
  await until(async () => (await cache.get(0)) === 1 && (cache.stats().memory?.hits ?? 0) > 0);

  await setup.failover();
  // Nothing throws at any time: what Redis cannot tell the loader makes.
  await until(
    async () => {
      const value = await cache.getOrSet("new", () => 7, { awaitWrite: true });
      assert.equal(value, 7);
      return (await theirs.get("new")) === 7;
    },
    { timeout: 30_000 },
  );
  await until(() => cache.get("new").then(() => cache.stats().memory?.isLive === true), { timeout: 30_000 });
  for (let value = 8; value < 30; value++) {
    await until(async () => theirs.set("new", value), { timeout: 30_000 });
    await until(async () => (await cache.get("new")) === value);
  }
  await until(async () => theirs.invalidateTag("t"));
  await until(async () => (await cache.get(3)) === undefined);
});
