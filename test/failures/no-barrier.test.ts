import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type ServerError } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { startScriptedServer, type ScriptedConnection } from "../support/scripted-server.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("batching is no barrier: a reply settles as soon as it is read, whatever else is in the batch", async () => {
  const held: [string, ScriptedConnection][] = [];
  await using scripted = await startScriptedServer((command, connection) => {
    if (command[0] === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (command[0] !== "GET") return "+OK\r\n";
    held.push([String(command[1]), connection]);
    return null;
  });
  await using redis = new Redis({ host: "127.0.0.1", port: scripted.port });
  await redis.ping();
  const settled: number[] = [];
  const all = Array.from({ length: 10 }, async (_, i) => {
    const value = await redis.get(`k${i}`);
    settled.push(i);
    return value;
  });
  await until(() => held.length === 10); // all came in one batch, and none was answered
  for (const [i, [key, connection]] of held.entries()) {
    assert.deepEqual(
      settled,
      Array.from({ length: i }, (_, before) => before),
    );
    connection.send(`+value of ${key}\r\n`);
    await until(() => settled.length === i + 1);
  }
  assert.deepEqual(
    await Promise.all(all),
    Array.from({ length: 10 }, (_, i) => `value of k${i}`),
  );
});

test("the first replies of a batch settle while a later one is only half there", async () => {
  let rest: (() => void) | undefined;
  await using scripted = await startScriptedServer((command, connection) => {
    if (command[0] === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (command[1] !== "slow") return "+fast\r\n";
    rest = () => connection.send(" way\r\n");
    return "$8\r\nhalf";
  });
  await using redis = new Redis({ host: "127.0.0.1", port: scripted.port });
  await redis.ping();
  const quick = redis.get("quick");
  const slow = redis.get("slow");
  assert.equal(await quick, "fast"); // nobody sends the rest before it settles
  rest?.();
  assert.equal(await slow, "half way");
});

test("a blocked command of the same tick holds nobody else up", async () => {
  await using redis = new Redis({ port: server().port });
  const blocked = redis.blpop("nothing", 0.5);
  let blockedIsDone = false;
  void blocked.then(() => (blockedIsDone = true));
  assert.deepEqual(
    await Promise.all(Array.from({ length: 100 }, (_, i) => redis.echo(`e${i}`))),
    Array.from({ length: 100 }, (_, i) => `e${i}`),
  );
  assert.equal(blockedIsDone, false);
  assert.equal(await blocked, null);
});

test("an error in the middle of a batch settles only its own command", async () => {
  await using redis = new Redis({ port: server().port });
  await redis.set("text", "no number");
  const settled = await Promise.allSettled([
    redis.set("a", "1"),
    redis.incr("text"),
    redis.get("a"),
    redis.lpush("a", "x"),
    redis.get("text"),
  ]);
  assert.deepEqual(
    settled.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as ServerError).code)),
    ["OK", "ERR", "1", "WRONGTYPE", "no number"],
  );
});

test("replies that arrive byte by byte settle one by one", async () => {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({ host: proxy.host, port: proxy.port });
  await redis.ping();
  proxy.splitEveryByte(true);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      assert.equal(await redis.echo(`${i}`.repeat(40)), `${i}`.repeat(40));
      order.push(i);
    }),
  );
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  );
});
