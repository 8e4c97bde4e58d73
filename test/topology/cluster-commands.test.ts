import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Redis, type ServerError } from "../../src/index.ts";
import { startCluster, type ClusterNode, type TestCluster } from "../../src/testing/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { until } from "../support/wait.ts";

let cluster: TestCluster;
let redis: Redis;

before(async () => {
  cluster = await startCluster({ primaries: 3, replicas: 1, config: { "cluster-allow-replica-migration": "no" } });
  redis = Redis.cluster(cluster.urls.slice(0, 2));
});
after(async () => {
  await redis.close();
  await cluster.stop();
});

/** Keys on each of the primaries. */
const SPREAD = ["a", "b", "c"] as const;

test("one URL is enough, in the form of an array or of redis+cluster://", async () => {
  const { host, port } = cluster.nodes[0] as ClusterNode;
  for (const client of [
    Redis.cluster([{ host, port }]),
    Redis.cluster(`redis+cluster://${host}:${port}`),
    new Redis(`redis+cluster://127.0.0.1:1,${host}:${port}?maxConnections=3`),
    new Redis(`redis+cluster://${host}:${port}`, { natMap: {}, refreshInterval: 0, maxTotalConnections: 9 }),
  ]) {
    await client.set("entry", "x");
    assert.equal(await client.get("entry"), "x");
    const nodes = Object.keys(client.stats().nodes);
    assert.deepEqual(nodes.sort(), cluster.nodes.map((node) => `127.0.0.1:${node.port}`).sort());
    await client.close();
  }
});

test("connections are made when they are needed: one lane for one node", async () => {
  await using client = Redis.cluster(cluster.urls.slice(0, 1));
  await client.set("{a}lazy", "x");
  await client.get("{a}lazy");
  const lanes = Object.values(client.stats().nodes).map((node) => node.total);
  assert.ok(lanes.reduce((sum, each) => sum + each, 0) <= 2, `${lanes.join()} connections`);
});

test("commands of many keys are split by slot, and joined in order", async () => {
  assert.equal(new Set(SPREAD.map((key) => Math.floor(slotOf(key) / 5462))).size, 3, "the keys are on three nodes");
  await redis.flushall();
  assert.equal(await redis.mset({ a: "1", b: "2", c: "3", "{a}2": "4" }), "OK");
  assert.deepEqual(await redis.mget("c", "nothing", "a", "b", "{a}2", "a"), ["3", null, "1", "2", "4", "1"]);
  assert.deepEqual(await redis.buffers.mget("a", "c"), [Buffer.from("1"), Buffer.from("3")]);
  assert.equal(await redis.exists("a", "b", "c", "nothing", "a"), 4);
  assert.equal(await redis.touch("a", "b", "nothing"), 2);
  assert.equal(await redis.unlink("a", "{a}2", "nothing"), 2);
  assert.equal(await redis.del("b", "c"), 2);
});

test("commands for all nodes are sent to all, and their replies joined", async () => {
  await redis.flushall();
  await redis.mset({ a: "1", b: "2", c: "3" });
  assert.equal(await redis.dbsize(), 3);
  assert.deepEqual((await redis.keys("*")).sort(), ["a", "b", "c"]);
  const hash = await redis.script.load("return ARGV[1]");
  assert.deepEqual(await redis.script.exists(hash, "0".repeat(40)), [1, 0]);
  for (const key of SPREAD) assert.equal(await redis.evalsha(hash, [key], [key]), key);
  assert.equal(await redis.config.set({ "slowlog-max-len": 77 }), "OK");
  for (const node of cluster.nodes) {
    await using direct = new Redis(node.url);
    assert.deepEqual({ ...(await direct.config.get("slowlog-max-len")) }, { "slowlog-max-len": "77" });
  }
  assert.equal(await redis.ping(), "PONG");
  assert.ok(SPREAD.includes((await redis.randomkey()) as "a"));
  assert.match(await redis.info("server"), /redis_version/);
  assert.equal(await redis.flushall(), "OK");
  assert.equal(await redis.dbsize(), 0);
});

test("keys of several slots are refused before anything is sent, and the error says what to do", async () => {
  await redis.flushall();
  const expected = { code: "ERR_OPTIONS", outcome: "not-sent", message: /different slots \(\d+ and \d+\).*\{tag\}/ };
  await assert.rejects(redis.sunion("a", "b"), expected);
  await assert.rejects(redis.blpop(["a", "b"], 1), expected);
  await assert.rejects(redis.multi().set("a", 1).set("b", 1).exec(), expected);
  await assert.rejects(
    redis.transaction(["a", "b"], (tx) => tx.multi().set("a", 1)),
    expected,
  );
  await assert.rejects(redis.eval("return 1", ["a", "b"], []), expected);
  assert.equal(await redis.exists("a", "b"), 0, "nothing was sent");
});

test("a pipeline is split by node, and each result is in its place", async () => {
  await redis.flushall();
  const results = await redis
    .pipeline()
    .set("a", "1")
    .incr("b")
    .lpush("a", "wrong type")
    .mget("a", "b", "c")
    .dbsize()
    .sunion("a", "b")
    .get("c")
    .exec();
  const [set, counted, wrong, all, size, crossing, missing] = results as unknown[];
  assert.deepEqual([set, counted, missing], ["OK", 1, null]);
  assert.equal((wrong as ServerError).code, "WRONGTYPE");
  assert.deepEqual(all, ["1", "1", null]);
  assert.equal(typeof size, "number");
  assert.match(String(crossing), /different slots/);
});

test("a transaction that needs a key of another slot is refused at once", async () => {
  let runs = 0;
  const message =
    /GET in a transaction must have a key of the slot that it watches \(15495\), got one of slot 3300: give all keys one hash tag/;
  const elsewhere = redis.transaction("a", (tx) => {
    runs++;
    return tx.get("b");
  });
  await assert.rejects(elsewhere, { code: "ERR_OPTIONS", message });
  assert.equal(runs, 1);
});

test("MULTI, transactions, scripts and blocking commands run on the node of their slot", async () => {
  await redis.flushall();
  for (const key of SPREAD) {
    assert.deepEqual(await redis.multi().set(`{${key}}1`, "x").incr(`{${key}}2`).exec(), ["OK", 1]);
    const result = await redis.transaction([`{${key}}2`], async (tx) =>
      tx.multi().set(`{${key}}2`, Number(await tx.get(`{${key}}2`)) + 1),
    );
    assert.deepEqual(result, ["OK"]);
    const popped = redis.blpop(`{${key}}list`, 5);
    await redis.rpush(`{${key}}list`, key);
    assert.deepEqual(await popped, [`{${key}}list`, key]);
    const script = redis.defineScript<string>("return redis.call('GET', KEYS[1])", { keys: 1 });
    assert.equal(await script(`{${key}}2`), "2");
  }
});

test("the keys of commands that the table does not know are asked from the server", async () => {
  // Known to redis-server and not to the table: made for replicas, and harmless.
  const { host, port } = cluster.nodes[0] as ClusterNode;
  await using client = Redis.cluster([{ host, port }]);
  for (const key of SPREAD) {
    await client.set(key, "x");
    const dumped = (await client.buffers.call("DUMP", key)) as Buffer;
    await client.del(key);
    assert.equal(await client.call("RESTORE-ASKING", key, 0, dumped), "OK");
    assert.equal(await client.get(key), "x");
  }
});

test("scans go over all primaries, by iterator or by cursor", async () => {
  await redis.flushall();
  const keys = Array.from({ length: 500 }, (_, index) => `scan:${index}`);
  await redis.mset(Object.fromEntries(keys.map((key) => [key, "x"])));
  const seen = new Set<string>();
  for await (const key of redis.scanIterator({ match: "scan:*", count: 50 })) seen.add(key);
  assert.deepEqual([...seen].sort(), keys.toSorted());
  const byCursor = new Set<string>();
  let cursor = "0";
  do {
    const [next, found] = await redis.scan(cursor, { count: 50 });
    for (const key of found) byCursor.add(key);
    cursor = String(next);
  } while (cursor !== "0");
  assert.deepEqual([...byCursor].sort(), keys.toSorted());
  await assert.rejects(redis.scan("x"), { code: "ERR_OPTIONS" });
});

test("a scan sees the keys of slots that change hands meanwhile", async () => {
  await redis.flushall();
  const keys = Array.from({ length: 3000 }, (_, index) => `moving:${index}`);
  await redis.mset(Object.fromEntries(keys.map((key) => [key, "x"])));
  const [first, , last] = await primariesInOrder();
  const seen = new Set<string>();
  let moved = false;
  for await (const key of redis.scanIterator({ count: 20 })) {
    seen.add(key);
    if (moved || seen.size < 1200) continue;
    moved = true;
    // The first node has been scanned: what comes to it now is seen in no other way.
    await cluster.moveSlots([16000, 16383], last, first).run();
  }
  assert.ok(moved);
  await cluster.moveSlots([16000, 16383], first, last).run();
  assert.deepEqual(
    keys.filter((key) => !seen.has(key)),
    [],
  );
});

test("in the middle of a migration ASK and TRYAGAIN are followed, by every kind of command", async () => {
  await redis.flushall();
  const tag = "{b}"; // slot 3300
  const [from, , to] = await primariesInOrder();
  assert.equal((await cluster.primaryOf(slotOf(tag))).port, from.port);
  await redis.mset({ [`${tag}here`]: "1", [`${tag}moved`]: "2" });
  const move = cluster.moveSlots(slotOf(tag), from, to);
  await move.begin();
  while ((await move.migrateKeys(1)) > 1);
  // One key is there and one is here: alone each is found, and a new one goes to the new node.
  assert.deepEqual([await redis.get(`${tag}here`), await redis.get(`${tag}moved`)], ["1", "2"]);
  assert.equal(await redis.set(`${tag}new`, "3"), "OK");
  assert.deepEqual(await redis.multi().incr(`${tag}count`).incr(`${tag}count`).exec(), [1, 2]);
  const mixed = await redis.pipeline().get(`${tag}here`).get(`${tag}moved`).incr(`${tag}count`).get("a").exec();
  assert.deepEqual(mixed, ["1", "2", 3, null]);
  assert.equal(await redis.eval("return redis.call('GET', KEYS[1])", [`${tag}new`], []), "3");
  const popped = redis.blpop(`${tag}list`, 5);
  await redis.rpush(`${tag}list`, "x");
  assert.deepEqual(await popped, [`${tag}list`, "x"]);
  // Both keys at once are on no node: the command waits for the end of the migration.
  const both = redis.mget(`${tag}here`, `${tag}moved`);
  const transaction = redis.transaction([`${tag}moved`], async (tx) => {
    return tx.multi().set(`${tag}moved`, `${await tx.get(`${tag}moved`)}!`);
  });
  await until(() => redis.stats().nodes[`127.0.0.1:${from.port}`] !== undefined);
  await move.run();
  assert.deepEqual(await both, ["1", "2"]);
  assert.deepEqual(await transaction, ["OK"]);
  assert.equal(await redis.get(`${tag}moved`), "2!");
  await cluster.moveSlots(slotOf(tag), to, from).run();
});

async function primariesInOrder(): Promise<[ClusterNode, ClusterNode, ClusterNode]> {
  return [await cluster.primaryOf(0), await cluster.primaryOf(8000), await cluster.primaryOf(16383)];
}

test("a lease is to the node of its key", async () => {
  for (const key of SPREAD) {
    await redis.del(key); // a slot that was moved before is found again
    await using lease = await redis.lease({ key, timeout: 1000 });
    assert.equal(await lease.set(key, "leased"), "OK");
    assert.equal(await lease.get(key), "leased");
    const [other] = SPREAD.filter((each) => each !== key);
    await assert.rejects(lease.get(other as string), {
      code: "MOVED",
      outcome: "rejected",
      message: /does not have the key's slot: a lease stays on its node/,
    });
  }
  await using anywhere = await redis.lease();
  assert.equal(await anywhere.ping(), "PONG");
  await assert.rejects(redis.lease({ kye: "a" } as never), { code: "ERR_OPTIONS" });
});
