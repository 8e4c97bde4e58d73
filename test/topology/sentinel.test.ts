import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, describe, test } from "node:test";
import {
  CommandTimeoutError,
  ConnectError,
  type NodeAddress,
  OptionsError,
  Redis,
  type SentinelOptions,
  type SentinelSetup,
} from "../../src/index.ts";
import { startFaultProxy, startSentinels, startServer, type TestSentinels } from "../../src/testing/index.ts";
import { report } from "../faults/report.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startScriptedServer, type ScriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/wait.ts";

function place({ host, port }: { host: string; port: number }): { host: string; port: number } {
  return { host, port };
}

function bulk(text: string | number): string {
  return `$${String(text).length}\r\n${text}\r\n`;
}

function list(...items: readonly string[]): string {
  return `*${items.length}\r\n${items.join("")}`;
}

interface Told {
  readonly primary: { readonly host: string; readonly port: number } | null;
  readonly epoch?: number;
  readonly replicas?: readonly NodeAddress[];
  readonly sentinels?: readonly NodeAddress[];
}

/** A sentinel that says what it is told to say, in RESP2, and has no news. */
function startFakeSentinel(told: () => Told): Promise<ScriptedServer> {
  return startScriptedServer(([command = "", what = "", name = ""]) => {
    const { primary, epoch = 0, replicas = [], sentinels = [] } = told();
    if (command === "HELLO") return "-ERR unknown command\r\n";
    if (command === "SUBSCRIBE") return list(bulk("subscribe"), bulk(what), ":1\r\n");
    if (command !== "SENTINEL") return "+OK\r\n";
    if (primary === null)
      return what === "GET-MASTER-ADDR-BY-NAME" ? "*-1\r\n" : "-ERR No such master with that name\r\n";
    if (what === "GET-MASTER-ADDR-BY-NAME") return list(bulk(primary.host), bulk(primary.port));
    if (what === "MASTER") return list(bulk("name"), bulk(name), bulk("config-epoch"), bulk(epoch));
    const fields = { flags: "slave", "role-reported": "slave", "master-link-status": "ok" };
    const records = (what === "REPLICAS" ? replicas : sentinels).map(({ host = "", port = 0 }) =>
      list(...Object.entries({ ip: host, port, ...fields }).flatMap(([key, value]) => [bulk(key), bulk(value)])),
    );
    return list(...records);
  });
}

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
      [{ password: undefined }, {}, "ERR_CONNECT_AUTH", /none of the 1 sentinel.*wants a password/],
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

describe("fault 42, sentinels disagree", () => {
  test("the newest failover counts, whoever answers first and however many know it", async () => {
    await using old = await startServer();
    await using now = await startServer();
    await using behind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using alsoBehind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using current = await startFakeSentinel(() => ({ primary: place(now), epoch: 4 }));
    for (let round = 0; round < 5; round++) {
      // They are asked in a random order.
      const sentinels = [behind, current, alsoBehind].map(({ port }) => ({ port }));
      await using redis = Redis.sentinel({ name: "m", sentinels });
      await redis.set("round", round);
      assert.deepEqual(Object.keys(redis.stats().nodes), [`127.0.0.1:${now.port}`]);
    }
  });

  test("one that is cut off and knows only the old primary does not lead back to it", async () => {
    await using old = await startServer();
    await using now = await startServer();
    const others = { told: { primary: place(now), epoch: 4 } as Told };
    await using behind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using second = await startFakeSentinel(() => others.told);
    await using third = await startFakeSentinel(() => others.told);
    const sentinels = [behind, second, third].map(({ port }) => ({ port }));
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 100 });
    await redis.set("k", "v");
    await second.close();
    await third.close();
    const asked = behind.received.length;
    await until(() => behind.received.length > asked + 8); // two more looks, at which nobody else answers
    await redis.set("k", "w");
    using raw = await connectRaw(now);
    assert.equal(await raw.command("GET", "k"), "w");
    using toOld = await connectRaw(old);
    assert.equal(await toOld.command("GET", "k"), null);
  });

  test("a server that says it is a replica is not taken for the primary, whoever names it", async () => {
    await using primary = await startServer();
    await using replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
    const view = { told: { primary: place(replica), epoch: 5 } as Told };
    await using sentinel = await startFakeSentinel(() => view.told);
    await using redis = Redis.sentinel({ name: "m", sentinels: [{ port: sentinel.port }] });
    await assert.rejects(redis.with({ timeout: 700 }).set("k", "v"), {
      outcome: "not-sent",
      message: /the sentinels name 127\.0\.0\.1:\d+ as the primary, which says that it is a replica/,
    });
    const waiting = redis.set("k", "v");
    view.told = { primary: place(primary), epoch: 5 };
    assert.equal(await waiting, "OK");
  });

  test("sentinels that were set up anew, with their counting, are believed when most of them agree", async () => {
    await using first = await startServer();
    await using second = await startServer();
    const view = { told: { primary: place(first), epoch: 9 } as Told };
    const fakes = await Promise.all([1, 2, 3].map(() => startFakeSentinel(() => view.told)));
    const sentinels = fakes.map(({ port }) => ({ port }));
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 100 });
    await redis.ready();
    view.told = { primary: place(second), epoch: 0 };
    await until(() => Object.keys(redis.stats().nodes)[0] === `127.0.0.1:${second.port}`);
    await Promise.all(fakes.map((fake) => fake.close()));
  });

  test("with real ones: one that has slept through a failover is not believed when it wakes up", async () => {
    await using setup = await startSentinels();
    const [asleep] = setup.sentinels;
    assert.ok(asleep !== undefined);
    const old = await setup.primary();
    asleep.pause();
    await setup.failover();
    asleep.resume();
    // At once: it has the old view for as long as nobody has told it.
    const primaries: string[] = [];
    const listener = (message: unknown): void => {
      primaries.push(...(message as { nodes: string[] }).nodes.slice(0, 1));
    };
    subscribe("respool:topology:changed", listener);
    await using redis = Redis.sentinel({ name: "mymaster", sentinels: setup.sentinels.map(place) });
    const began = performance.now();
    await redis.set("k", "v");
    const what = "the newest failover counts, and only a server that says itself that it is the primary";
    report(
      import.meta.url,
      { row: 42, name: "sentinels disagree", what },
      "idle",
      Math.round(performance.now() - began),
    );
    unsubscribe("respool:topology:changed", listener);
    assert.ok(primaries.length > 0);
    assert.ok(!primaries.includes(`${old.host}:${old.port}`), primaries.join());
  });
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
