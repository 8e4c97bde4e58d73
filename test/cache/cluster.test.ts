import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cache, serverStats } from "../../src/cache/index.ts";
import { Redis } from "../../src/index.ts";
import { startCluster, type TestCluster } from "../../src/testing/index.ts";
import { PATIENT } from "../support/cache.ts";
import { until } from "../support/wait.ts";

let cluster: TestCluster;
let redis: Redis;
let other: Redis;
before(async () => {
  cluster = await startCluster({ primaries: 3, replicas: 0 });
  redis = Redis.cluster(cluster.urls);
  other = Redis.cluster(cluster.urls);
});
after(async () => {
  await redis.close();
  await other.close();
  await cluster.stop();
});

const IDS = Array.from({ length: 60 }, (_, id) => `id:${id}`);

test("values, locks and tags on all nodes", async () => {
  await using cache = new Cache<number>(redis, { namespace: "a", ...PATIENT });
  await cache.setMany(IDS.map((id, n) => [id, n] as const));
  assert.deepEqual(
    await cache.getMany(IDS),
    IDS.map((_, n) => n),
  );
  let loads = 0;
  const load = async (): Promise<number> => ++loads;
  for (const id of IDS) await cache.getOrSet(`new:${id}`, load, { tags: ["t", "u"], awaitWrite: true });
  for (const id of IDS) await cache.getOrSet(`new:${id}`, load, { tags: ["t", "u"] });
  assert.equal(loads, IDS.length);
  await cache.invalidateTag("u");
  assert.equal(await cache.get(`new:${IDS[0]}`), undefined);
  assert.equal(cache.stats().lostLocks, 0);
  assert.equal(await cache.delete(...IDS), true);
  assert.equal(
    (await cache.getMany(IDS)).every((value) => value === undefined),
    true,
  );
  assert.ok((await cache.clear()) >= IDS.length);
});

test("the first level hears of changes on every node", async () => {
  await using cache = new Cache<number>(redis, { namespace: "m", memory: true, ...PATIENT });
  await using theirs = new Cache<number>(other, { namespace: "m", ...PATIENT });
  await theirs.setMany(IDS.map((id) => [id, 1] as const));
  await until(async () => (await cache.get("id:0")) === 1 && cache.stats().memory?.isLive === true);
  await cache.getMany(IDS);
  const hits = (): number => cache.stats().memory?.hits ?? 0;
  const before = hits();
  assert.ok((await cache.getMany(IDS)).every((value) => value === 1));
  assert.equal(hits() - before, IDS.length);
  await theirs.setMany(IDS.map((id) => [id, 2] as const));
  await until(async () => (await cache.getMany(IDS)).every((value) => value === 2));
});

test("serverStats sums what the primaries tell", async () => {
  await Promise.all(IDS.map((id) => other.set(`m:${id}`, "1")));
  await other.callEach("CONFIG", "RESETSTAT");
  await Promise.all(IDS.map((id) => other.get(`m:${id}`)));
  await Promise.all(IDS.map((id) => other.get(`none:${id}`)));
  const { hits, misses, hitRate } = await serverStats(other);
  assert.deepEqual({ hits, misses, hitRate }, { hits: IDS.length, misses: IDS.length, hitRate: 0.5 });
  assert.equal((await other.callEach("PING")).length, 3);
});

for (const tracking of ["broadcast", "reads"] as const) {
  test(`a node that has no slot yet, and gets its first keys, tells of their changes, too (${tracking})`, async () => {
    const node = await cluster.addNode();
    await using cache = new Cache<number>(redis, { namespace: "move", memory: { tracking }, ...PATIENT });
    await using theirs = new Cache<number>(other, { namespace: "move", ...PATIENT });
    await theirs.set("{b}", 1); // slot 3300
    await until(async () => (await cache.get("{b}")) === 1 && (cache.stats().memory?.hits ?? 0) > 0);
    const from = await cluster.primaryOf(3300);
    const move = cluster.moveSlots(3300, from, node);
    await move.begin();
    await move.migrateKeys();
    for (let value = 2; value < 12; value++) {
      assert.equal(await theirs.set("{b}", value), true);
      await until(async () => (await cache.get("{b}")) === value);
    }
    await move.run();
    for (let value = 12; value < 22; value++) {
      assert.equal(await theirs.set("{b}", value), true);
      await until(async () => (await cache.get("{b}")) === value);
    }
    await cluster.moveSlots(3300, node, from).run();
    await until(async () => (await cache.get("{b}")) === 21);
    await cluster.forget(node);
  });
}
