import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type ClusterNode,
  startCluster,
  type StartClusterOptions,
  startServer,
  type TestCluster,
} from "../../src/testing/index.ts";
import { isAlive } from "../support/processes.ts";
import { connectRaw, type RawReply } from "../support/raw-client.ts";

async function ask(node: ClusterNode, ...words: (string | number)[]): Promise<RawReply> {
  using raw = await connectRaw({ path: node.path, password: node.password });
  return await raw.command(...words);
}

/** The primaries by first slot, as a node tells clients: first slot → port. */
async function slotMap(node: ClusterNode): Promise<Record<string, number>> {
  const shards = (await ask(node, "CLUSTER", "SLOTS")) as [number, number, [string, number, string]][];
  return Object.fromEntries(shards.map(([first, last, [, port]]) => [`${first}-${last}`, port]));
}

function first<T>(list: readonly T[]): T {
  const [one] = list;
  assert.ok(one !== undefined);
  return one;
}

/** The primary of a slot and its first replica. */
async function pairOf(cluster: TestCluster, slot: number): Promise<[primary: ClusterNode, replica: ClusterNode]> {
  const primary = await cluster.primaryOf(slot);
  return [primary, first(await cluster.replicas(primary))];
}

describe("a cluster of three primaries and three replicas", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster({ nodeTimeout: 2000 });
  });
  after(() => cluster.stop());

  test("the primaries share the slots evenly, and each has a replica", async () => {
    const primaries = cluster.nodes.slice(0, 3);
    assert.deepEqual(await cluster.primaries(), primaries);
    for (const node of cluster.nodes) {
      assert.deepEqual(await slotMap(node), {
        "0-5460": cluster.nodes[0]?.port,
        "5461-10922": cluster.nodes[1]?.port,
        "10923-16383": cluster.nodes[2]?.port,
      });
      assert.equal(await ask(node, "CLUSTER", "MYID"), node.id);
      assert.equal(node.url, `redis://127.0.0.1:${node.port}`);
      assert.deepEqual(await ask(node, "CONFIG", "GET", "cluster-node-timeout"), ["cluster-node-timeout", "2000"]);
    }
    assert.deepEqual(
      cluster.urls,
      cluster.nodes.map((node) => node.url),
    );
    for (const [at, primary] of primaries.entries()) {
      assert.deepEqual(await cluster.replicas(primary), [cluster.nodes[3 + at]]);
    }
    assert.equal((await cluster.replicas()).length, 3);
    assert.equal(await cluster.primaryOf(16_383), primaries[2]);
  });

  test("a failover, graceful or forced, makes the replica the primary, and all know it when it resolves", async () => {
    for (const mode of ["graceful", "force"] as const) {
      const [primary, replica] = await pairOf(cluster, 0);
      await cluster.failover(replica, mode);
      assert.equal(await cluster.primaryOf(0), replica);
      assert.deepEqual(await cluster.replicas(replica), [primary]);
      for (const node of cluster.nodes) assert.equal((await slotMap(node))["0-5460"], replica.port);
    }
  });

  test("a test can stand in the middle of a migration: keys that have moved are answered with ASK", async () => {
    const slot = Number(await ask(first(cluster.nodes), "CLUSTER", "KEYSLOT", "{migration}"));
    const from = await cluster.primaryOf(slot);
    const to = first((await cluster.primaries()).filter((node) => node !== from));
    await ask(from, "MSET", "{migration}1", "one", "{migration}2", "two", "{migration}3", "three");

    const move = cluster.moveSlots(slot, from, to);
    assert.deepEqual(move.slots, [slot]);
    await assert.rejects(move.finish(), { code: "ERR_SERVER_TOPOLOGY", message: /comes after begin\(\)/ });
    await move.begin();
    await assert.rejects(ask(from, "GET", "{migration}new"), { message: `ASK ${slot} 127.0.0.1:${to.port}` });
    assert.equal(await ask(from, "GET", "{migration}1"), "one");
    assert.equal(await move.migrateKeys(1), 2);
    const [moved] = (await ask(to, "CLUSTER", "GETKEYSINSLOT", slot, 9)) as string[];
    assert.ok(moved !== undefined);
    await assert.rejects(ask(from, "GET", moved), { message: `ASK ${slot} 127.0.0.1:${to.port}` });
    await assert.rejects(ask(to, "GET", moved), { message: `MOVED ${slot} 127.0.0.1:${from.port}` });
    {
      using raw = await connectRaw({ port: to.port });
      await raw.command("ASKING");
      assert.match(String(await raw.command("GET", moved)), /one|two|three/);
    }
    await assert.rejects(move.finish(), { code: "ERR_SERVER_TOPOLOGY", message: /2 keys are not moved yet/ });
    assert.equal(await move.migrateKeys(0), 2);
    assert.equal(await move.migrateKeys(), 0);
    await move.finish();
    await assert.rejects(ask(from, "GET", moved), { message: `MOVED ${slot} 127.0.0.1:${to.port}` });
    assert.equal(await ask(to, "GET", "{migration}3"), "three");
    assert.equal(await cluster.primaryOf(slot), to);
    await assert.rejects(move.run(), /this move is finished/);

    const back = cluster.moveSlots([slot, slot], to, from);
    await back.begin();
    await back.run();
    assert.equal(await ask(from, "GET", "{migration}2"), "two");
  });

  test("4,096 slots move there and back with their keys, and all know it when it is done", async () => {
    const from = await cluster.primaryOf(0);
    const to = await cluster.primaryOf(16_383);
    using raw = await connectRaw({ port: from.port });
    const writes = Array.from({ length: 6000 }, (_, at) => raw.command("SET", `key:\u{1F511}:${at}`, at));
    const outcomes = await Promise.allSettled(writes);
    const written = outcomes.filter((outcome) => outcome.status === "fulfilled").length;
    const [before, elsewhere] = [Number(await ask(from, "DBSIZE")), Number(await ask(to, "DBSIZE"))];
    assert.ok(written > 1000 && before >= written);

    await cluster.moveSlots([0, 4095], from, to).run();
    for (const node of cluster.nodes) assert.equal((await slotMap(node))["0-4095"], to.port);
    const left = Number(await ask(from, "DBSIZE"));
    assert.ok(left < before);
    assert.equal(Number(await ask(to, "DBSIZE")), elsewhere + before - left);

    await cluster.moveSlots([0, 4095], to, from).run();
    for (const node of cluster.nodes) assert.equal((await slotMap(node))["0-5460"], from.port);
    assert.equal(Number(await ask(from, "DBSIZE")), before);
    assert.equal(Number(await ask(to, "DBSIZE")), elsewhere);
  });

  test("a node joins, gets slots, is drained and forgotten, and ends with the cluster", async () => {
    const from = await cluster.primaryOf(0);
    const node = await cluster.addNode();
    assert.ok(cluster.nodes.includes(node) && (await cluster.primaries()).includes(node));
    for (const other of cluster.nodes) assert.match(String(await ask(other, "CLUSTER", "NODES")), new RegExp(node.id));
    await cluster.moveSlots([0, 9], from, node).run();
    assert.equal(await cluster.primaryOf(9), node);
    await assert.rejects(cluster.forget(node), {
      code: "ERR_SERVER_TOPOLOGY",
      message: /has slots \(0-9\): move them before forget\(\)/,
    });
    await cluster.moveSlots([0, 9], node, from).run();
    await cluster.forget(node);
    assert.equal(cluster.nodes.includes(node), false);
    for (const other of cluster.nodes)
      assert.doesNotMatch(String(await ask(other, "CLUSTER", "NODES")), new RegExp(node.id));
    assert.equal(await ask(node, "PING"), "PONG");
    await cluster.settled();
    assert.throws(() => cluster.pause(node), { code: "ERR_SERVER_OPTIONS", message: /is no node of this cluster/ });
  });

  test("a node joins as a replica and can be forgotten as such", async () => {
    const primary = await cluster.primaryOf(0);
    const node = await cluster.addNode({ replicaOf: primary });
    assert.ok((await cluster.replicas(primary)).includes(node));
    await cluster.forget(node);
    assert.equal((await cluster.replicas(primary)).includes(node), false);
  });

  test("what cannot be done is refused with the reason", async () => {
    await using stranger = await startServer();
    const [primary, replica] = await pairOf(cluster, 0);
    const other = await cluster.primaryOf(16_383);
    await assert.rejects(cluster.failover(primary), { code: "ERR_SERVER_TOPOLOGY", message: /is a primary already/ });
    await assert.rejects(cluster.takeover(primary), { code: "ERR_SERVER_TOPOLOGY", message: /is a primary already/ });
    await assert.rejects(cluster.failover(Object.assign(stranger, { id: "x" })), /is no node of this cluster/);
    await assert.rejects(cluster.primaryOf(16_384), /slot should be a whole number from 0 to 16383, got 16384/);
    assert.throws(() => cluster.moveSlots([9, 3], primary, other), /a range such as \[0, 99\], got \[9, 3\]/);
    assert.throws(() => cluster.moveSlots(-1, primary, other), /from 0 to 16383, got -1/);
    assert.throws(() => cluster.moveSlots(1, primary, primary), /from and to should be two nodes/);
    await assert.rejects(cluster.moveSlots(16_000, primary, other).begin(), {
      code: "ERR_SERVER_TOPOLOGY",
      message: /refused CLUSTER SETSLOT 16000: ERR/,
    });
    await assert.rejects(cluster.moveSlots(0, replica, other).begin(), { code: "ERR_SERVER_TOPOLOGY" });
  });

  // The last one: it leaves other roles behind.
  test("a primary that is killed or paused is replaced, and is a replica when it comes back", async () => {
    const [killed, heir] = await pairOf(cluster, 0);
    await cluster.kill(killed);
    assert.equal(killed.pid, undefined);
    await cluster.settled();
    assert.equal(await cluster.primaryOf(0), heir);
    await cluster.restart(killed);
    await cluster.settled();
    assert.deepEqual(await cluster.replicas(heir), [killed]);
    assert.equal(await ask(killed, "CLUSTER", "MYID"), killed.id);

    cluster.pause(heir);
    await cluster.settled();
    assert.equal(await cluster.primaryOf(0), killed);
    cluster.resume(heir);
    await cluster.settled();
    assert.deepEqual(await cluster.replicas(killed), [heir]);
  });
});

test("replicas take over without a majority, and stopping ends every process", async () => {
  const cluster = await startCluster({ config: { "cluster-require-full-coverage": "no" } });
  const pids = cluster.nodes.map((node) => node.pid ?? 0);
  const [one, two] = [await pairOf(cluster, 0), await pairOf(cluster, 6000)];
  await Promise.all([cluster.kill(one[0]), cluster.kill(two[0])]);
  await assert.rejects(cluster.failover(one[1]), {
    code: "ERR_SERVER_TOPOLOGY",
    message: /does not answer: use the mode "force", or takeover\(\)/,
  });
  await Promise.all([cluster.takeover(one[1]), cluster.takeover(two[1])]);
  await cluster.settled();
  assert.equal(await cluster.primaryOf(0), one[1]);
  assert.equal(await cluster.primaryOf(6000), two[1]);
  const node = await cluster.addNode();
  await cluster.forget(node);
  assert.ok(node.pid !== undefined);
  pids.push(node.pid);
  await Promise.all([cluster.stop(), cluster.stop()]);
  assert.deepEqual(
    pids.filter((pid) => isAlive(pid)),
    [],
  );
  await assert.rejects(cluster.settled(1), { code: "ERR_SERVER_TOPOLOGY", message: /no node answers/ });
  await assert.rejects(cluster.restart(one[0]), { code: "ERR_SERVER_STOPPED" });
});

test("a cluster that lacks a primary does not settle, and the error says what is missing", async () => {
  await using cluster = await startCluster({ primaries: 2, replicas: 0 });
  assert.deepEqual(await cluster.replicas(), []);
  const gone = await cluster.primaryOf(0);
  await cluster.kill(gone);
  await assert.rejects(cluster.settled(300), (error: Error) => {
    assert.equal((error as { code?: string }).code, "ERR_SERVER_TOPOLOGY");
    assert.match(error.message, /settling took more than 300 ms: .*(0-8191 at|cluster_state:fail)/);
    return true;
  });
  await assert.rejects(cluster.primaryOf(0), /no node that answers has slot 0: wait for settled\(\)/);
});

test("a cluster with TLS, a password and host names has one authority, and fails over and moves slots all the same", async () => {
  const password = 'p@ss "wörd" #';
  await using cluster = await startCluster({
    tls: true,
    password,
    config: { "cluster-announce-hostname": "localhost", "cluster-preferred-endpoint-type": "hostname" },
  });
  assert.equal(cluster.password, password);
  assert.ok(cluster.tls !== undefined);
  for (const node of cluster.nodes) {
    using raw = await connectRaw({ port: node.port, password, tls: { ca: cluster.tls.ca } });
    assert.equal(await raw.command("PING"), "PONG");
    assert.match(node.url, /^rediss:\/\/:/);
  }
  const [primary, replica] = await pairOf(cluster, 0);
  const slot = Number(await ask(primary, "CLUSTER", "KEYSLOT", "b"));
  assert.equal(await cluster.primaryOf(slot), primary);
  await ask(primary, "SET", "b", "v");
  await cluster.failover(replica);
  const target = await cluster.primaryOf(16_383);
  await cluster.moveSlots(slot, replica, target).run();
  assert.equal(await ask(target, "GET", "b"), "v");
  await assert.rejects(ask(replica, "GET", "b"), { message: `MOVED ${slot} localhost:${target.port}` });
});

test("options that cannot be meant are refused before anything is started", async () => {
  const wrong: [StartClusterOptions, RegExp][] = [
    [{ primaries: 0 }, /primaries should be a whole number of at least 1, got 0/],
    [{ primaries: 20_000 }, /primaries should be at most 16384, got 20000/],
    [{ replicas: -1 }, /replicas should be a whole number of at least 0, got -1/],
    [{ nodeTimeout: 1.5 }, /nodeTimeout should be a whole number of at least 100, got 1\.5/],
    [{ startTimeout: Number.NaN }, /startTimeout should be a whole number of at least 1, got NaN/],
    [{ password: "" }, /password should not be empty/],
    [{ config: { "Cluster-Node-Timeout": 1 } }, /is set by startCluster itself; option to use: nodeTimeout/],
    [{ config: { masterauth: "x" } }, /option to use: password/],
    [{ config: { port: 1 } }, /config\["port"\] is set by startServer itself/],
  ];
  for (const [options, message] of wrong) {
    await assert.rejects(startCluster(options), { name: "TestServerError", code: "ERR_SERVER_OPTIONS", message });
  }
});

test("a cluster that cannot start fails with the server's own words", async () => {
  await assert.rejects(startCluster({ config: { "no-such-directive": 1 } }), {
    code: "ERR_SERVER_START",
    message: /no-such-directive/,
  });
});
