import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError, ConnectionPool, Redis, type RedisOptions } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("R4: host and port, as options or as a URL, say where the server is", async () => {
  const { port } = server();
  const inputs = [{ host: "127.0.0.1", port }, { host: "localhost", port }, `redis://127.0.0.1:${port}`] as const;
  for (const [index, input] of inputs.entries()) {
    await using redis = new Redis(input);
    await redis.set("r4:where", index);
    const host = typeof input === "string" ? "127.0.0.1" : input.host;
    assert.deepEqual(Object.keys(redis.stats().nodes), [`${host}:${port}`]);
    using raw = await connectRaw(server());
    assert.equal(await raw.command("GET", "r4:where"), String(index));
  }
});

test("R4: path is a unix socket instead of host and port", async () => {
  for (const input of [{ path: server().path }, `unix://${server().path}`]) {
    await using redis = new Redis(input);
    await redis.set("r4:unix", "v");
    assert.deepEqual(Object.keys(redis.stats().nodes), [server().path]);
    using raw = await connectRaw(server());
    const [client] = await raw.clients();
    assert.equal(client?.["addr"]?.startsWith(server().path), true);
  }
});

test("R4: db holds for every connection, shared, leased and reconnected", async () => {
  await using redis = new Redis(server().url, { db: 3, maxConnections: 5 });
  await redis.set("r4:db", "in three");
  await redis.rpush("r4:q", "x");
  assert.deepEqual(await redis.blpop("r4:q", 1), ["r4:q", "x"]);
  using raw = await connectRaw(server());
  const dbs = async (): Promise<(string | undefined)[]> => (await raw.clients()).map((client) => client["db"]);
  assert.deepEqual(await dbs(), ["3", "3"]);
  assert.equal(await raw.command("GET", "r4:db"), null);
  await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  assert.equal(await redis.get("r4:db"), "in three");
  await using other = new Redis(`${server().url}/3`);
  assert.equal(await other.get("r4:db"), "in three");
});

test("R4: password, username and credentials() log every connection in; a wrong one is told as such", async () => {
  await using guarded = await startServer({ password: "sesame" });
  using raw = await connectRaw({ port: guarded.port, password: "sesame" });
  await raw.command("ACL", "SETUSER", "app", "on", ">pw-of-app", "~*", "&*", "+@all");
  const { port } = guarded;
  const users: [RedisOptions, string][] = [
    [{ port, password: "sesame" }, "default"],
    [{ port, username: "app", password: "pw-of-app" }, "app"],
    [{ port, credentials: async () => ({ username: "app", password: "pw-of-app" }) }, "app"],
    [{ port, protocol: 2, username: "app", password: "pw-of-app" }, "app"],
  ];
  for (const [options, user] of users) {
    await using redis = new Redis(options);
    assert.equal(await redis.acl.whoami(), user);
    const lease = new ConnectionPool(options);
    assert.equal(await lease.use((one) => one.acl.whoami()), user);
    await lease.close();
  }
  for (const options of [{}, { password: "wrong" }, { username: "nobody", password: "sesame" }]) {
    await using redis = new Redis({ port, ...options });
    await assert.rejects(redis.get("k"), (error) => {
      assert.ok(error instanceof ConnectError);
      assert.deepEqual([error.code, error.outcome, error.permanent], ["ERR_CONNECT_AUTH", "not-sent", true]);
      assert.match(error.message, /(check username, password|set password,) or credentials\(\)/);
      return true;
    });
  }
});

test("R4: maxConnections is the most that the server ever sees of one client", async () => {
  await using redis = new Redis(server().url, { maxConnections: 4, acquireTimeout: Infinity });
  using raw = await connectRaw(server());
  await using subscription = await redis.subscribe("r4:news", () => undefined);
  const pops = Array.from({ length: 20 }, (_, index) => redis.blpop(`r4:pop:${index}`, 10));
  const gets = Array.from({ length: 200 }, () => redis.get("r4:none"));
  await Promise.all(gets);
  await until(() => statsOf(redis).leased === 2);
  assert.equal((await raw.clients()).length, 4);
  assert.equal(subscription.isClosed, false);
  for (let index = 0; index < 20; index++) await raw.command("RPUSH", `r4:pop:${index}`, index);
  assert.deepEqual(
    await Promise.all(pops),
    pops.map((_, index) => [`r4:pop:${index}`, String(index)]),
  );
  assert.equal((await raw.clients()).length, 4);
});

test("R4: socketTimeout replaces a connection on which nothing comes while a reply is due", async () => {
  await using paused = await startServer();
  await using redis = new Redis(paused.url, {
    socketTimeout: 120,
    connectTimeout: 100,
    retry: { minDelay: 1, maxDelay: 5 },
  });
  await redis.set("k", "v");
  paused.pause();
  await assert.rejects(redis.with({ retry: false }).get("k"), {
    code: "ERR_CONNECTION_LOST",
    reason: "socket-timeout",
    outcome: "unknown",
  });
  assert.deepEqual(statsOf(redis).closedBecause, { "socket-timeout": 1 });
  paused.resume();
  assert.equal(await redis.get("k"), "v");
});

test("R4: connectTimeout covers the handshake too, and the error says so", async () => {
  await using silent = await startScriptedServer(() => null);
  await using pool = new ConnectionPool({
    host: "127.0.0.1",
    port: silent.port,
    connectTimeout: 40,
    acquireTimeout: 400,
  });
  await assert.rejects(pool.lease(), (error) => {
    assert.ok(error instanceof Error && error.cause instanceof ConnectError);
    assert.equal(error.cause.code, "ERR_CONNECT_TIMEOUT");
    assert.match(error.message, /within 40 ms .*raise connectTimeout/);
    return true;
  });
  assert.ok(silent.accepted > 1, "it was tried again");
});

/** The kernel's timer of a socket to a port, from /proc: its kind (02 is keep-alive) and the time left, s; null where there is no /proc. */
function kernelTimer(port: number): { kind: string; left: number } | null {
  if (process.platform !== "linux") return null;
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const line = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[2]?.endsWith(`:${hex}`) === true && fields[3] === "01");
  assert.ok(line !== undefined, "the kernel knows the connection");
  const [kind = "", left = ""] = (line[5] ?? "").split(":");
  return { kind, left: Number.parseInt(left, 16) / 100 };
}

test("R4: keepAlive sets the delay of TCP keep-alive, false leaves it out", async () => {
  for (const [keepAlive, expected] of [
    [7000, 7],
    [undefined, 30],
    [false, null],
  ] as const) {
    await using own = await startServer({ config: { "tcp-keepalive": 0 } });
    await using redis = new Redis({ host: "127.0.0.1", port: own.port, keepAlive });
    await redis.ready();
    await sleep(20); // until the kernel has its retransmission timer off
    const timer = kernelTimer(own.port);
    if (timer === null) continue;
    if (expected === null) assert.equal(timer.kind, "00");
    else assert.ok(timer.kind === "02" && timer.left > expected - 3 && timer.left <= expected, JSON.stringify(timer));
  }
});

test("R4: retryOnTimeout says whether a read is sent again after socketTimeout", async () => {
  for (const retryOnTimeout of [true, false]) {
    await using deaf = await startScriptedServer(
      afterHandshake((name, _args, connection) => (name === "GET" && connection.id === 1 ? null : "$1\r\nv\r\n")),
    );
    await using redis = new Redis({ host: "127.0.0.1", port: deaf.port, socketTimeout: 250, retryOnTimeout });
    const value = redis.get("k");
    if (retryOnTimeout) assert.equal(await value, "v");
    else await assert.rejects(value, { code: "ERR_CONNECTION_LOST", reason: "socket-timeout", outcome: "unknown" });
    const gets = deaf.received.filter(({ command }) => command[0] === "GET").length;
    assert.equal(gets, retryOnTimeout ? 2 : 1);
  }
});

test("R4: healthCheckInterval pings silent connections and replaces dead ones; 0 never does", async () => {
  for (const healthCheckInterval of [40, 0]) {
    let pings = 0;
    await using counting = await startScriptedServer(
      afterHandshake((name, _args, connection) => {
        if (name !== "PING") return "+OK\r\n";
        pings++;
        return connection.id === 1 ? null : "+PONG\r\n"; // the first one is dead
      }),
    );
    const options = { host: "127.0.0.1", port: counting.port, healthCheckInterval, socketTimeout: 50 };
    await using pool = new ConnectionPool({ ...options, minConnections: 1 });
    await until(() => pool.stats().total === 1);
    if (healthCheckInterval === 0) {
      await sleep(200);
      assert.equal(pings, 0);
      assert.equal(pool.stats().destroyed, 0);
    } else {
      await until(() => pings >= 3 && pool.stats().created >= 2);
      const { health = 0, "socket-timeout": silent = 0 } = pool.stats().closedBecause;
      assert.ok(health + silent >= 1);
    }
  }
});

test("R4: decodeResponses false gives the raw bytes everywhere, true gives strings", async () => {
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  for (const protocol of [2, 3] as const) {
    await using raw = new Redis(server().url, { decodeResponses: false, protocol });
    await using text = new Redis(server().url, { protocol });
    await raw.hset("r4:h", { f: bytes });
    const hash = (await raw.hgetall("r4:h")) as unknown as Record<string, Buffer>;
    assert.deepEqual(hash["f"], bytes);
    await raw.set("r4:bytes", bytes);
    assert.deepEqual(await raw.get("r4:bytes"), bytes);
    assert.deepEqual(await raw.pipeline().get("r4:bytes").exec(), [bytes]);
    assert.equal(await text.get("r4:bytes"), bytes.toString("utf8"));
    assert.deepEqual(await text.buffers.get("r4:bytes"), bytes);
  }
});
