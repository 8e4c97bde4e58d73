import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { ConnectionLostError, Redis, type RedisOptions, type RetryOptions } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { startScriptedServer, type ScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const QUICK = { minDelay: 1, maxDelay: 3 } as const;

/** A server that reads each command and hangs up without a reply, so often; then it answers. */
function hangsUp(times: number, reply = ":1\r\n"): Promise<ScriptedServer> {
  let left = times;
  return startScriptedServer(
    afterHandshake((_name, _args, connection) => {
      if (left-- <= 0) return reply;
      connection.end();
      return null;
    }),
  );
}

function client(port: number, options: RedisOptions = {}): Redis {
  return new Redis({ host: "127.0.0.1", port, reconnect: QUICK, retry: QUICK, ...options });
}

function received(server: ScriptedServer, name: string): number {
  return server.received.filter(({ command }) => command[0]?.toUpperCase() === name).length;
}

test("R6: a read whose reply was cut is sent again, a write is not: it may have run", async () => {
  for (const [name, again] of [
    ["GET", true],
    ["SET", false],
    ["INCR", false],
  ] as const) {
    await using server = await hangsUp(1, name === "GET" ? "$1\r\nv\r\n" : ":1\r\n");
    await using redis = client(server.port);
    const reply = redis.call(name, "k", ...(name === "SET" ? ["v"] : []));
    if (again) assert.equal(await reply, "v");
    else await assert.rejects(reply, { code: "ERR_CONNECTION_LOST", outcome: "unknown", message: /may have run/ });
    assert.equal(received(server, name), again ? 2 : 1);
  }
});

test("R6: the user may allow repeated writes: overwrite for those with the same end, accumulate for all", async () => {
  const cases: [RetryOptions["effects"], string, boolean][] = [
    ["none", "GET", false],
    ["read", "GET", true],
    ["overwrite", "SET", true],
    ["overwrite", "INCR", false],
    ["accumulate", "SET", true],
    ["accumulate", "INCR", true],
    ["accumulate", "EVAL", true],
  ];
  for (const [effects, name, again] of cases) {
    await using server = await hangsUp(1, "+OK\r\n");
    await using redis = client(server.port);
    const words = { GET: ["k"], SET: ["k", "v"], INCR: ["k"], EVAL: ["return 1", 0] }[name] ?? [];
    const reply = redis.with({ retry: { effects } }).call(name, ...words);
    if (again) assert.equal(await reply, "OK");
    else await assert.rejects(reply, { outcome: "unknown" });
    assert.equal(received(server, name), again ? 2 : 1, `${effects} ${name}`);
  }
});

test("R6: a command that provably never ran is sent whatever it does, and runs once", async () => {
  await using server = await startServer();
  await using redis = client(server.port);
  await redis.ready();
  await server.kill();
  await until(() => statsOf(redis).total === 0);
  const replies = Promise.all(Array.from({ length: 100 }, () => redis.incr("n")));
  await server.restart();
  assert.deepEqual(
    await replies,
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
  assert.equal(await redis.get("n"), "100");
});

test("R6: a counter whose replies are cut at random is never raised twice by one INCR", async () => {
  await using server = await startServer();
  await using proxy = await startProxy(server);
  await using redis = client(proxy.port);
  let acknowledged = 0;
  let unknown = 0;
  for (let round = 0; round < 15; round++) {
    await redis.ready();
    proxy.cutAfterBytes("toClient", 1 + Math.floor(Math.random() * 60));
    const all = Array.from({ length: 20 }, () => redis.incr("n"));
    for (const { status, ...rest } of await Promise.allSettled(all)) {
      if (status === "fulfilled") acknowledged++;
      else {
        const { reason } = rest as { reason: unknown };
        assert.ok(reason instanceof ConnectionLostError && reason.outcome === "unknown", String(reason));
        unknown++;
      }
    }
  }
  await proxy.close();
  await using direct = client(server.port);
  const value = Number(await direct.get("n"));
  assert.ok(unknown > 0 && acknowledged > 0);
  assert.ok(value >= acknowledged && value <= acknowledged + unknown, `${value} of ${acknowledged} + ${unknown}`);
});

test("R6: refusals by the server's state are waited for, whatever the command does", async () => {
  const refusals = [
    "LOADING is loading",
    "MASTERDOWN link down",
    "READONLY is a replica",
    "TRYAGAIN later",
    "NOREPLICAS few",
  ];
  for (const refusal of refusals) {
    let left = 2;
    await using server = await startScriptedServer(afterHandshake(() => (left-- > 0 ? `-${refusal}\r\n` : ":7\r\n")));
    await using redis = client(server.port);
    assert.equal(await redis.incr("n"), 7, refusal);
    assert.equal(received(server, "INCR"), 3);
  }
  await using server = await startScriptedServer(afterHandshake(() => "-WRONGTYPE not a number\r\n"));
  await using redis = client(server.port);
  await assert.rejects(redis.incr("n"), { code: "WRONGTYPE", outcome: "rejected" });
  assert.equal(received(server, "INCR"), 1, "other errors are not repeated");
});

interface Retried {
  readonly command: string;
  readonly attempt: number;
  readonly delay: number;
}

test("R6: pauses back off between minDelay and maxDelay with full jitter, and attempts are counted", async () => {
  const retried: Retried[] = [];
  const note = (event: unknown): void => void retried.push(event as Retried);
  subscribe("respool:command:retried", note);
  try {
    await using server = await startScriptedServer(afterHandshake(() => "-READONLY replica\r\n"));
    await using redis = client(server.port, { retry: { attempts: 6, minDelay: 2, maxDelay: 40 } });
    const all = Array.from({ length: 60 }, () => redis.get("k"));
    for (const result of await Promise.allSettled(all))
      assert.equal((result as PromiseRejectedResult).reason.code, "READONLY");
    assert.equal(received(server, "GET"), 60 * 7);
  } finally {
    unsubscribe("respool:command:retried", note);
  }
  assert.equal(retried.length, 60 * 6);
  const delays = (attempt: number): number[] =>
    retried.filter((each) => each.attempt === attempt).map(({ delay }) => delay);
  const mean = (list: number[]): number => list.reduce((sum, each) => sum + each, 0) / list.length;
  for (let attempt = 1; attempt <= 6; attempt++) {
    const list = delays(attempt);
    assert.equal(list.length, 60);
    assert.ok(Math.min(...list) >= 0 && Math.max(...list) <= 40);
    assert.ok(new Set(list).size > 20, "jitter: the pauses differ");
  }
  assert.ok(mean(delays(5)) > mean(delays(1)), "they grow");
});

test("R6: retry false, 0 attempts and the deadline end the repeating", async () => {
  await using server = await hangsUp(Infinity);
  await using redis = client(server.port, { commandTimeout: 300 });
  await assert.rejects(redis.with({ retry: false }).get("k"), { code: "ERR_CONNECTION_LOST", outcome: "unknown" });
  assert.equal(received(server, "GET"), 1);
  await assert.rejects(redis.with({ retry: { attempts: 0 } }).get("k"), { code: "ERR_CONNECTION_LOST" });
  assert.equal(received(server, "GET"), 2);
  const endless = redis.with({ retry: { attempts: 1000, minDelay: 20, maxDelay: 20 } });
  await assert.rejects(endless.get("k"), { outcome: "unknown" });
  const sent = received(server, "GET");
  assert.ok(sent > 4, "it was repeated until its deadline");
  const other = redis
    .with({ retry: false })
    .get("other")
    .catch(() => undefined);
  await until(() => received(server, "GET") > sent);
  await other;
  assert.equal(received(server, "GET"), sent + 1, "nothing is repeated after the deadline");
});

test("R6: a pipeline is repeated only when all of it may be", async () => {
  for (const [write, again] of [
    [false, true],
    [true, false],
  ]) {
    await using server = await hangsUp(1, "+OK\r\n");
    await using redis = client(server.port);
    const pipeline = write === true ? redis.pipeline().get("a").incr("b") : redis.pipeline().get("a").get("b");
    if (again === true) assert.deepEqual(await pipeline.exec(), ["OK", "OK"]);
    else await assert.rejects(pipeline.exec(), { outcome: "unknown" });
    assert.equal(received(server, "GET") > 1, again === true && write === false);
  }
});
