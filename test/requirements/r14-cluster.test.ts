import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startCluster, type TestCluster } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({ primaries: 3, replicas: 1 });
});
after(() => cluster.stop());

const KEYS = Array.from({ length: 60 }, (_, index) => `r14:${index}`);

test("R14: each command goes to the node of its slot, on a pool of its own", async () => {
  await using redis = Redis.cluster(cluster.urls);
  await Promise.all(KEYS.map((key) => redis.set(key, key)));
  let keys = 0;
  for (const node of await cluster.primaries()) {
    using raw = await connectRaw(node);
    assert.equal((await raw.info("errorstats"))["errorstat_MOVED"], undefined, "nothing had to be sent on");
    keys += Number(await raw.command("DBSIZE"));
    const pool = redis.stats().nodes[`${node.host}:${node.port}`];
    assert.equal(pool?.lanes, 1);
  }
  assert.ok(keys >= KEYS.length);
  assert.deepEqual(await redis.mget(KEYS), KEYS);
});

test("R14: while slots move every command finds its key, and none fails", async () => {
  await using redis = Redis.cluster(cluster.urls);
  const from = await cluster.primaryOf(0);
  const to = await cluster.primaryOf(16383);
  const counts = new Map(KEYS.map((key) => [key, 0]));
  await Promise.all(KEYS.map((key) => redis.del(key)));
  let moving = true;
  const load = (async () => {
    while (moving) {
      await Promise.all(KEYS.map((key) => redis.incr(key)));
      for (const key of KEYS) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  })();
  await cluster.moveSlots([0, 2000], from, to).run();
  moving = false;
  await load;
  assert.deepEqual(
    await redis.mget(KEYS),
    KEYS.map((key) => String(counts.get(key))),
  );
});

test("R14: reads may go to replicas, and a new primary is found", async () => {
  await using redis = Redis.cluster(cluster.urls, { readFrom: "preferReplica" });
  await redis.set("r14:k", "1");
  await until(async () => (await redis.get("r14:k")) === "1");
  const replicas = await cluster.replicas();
  const read = replicas.map(({ host, port }) => redis.stats().nodes[`${host}:${port}`]?.lanes ?? 0);
  assert.ok(
    read.some((lanes) => lanes > 0),
    "a replica was asked",
  );
  await cluster.failover(replicas[0] as never);
  await Promise.all(KEYS.map((key) => redis.set(key, "after")));
  assert.deepEqual(
    await redis.with({ readFrom: "primary" }).mget(KEYS),
    KEYS.map(() => "after"),
  );
});
