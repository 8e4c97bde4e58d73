import assert from "node:assert/strict";
import { lookup as lookupName } from "node:dns";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startCluster, startFaultProxy, startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

test("a password, and TLS with the names that the cluster tells", async () => {
  await using cluster = await startCluster({
    primaries: 3,
    replicas: 0,
    password: "secret",
    tls: { names: ["node.test"] },
  });
  const { ca } = cluster.tls as { ca: string };
  const first = cluster.nodes[0] as { port: number };
  for (const node of cluster.nodes) {
    using raw = await connectRaw({ path: node.path, password: "secret" });
    await raw.command("CONFIG", "SET", "cluster-announce-hostname", "node.test");
    await raw.command("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname");
  }
  // Nobody else knows the name.
  const asked: string[] = [];
  const lookup: typeof lookupName = ((name: string, options: object, callback: never) => {
    asked.push(name);
    lookupName(name === "node.test" ? "127.0.0.1" : name, options, callback);
  }) as never;
  const options = { password: "secret", tls: { ca }, lookup };
  await using redis = Redis.cluster([{ host: "node.test", port: first.port }], options);
  await redis.mset({ a: "1", b: "2", c: "3" });
  assert.deepEqual(await redis.mget("a", "b", "c"), ["1", "2", "3"]);
  assert.deepEqual(
    Object.keys(redis.stats().nodes).sort(),
    cluster.nodes.map((node) => `node.test:${node.port}`).sort(),
  );
  assert.deepEqual([...new Set(asked)], ["node.test"]);

  // The name is compared with the certificate: the address is not in it.
  await using wrong = Redis.cluster([{ host: "127.0.0.1", port: first.port }], { password: "secret", tls: { ca } });
  await assert.rejects(wrong.get("a"), { code: "ERR_CONNECT_TLS", outcome: "not-sent" });
  // A wrong password is told at once.
  await using stranger = Redis.cluster([{ host: "node.test", port: first.port }], { ...options, password: "wrong" });
  await assert.rejects(stranger.get("a"), (error: Error & { code: string }) => {
    assert.equal(error.code, "ERR_CONNECT_AUTH");
    assert.doesNotMatch(error.message, /wrong\b.*wrong|secret/);
    return true;
  });
});

test("behind address translation the nodes are dialled as natMap says", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 0 });
  const proxies = await Promise.all(cluster.nodes.map((node) => startFaultProxy(node)));
  const map = Object.fromEntries(
    cluster.nodes.map((node, index) => [`127.0.0.1:${node.port}`, `127.0.0.1:${proxies[index]?.port}`]),
  );
  const seed = { host: "127.0.0.1", port: proxies[0]?.port ?? 0 };
  for (const natMap of [
    map,
    (node: { host: string; port: number }) => ({ port: portIn(map, node), host: "127.0.0.1" }),
  ]) {
    await using redis = Redis.cluster([seed], { natMap });
    await redis.mset({ a: "1", b: "2", c: "3" });
    assert.equal(await redis.dbsize(), 3);
    assert.deepEqual(Object.keys(redis.stats().nodes).sort(), Object.values(map).sort());
  }
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

function portIn(map: Readonly<Record<string, string>>, node: { host: string; port: number }): number {
  return Number(String(map[`${node.host}:${node.port}`]).split(":")[1]);
}

test("the URLs of the nodes may have the password, which holds for all", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 0, password: "secret" });
  for (const options of [undefined, { password: "secret" }]) {
    await using redis = Redis.cluster(cluster.urls, options);
    assert.equal(await redis.mset({ a: "1", b: "2", c: "3" }), "OK");
  }
});

test("a server that is no cluster is told as that, and options that cannot be meant are refused", async () => {
  await using server = await startServer();
  // No waiting helps, so it is not waited.
  await using redis = Redis.cluster([server.url], { commandTimeout: 60_000, acquireTimeout: 60_000 });
  const told = { code: "ERR_CONNECT", permanent: true, message: /is no node of a cluster.*use new Redis\(\)/ };
  await assert.rejects(redis.get("a"), told);
  await assert.rejects(redis.lease(), told);
  await assert.rejects(redis.ready(), told);
  const sentinels = [{ host: server.host, port: server.port }];
  await using watched = Redis.sentinel({ name: "mymaster", sentinels }, { commandTimeout: 60_000 });
  await assert.rejects(watched.get("a"), { code: "ERR_CONNECT", message: /is no sentinel: give the addresses/ });
  const cases: [() => unknown, RegExp][] = [
    [() => Redis.cluster([]), /nodes must name at least one node/],
    [() => Redis.cluster("redis://a/3"), /must say where a node is and no more/],
    [() => Redis.cluster(["redis://:pw@a:1", "redis://:other@b:1"]), /nodes\[1\] has another password/],
    [() => Redis.cluster(["redis://:pw@a:1"], { password: "other" }), /nodes\[0\] has another password/],
    [() => Redis.cluster(["a:7000"]), /nodes\[0\] must be a URL such as redis:\/\/host:7000, or \{ host, port \}/],
    [
      () => Redis.cluster(["redis://a"], { scaleReads: "all" } as never),
      /unknown option scaleReads: it is called readFrom/,
    ],
    [() => Redis.cluster(["redis://a"], { natmap: {} } as never), /unknown option natmap: did you mean natMap\?/],
    [() => Redis.cluster(["redis://a"], { nonsense: 1 } as never), /the known ones are db, .*natMap, refreshInterval/],
    [() => new Redis({ natMap: {} } as never), /unknown option natMap: it belongs to clusters and sentinels/],
    [() => new Redis("redis://a:7000,b:7001"), /several hosts .*redis\+cluster:\/\//],
    [() => new Redis("redis-cluster://a:7000"), /unknown scheme; did you mean redis\+cluster:\/\/\?/],
    [() => Redis.cluster(["redis://a"], { db: 1 } as never), /db must be 0 in a cluster/],
    [() => Redis.cluster(["redis://a"], { host: "b" } as never), /host cannot be given here/],
    [() => Redis.cluster(["redis://a"], { readFrom: "any" as never }), /readFrom must be one of/],
    [() => Redis.cluster(["redis://a"], { natMap: { "b:1": "nowhere" } }), /natMap\["b:1"\] must be host:port/],
    [() => Redis.cluster(["redis://a"], { refreshInterval: -1 }), /refreshInterval must be/],
    [() => Redis.cluster(["redis://a"], { maxTotalConnections: 0 }), /maxTotalConnections must be/],
    [() => new Redis("redis+cluster://a:7000/2"), /a cluster has database 0 only/],
    [() => Redis.cluster(["rediss://a"], { tls: false }), /tls must not be false/],
  ];
  for (const [make, message] of cases) assert.throws(make, { code: "ERR_OPTIONS", message });
});

test("reads go where readFrom says, writes to the primaries", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 1 });
  const isReplica = new Set((await cluster.replicas()).map((node) => node.port));
  for (const [readFrom, byReplica] of [
    ["primary", false],
    ["replica", true],
    ["preferReplica", true],
  ] as const) {
    await using redis = Redis.cluster(cluster.urls, { readFrom });
    await redis.mset({ a: "1", b: "2", c: "3" });
    for (const node of cluster.nodes) {
      using raw = await connectRaw(node);
      await raw.command("CONFIG", "RESETSTAT");
    }
    await until(async () => (await redis.get("a")) === "1");
    for (let turn = 0; turn < 20; turn++) for (const key of ["a", "b", "c"]) await redis.get(key);
    for (const node of cluster.nodes) {
      using raw = await connectRaw(node);
      const calls = Number(/calls=(\d+)/.exec((await raw.info("commandstats"))["cmdstat_get"] ?? "")?.[1] ?? 0);
      const reads = isReplica.has(node.port) === byReplica;
      assert.ok(
        reads ? calls >= 20 : calls === 0,
        `${readFrom}: ${calls} reads of ${isReplica.has(node.port) ? "a replica" : "a primary"}`,
      );
    }
  }
  // The nearest is whoever answers first: some of both, and always an answer.
  await using nearest = Redis.cluster(cluster.urls, { readFrom: "nearest" });
  for (let turn = 0; turn < 20; turn++) await nearest.get("a");
  // Without its replica, a read falls back to the primary, or waits for one.
  const [lost] = await cluster.replicas(await cluster.primaryOf(15_495));
  await using prefers = Redis.cluster(cluster.urls, { readFrom: "preferReplica" });
  await prefers.get("a");
  await cluster.kill(lost as never);
  for (let turn = 0; turn < 20; turn++) assert.equal(await prefers.get("a"), "1");
});

test("all nodes together have no more connections than maxTotalConnections", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 0 });
  await using redis = Redis.cluster(cluster.urls, {
    maxTotalConnections: 3,
    commandTimeout: 20_000,
    acquireTimeout: 20_000,
  });
  const count = (): number =>
    Object.values(redis.stats().nodes).reduce((sum, node) => sum + node.total + node.connecting, 0);
  let most = 0;
  const work = Array.from({ length: 60 }, async (_, index) => {
    const key = `{${["a", "b", "c"][index % 3]}}${index}`;
    await redis.set(key, "x");
    await redis.transaction(key, async (tx) => tx.multi().set(key, `${await tx.get(key)}y`));
    most = Math.max(most, count());
  });
  await Promise.all(work);
  assert.ok(most > 0 && most <= 3, `${most} connections`);
  assert.equal(await redis.get("{a}0"), "xy");
});

test("close() leaves no connection on any node", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 1 });
  const redis = Redis.cluster(cluster.urls, { readFrom: "nearest" });
  await redis.mset({ a: "1", b: "2", c: "3" });
  await redis.mget("a", "b", "c");
  const blocked = redis.blpop("{a}list", 0).catch((error: unknown) => error);
  await using messages = await redis.subscribe("news");
  await redis.close();
  assert.equal(((await blocked) as { code: string }).code, "ERR_CLOSED");
  assert.ok(messages.isClosed);
  for (const node of cluster.nodes) {
    using raw = await connectRaw(node);
    await until(async () => (await raw.clients()).every((client) => /[SM]/.test(client["flags"] ?? "")));
  }
});
