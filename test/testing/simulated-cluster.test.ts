import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, type Lease } from "respool";
import { SimulatedWorld, type SimulatedCluster, type SimulatedNode } from "respool/testing";
import { slotOf } from "../../src/commands/slot.ts";

const KEY = "{b}";
const SLOT = slotOf(KEY);

/** A cluster, with connections to its nodes that follow no redirects. */
async function onNode(
  program: (
    cluster: SimulatedCluster,
    ask: (node: SimulatedNode, ...command: (string | number)[]) => Promise<unknown>,
    world: SimulatedWorld,
  ) => Promise<void>,
): Promise<void> {
  const world = new SimulatedWorld(1);
  const cluster = world.startCluster({ primaries: 3, replicas: 1, detection: 1000, spread: 100 });
  const pools: ConnectionPool[] = [];
  const leases = new Map<string, Lease>();
  const ask = async (node: SimulatedNode, ...[name = "", ...args]: (string | number)[]): Promise<unknown> => {
    const place = `${node.id} ${name === "BLPOP" ? name : ""}`;
    let lease = leases.get(place);
    if (lease === undefined) {
      const pool = new ConnectionPool({ host: node.host, port: node.port, environment: world });
      pools.push(pool);
      leases.set(place, (lease = await pool.lease()));
    }
    return lease.call(String(name), ...args).catch((error: Error) => error.message);
  };
  await world.run(async () => {
    await program(cluster, ask, world);
    await Promise.all(pools.map((pool) => pool.close({ timeout: 1 })));
  });
}

function others(cluster: SimulatedCluster): [owner: SimulatedNode, other: SimulatedNode] {
  const owner = cluster.ownerOf(SLOT);
  return [owner, cluster.primaries.find((node) => node !== owner) as SimulatedNode];
}

test("a node answers by its own view: MOVED, CROSSSLOT, and reads of a replica only after READONLY", async () => {
  await onNode(async (cluster, ask) => {
    const [owner, other] = others(cluster);
    const [replica] = cluster.replicasOf(owner) as [SimulatedNode];
    assert.equal(await ask(owner, "SET", KEY, "1"), "OK");
    assert.equal(await ask(other, "GET", KEY), `MOVED ${SLOT} ${owner.server.address}`);
    assert.match(String(await ask(owner, "MGET", KEY, "{a}")), /^CROSSSLOT/);
    assert.match(String(await ask(replica, "GET", KEY)), /^MOVED/);
    await ask(replica, "READONLY");
    assert.equal(await ask(replica, "GET", KEY), "1");
    assert.match(String(await ask(replica, "SET", KEY, "2")), /^MOVED/);
    assert.match(String(await ask(replica, "FLUSHALL")), /^READONLY/);
  });
});

test("a migration goes step by step: ASK for what has moved, TRYAGAIN where only a part has, MOVED in the end", async () => {
  await onNode(async (cluster, ask, world) => {
    const [from, to] = others(cluster);
    await ask(from, "MSET", `${KEY}1`, "1", `${KEY}2`, "2");
    const move = cluster.moveSlots([SLOT], from, to);
    move.begin();
    assert.equal(await ask(from, "GET", `${KEY}1`), "1");
    assert.equal(move.migrateKeys(1), 1);
    assert.equal(await ask(from, "GET", `${KEY}1`), `ASK ${SLOT} ${to.server.address}`);
    assert.match(String(await ask(from, "MGET", `${KEY}1`, `${KEY}2`)), /^TRYAGAIN/);
    assert.match(String(await ask(to, "GET", `${KEY}1`)), /^MOVED/);
    const third = cluster.primaries.find((node) => node !== from && node !== to) as SimulatedNode;
    move.finish();
    assert.equal(third.view.owners[SLOT], from, "it has not heard of it");
    assert.equal(await ask(to, "GET", `${KEY}2`), "2");
    await world.pass(100);
    assert.equal(await ask(third, "GET", KEY), `MOVED ${SLOT} ${to.server.address}`);
    assert.ok(cluster.isSettled);
  });
});

test("a failover loses nothing: writes wait, blocked clients are sent on, the old primary follows", async () => {
  await onNode(async (cluster, ask, world) => {
    const owner = cluster.ownerOf(SLOT);
    const [heir] = cluster.replicasOf(owner) as [SimulatedNode];
    const pop = ask(owner, "BLPOP", `${KEY}queue`, 10);
    await world.pass(10);
    cluster.failover(heir);
    const write = ask(owner, "SET", KEY, "1");
    assert.match(String(await write), /^MOVED/);
    assert.match(String(await pop), /^UNBLOCKED/);
    assert.equal(cluster.ownerOf(SLOT), heir);
    assert.equal(await ask(heir, "SET", KEY, "2"), "OK");
    assert.equal(owner.primary, heir);
  });
});

test("a primary that is lost is replaced; the cluster is down meanwhile, and what an old one took is lost", async () => {
  await onNode(async (cluster, ask, world) => {
    const [owner, other] = others(cluster);
    const [heir] = cluster.replicasOf(owner) as [SimulatedNode];
    await ask(owner, "SET", KEY, "kept");
    cluster.cutOff(owner);
    await world.pass(700);
    assert.match(String(await ask(other, "GET", "{none}")), /^CLUSTERDOWN/);
    assert.match(String(await ask(owner, "GET", KEY)), /^CLUSTERDOWN/);
    await world.pass(500);
    assert.equal(await ask(heir, "GET", KEY), "kept");
    cluster.rejoin(owner);
    await world.pass(200);
    assert.ok(cluster.isSettled);
    const [next] = cluster.replicasOf(heir) as [SimulatedNode];
    assert.equal(next, owner);
    cluster.takeover(next, 300);
    assert.equal(await ask(heir, "SET", KEY, "in vain"), "OK");
    await world.pass(500);
    assert.match(String(await ask(heir, "GET", KEY)), /^MOVED/);
    assert.equal(await ask(next, "GET", KEY), "kept");
  });
});

test("a node joins, gets slots, and is forgotten when it has none", async () => {
  await onNode(async (cluster, ask, world) => {
    const owner = cluster.ownerOf(SLOT);
    await ask(owner, "SET", KEY, "1");
    const node = cluster.addNode();
    assert.throws(() => cluster.forget(owner), /expected a node without slots/);
    for (const [from, to] of [
      [owner, node],
      [node, owner],
    ] as const) {
      const move = cluster.moveSlots([SLOT], from, to);
      move.begin();
      assert.throws(() => cluster.moveSlots([SLOT], from, to).begin(), /not on their way/);
      move.finish();
      assert.equal(await ask(to, "GET", KEY), "1");
      await world.pass(200);
    }
    cluster.forget(node);
    await world.pass(200);
    assert.ok(cluster.isSettled && !cluster.nodes.includes(node));
  });
});
