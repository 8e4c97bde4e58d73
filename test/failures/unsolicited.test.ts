import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startScriptedServer, type Script, type ScriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/wait.ts";

const HELLO = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$2\r\nid\r\n:7\r\n";
const pushes = {
  sunsubscribe: ">3\r\n$12\r\nsunsubscribe\r\n$2\r\nch\r\n:0\r\n",
  invalidate: ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
  message: ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n",
  unknown: ">2\r\n+server-cpu-usage\r\n:42\r\n",
} as const;

/** A RESP3 server that answers GET with its key's name, as the test has it otherwise. */
function resp3(get: (key: string) => string | null): Script {
  return (command, connection) => {
    if (command[0] === "HELLO") return HELLO;
    if (command[0] === "GET") return get(String(command[1]));
    if (command[0] === "SUBSCRIBE" || command[0] === "SSUBSCRIBE") {
      for (const name of command.slice(1))
        connection.send(`>3\r\n+${command[0].toLowerCase()}\r\n$${name.length}\r\n${name}\r\n:1\r\n`);
      return null;
    }
    return "+OK\r\n";
  };
}

const client = (server: ScriptedServer): Redis =>
  new Redis({
    host: "127.0.0.1",
    port: server.port,
    retry: { attempts: 0 },
    reconnect: { minDelay: 1, maxDelay: 10 },
    commandTimeout: 2000,
  });

for (const [kind, push] of Object.entries(pushes)) {
  test(`an unsolicited ${kind} push never takes a command's reply slot`, async () => {
    await using server = await startScriptedServer(resp3((key) => `${push}+value of ${key}\r\n${push}`));
    await using redis = client(server);
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    for (const key of keys.slice(0, 5)) assert.equal(await redis.get(key), `value of ${key}`);
    for (const connection of server.connections) connection.send(push); // while nothing is in flight
    await sleep(5);
    assert.deepEqual(
      await Promise.all(keys.map((key) => redis.get(key))),
      keys.map((key) => `value of ${key}`),
    );
    assert.equal(server.accepted, 1);
  });
}

test("a `sunsubscribe` that the server sends by itself does not confirm a subscription that is on its way", async () => {
  let confirm: (() => void) | undefined;
  await using server = await startScriptedServer((command, connection) => {
    if (command[0] !== "SSUBSCRIBE") return resp3((key) => `+${key}\r\n`)(command, connection);
    connection.send(pushes.sunsubscribe);
    confirm = () => connection.send(">3\r\n+ssubscribe\r\n$2\r\nch\r\n:1\r\n");
    return null;
  });
  await using redis = client(server);
  let confirmed = false;
  const subscribing = redis.ssubscribe("ch", () => {}).then(() => (confirmed = true));
  await until(() => confirm !== undefined);
  await sleep(30);
  assert.equal(confirmed, false);
  confirm?.();
  await subscribing;
});

test("a slot that moves while SUNSUBSCRIBE is on its way does not end the connection of the other channels", async () => {
  await using server = await startScriptedServer((command, connection) => {
    if (command[0] !== "SUNSUBSCRIBE") return resp3((key) => `+${key}\r\n`)(command, connection);
    connection.send(pushes.sunsubscribe); // by itself; the command is refused then
    return "-MOVED 1 127.0.0.1:1\r\n";
  });
  await using redis = client(server);
  const got: string[] = [];
  const leaving = await redis.ssubscribe("ch");
  const staying = await redis.ssubscribe("other", ({ message }) => got.push(message));
  await leaving.close();
  for (const connection of server.connections) connection.send(">3\r\n+smessage\r\n+other\r\n+hello\r\n");
  await until(() => got.length === 1);
  assert.equal(staying.gaps, 0);
});

test("a push in the middle of a pipeline's and a lease's replies never takes a slot", async () => {
  await using server = await startScriptedServer(resp3((key) => `${pushes.invalidate}+${key}\r\n`));
  await using redis = client(server);
  assert.deepEqual(await redis.pipeline().get("a").get("b").get("c").exec(), ["a", "b", "c"]);
  await using pool = new ConnectionPool({ host: "127.0.0.1", port: server.port, maxConnections: 1 });
  await pool.use(async (lease) => assert.deepEqual(await Promise.all([lease.get("x"), lease.get("y")]), ["x", "y"]));
  assert.deepEqual(pool.stats().closedBecause, {});
});

test("a reply too many destroys the connection, and what is in flight fails as unknown", async () => {
  let extra = false;
  await using server = await startScriptedServer(resp3((key) => (extra ? `+value of ${key}\r\n` : null)));
  await using redis = client(server);
  await redis.ping();
  const node = (): { closedBecause: object; created: number } => Object.values(redis.stats().nodes)[0] ?? assert.fail();
  // Nothing is in flight: the connection is out of step, and must not be used again.
  for (const connection of server.connections) connection.send("+nobody asked\r\n");
  await until(() => server.connections.size === 0);
  assert.deepEqual(node().closedBecause, { protocol: 1 });
  extra = true;
  assert.equal(await redis.get("after"), "value of after");
  assert.equal(node().created, 2);
});

test("garbage while commands are in flight destroys the connection, and each of them fails as unknown", async () => {
  let answers = 0;
  await using server = await startScriptedServer(
    resp3((key) => (++answers === 3 ? "this is no reply\r\n" : answers < 3 ? `+value of ${key}\r\n` : null)),
  );
  await using redis = client(server);
  await redis.ping();
  const settled = await Promise.allSettled(["a", "b", "c", "d", "e"].map((key) => redis.get(key)));
  assert.deepEqual(
    settled.map((one) =>
      one.status === "fulfilled" ? one.value : `${one.reason.code} ${one.reason.outcome} ${one.reason.reason}`,
    ),
    ["value of a", "value of b", ...Array(3).fill("ERR_CONNECTION_LOST unknown protocol")],
  );
});

test("half a reply that nobody has asked for is never the beginning of the next caller's reply", async () => {
  await using server = await startScriptedServer(resp3((key) => `S\r\n+value of ${key}\r\n`));
  await using pool = new ConnectionPool({
    host: "127.0.0.1",
    port: server.port,
    maxConnections: 1,
    acquireTimeout: 2000,
  });
  await pool.use((lease) => lease.set("k", "v"));
  for (const connection of server.connections) connection.send("+OOP");
  await sleep(30);
  const value = await pool.use((lease) => lease.get("k")).catch((error: { code: string }) => error.code);
  assert.notEqual(value, "OOPS");
  // The same on a shared connection.
  await using redis = client(server);
  await redis.ping();
  for (const connection of server.connections) connection.send("+OOP");
  await sleep(30);
  assert.notEqual(await redis.get("k").catch((error: { code: string }) => error.code), "OOPS");
});

test("half a push that comes while nothing is in flight is waited for", async () => {
  await using server = await startScriptedServer(resp3((key) => `+value of ${key}\r\n`));
  await using redis = client(server);
  await redis.ping();
  for (const connection of server.connections) {
    connection.send(pushes.message.slice(0, 9));
    await sleep(20);
    connection.send(pushes.message.slice(9));
  }
  await sleep(20);
  assert.equal(await redis.get("k"), "value of k");
  assert.equal(server.accepted, 1);
});

test("a push whose kind is a property of every object neither ends a subscriber's connection nor reaches the subscriber", async () => {
  await using server = await startScriptedServer(resp3((key) => `+${key}\r\n`));
  await using redis = client(server);
  const got: string[] = [];
  const subscription = await redis.subscribe("ch", ({ message }) => got.push(message));
  for (const connection of server.connections) {
    for (const kind of ["constructor", "__proto__", "toString"]) connection.send(`>2\r\n+${kind}\r\n+x\r\n`);
    connection.send(pushes.message);
  }
  await until(() => got.length > 0);
  assert.deepEqual(got, ["hello"]);
  assert.equal(subscription.gaps, 0);
});
