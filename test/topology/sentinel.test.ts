import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CommandTimeoutError,
  ConnectError,
  OptionsError,
  Redis,
  type SentinelOptions,
  type SentinelSetup,
} from "../../src/index.ts";
import { startFaultProxy, startSentinels, startServer, type TestSentinels } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/wait.ts";
import { place, startFakeSentinel } from "./fake-sentinel.ts";

describe("three sentinels with a password, a primary and two replicas with another", () => {
  let setup: TestSentinels;
  before(async () => {
    setup = await startSentinels({
      replicas: 2,
      name: "cache",
      password: "servers-secret",
      sentinelPassword: "sentinels",
    });
  });
  after(() => setup.stop());

  function client(more: Partial<SentinelSetup> = {}, options: SentinelOptions = {}): Redis {
    const sentinels = setup.sentinels.slice(0, 1).map(place);
    return Redis.sentinel(
      { name: "cache", sentinels, password: "sentinels", ...more },
      { password: "servers-secret", ...options },
    );
  }

  test("one sentinel is enough to find the primary, the replicas and the other sentinels", async () => {
    const primary = await setup.primary();
    await using redis = client({}, { db: 3 });
    await redis.set("k", "in 3");
    using raw = await connectRaw(primary);
    await raw.command("SELECT", 3);
    assert.equal(await raw.command("GET", "k"), "in 3");
    assert.deepEqual(
      Object.keys(redis.stats().nodes).sort(),
      setup.servers.map(({ host, port }) => `${host}:${port}`).sort(),
    );
    // The given one goes away: the others are known by now.
    const [given] = setup.sentinels;
    given?.pause();
    try {
      await setup.failover();
      assert.equal(await redis.set("k", "after a failover"), "OK");
      const now = await setup.primary();
      assert.notEqual(now, primary);
    } finally {
      given?.resume();
    }
    await setup.settled();
  });

  test("a sentinel that is down, or that hangs, holds nothing up", async () => {
    const [, second] = setup.sentinels;
    assert.ok(second !== undefined);
    await using silent = await startScriptedServer(() => null);
    const sentinels = [{ host: "127.0.0.1", port: 1 }, { host: "127.0.0.1", port: silent.port }, place(second)];
    await using redis = client({ sentinels });
    const began = performance.now();
    await redis.ready();
    assert.ok(performance.now() - began < 1900, "it has waited for the one that hangs");
  });

  test("reads go to the replicas, and to one that was added while the client runs", async () => {
    await using redis = client({}, { readFrom: "replica" });
    await redis.ready();
    // A sentinel looks at servers now and then, and takes its time to see that one follows.
    await until(() => Object.keys(redis.stats().nodes).length === 3, { timeout: 20_000 });
    await redis.pipeline().set("k", "v").wait(2, 5000).exec();
    const raws = await Promise.all(setup.servers.map((server) => connectRaw(server)));
    for (const raw of raws) await raw.command("CONFIG", "RESETSTAT");
    for (let index = 0; index < 20; index++) assert.equal(await redis.get("k"), "v");
    const primary = await setup.primary();
    for (const [index, raw] of raws.entries()) {
      const reads = /calls=(\d+)/.exec((await raw.info("commandstats"))["cmdstat_get"] ?? "calls=0")?.[1];
      if (setup.servers[index] === primary) assert.equal(reads, "0");
      else assert.ok(Number(reads) > 2, `${reads} reads`);
      raw.close();
    }
    const config = { replicaof: `${primary.host} ${primary.port}`, masterauth: "servers-secret" };
    await using added = await startServer({ password: "servers-secret", config });
    // A sentinel sees it in the primary's INFO, and tells it.
    await until(() => redis.stats().nodes[`${added.host}:${added.port}`] !== undefined, { timeout: 20_000 });
  });

  test("an unknown name is told at once, and so is a wrong password of either side", async () => {
    const refusals: [Partial<SentinelSetup>, SentinelOptions, string, RegExp][] = [
      [{ name: "other" }, {}, "ERR_CONNECT", /none of the \d sentinel\(s\) that answer knows a primary called "other"/],
      [{ password: "wrong" }, {}, "ERR_CONNECT_AUTH", /none of the 1 sentinel.*password/],
      [{ password: undefined }, {}, "ERR_CONNECT_AUTH", /none of the 1 sentinel.*wants a password.*beside `sentinels`/],
      [{}, { password: "wrong" }, "ERR_CONNECT_AUTH", /password/],
      [{ sentinels: [place(await setup.primary())] }, {}, "ERR_CONNECT_AUTH", /none of the 1 sentinel/],
    ];
    for (const [more, options, code, message] of refusals) {
      await using redis = client(more, options);
      const began = performance.now();
      for (const attempt of [redis.get("k"), redis.subscribe("news"), redis.transaction("k", () => null)])
        await assert.rejects(attempt, (error: unknown) => {
          assert.ok(error instanceof ConnectError, String(error));
          assert.equal(error.permanent, true);
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /servers-secret/);
          return true;
        });
      assert.ok(performance.now() - began < 4000);
    }
  });

  test("by URL: its user and password are those of the servers", async () => {
    const open = await startSentinels({ sentinels: 1, password: "p@ss" });
    try {
      const places = open.sentinels.map(({ host, port }) => `${host}:${port}`).join(",");
      await using redis = new Redis(`redis+sentinel://:p%40ss@${places}/mymaster/2`);
      await redis.set("k", "v");
      await using same = Redis.sentinel(`valkey+sentinel://${places}/mymaster`, { password: "p@ss", db: 2 });
      assert.equal(await same.get("k"), "v");
    } finally {
      await open.stop();
    }
  });

  test("natMap tells where the servers are", async () => {
    const primary = await setup.primary();
    await using proxy = await startFaultProxy(primary);
    const told = `${primary.host}:${primary.port}`;
    await using redis = client({}, { natMap: { [told]: `${proxy.host}:${proxy.port}` } });
    await redis.ready();
    assert.deepEqual(Object.keys(redis.stats().nodes)[0], `${proxy.host}:${proxy.port}`);
    assert.ok(proxy.accepted > 0);
  });

  test("no sentinel at all: commands wait for one, and say so when their time is up", async () => {
    await using redis = client({ sentinels: [{ host: "127.0.0.1", port: 1 }] }, { commandTimeout: 300 });
    await assert.rejects(redis.get("k"), (error: unknown) => {
      assert.ok(error instanceof CommandTimeoutError && error.outcome === "not-sent");
      assert.match(
        error.message,
        /GET was not sent within 300 ms: none of the 1 sentinel\(s\) has answered yet: cannot connect to 127\.0\.0\.1:1/,
      );
      assert.ok(error.cause instanceof ConnectError && error.cause.code === "ERR_CONNECT_REFUSED");
      return true;
    });
    await using late = client({ sentinels: [{ host: "127.0.0.1", port: 1 }] });
    const waiting = assert.rejects(late.get("k"), { code: "ERR_CLOSED" });
    await late.close();
    await waiting;
    await assert.rejects(late.get("k"), { code: "ERR_CLOSED" });
  });
});

test("TLS to the sentinels and to the servers, each with its own options", async () => {
  await using setup = await startSentinels({
    sentinels: 1,
    tls: true,
    password: "servers",
    sentinelPassword: "sentinels",
  });
  const tls = setup.tls as NonNullable<typeof setup.tls>;
  const sentinels = setup.sentinels.map(place);
  await using redis = Redis.sentinel(
    { name: "mymaster", sentinels, password: "sentinels", tls },
    { password: "servers", tls },
  );
  await redis.set("k", "v");
  assert.equal(await redis.get("k"), "v");
  const urls = sentinels.map(({ host, port }) => `rediss://${host}:${port}`);
  const untrusted = { name: "mymaster", sentinels: urls, password: "sentinels" };
  await using refused = Redis.sentinel(untrusted, { password: "servers", tls });
  await assert.rejects(refused.get("k"), { code: "ERR_CONNECT_TLS", message: /sentinel.*not trusted/ });
});

test("a sentinel never gets the servers' user or password", async () => {
  await using server = await startServer({ password: "servers-secret" });
  await using sentinel = await startFakeSentinel(() => ({ primary: place(server) }));
  await using redis = Redis.sentinel(
    { name: "mymaster", sentinels: [{ port: sentinel.port }] },
    { username: "default", password: "servers-secret", db: 4 },
  );
  await redis.set("k", "v");
  assert.ok(sentinel.received.length > 0);
  const words = sentinel.received.flatMap(({ command }) => command);
  assert.deepEqual(
    words.filter((word) => /servers-secret|AUTH|SELECT/.test(word)),
    [],
  );
});

test("the options tell what is wrong with them", () => {
  const refused: [unknown, unknown, RegExp][] = [
    [{ sentinels: [{}] }, {}, /name must be the name that the sentinels know/],
    [{ name: "m" }, {}, /sentinels must be an array/],
    [{ name: "m", sentinels: [] }, {}, /at least one sentinel/],
    [{ name: "m", sentinels: ["redis://:pw@a"] }, {}, /sentinels\[0\] must say where a node is/],
    [{ name: "m", sentinels: [{}], db: 1 }, {}, /unknown option of sentinel, db/],
    [{ name: "m", sentinels: [{}], username: "u" }, {}, /username is given without a password/],
    [{ name: "m", sentinels: ["rediss://a"], tls: false }, {}, /tls must not be false/],
    [{ name: "m", sentinels: [{}] }, { host: "h" }, /host cannot be given here/],
    [{ name: "m", sentinels: [{}] }, { replicas: [] }, /replicas cannot be given here/],
    [{ name: "m", sentinels: [{}] }, { maxTotalConnections: 5 }, /unknown option maxTotalConnections/],
    [{ name: "m", sentinels: [{}] }, { refreshInterval: -1 }, /refreshInterval must be/],
    [{ name: "m", sentinels: [{}] }, null, /options must be an object/],
    ["redis://a:26379", {}, /a URL of sentinels is expected/],
    ["redis+sentinel://a:26379", {}, /the path must be the name/],
    [5, {}, /sentinel must be an object/],
  ];
  for (const [setup, options, message] of refused) {
    assert.throws(
      () => Redis.sentinel(setup as SentinelSetup, options as SentinelOptions),
      (error: unknown) => error instanceof OptionsError && message.test(error.message),
      String(message),
    );
  }
});
