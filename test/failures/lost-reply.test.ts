import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type RedisOptions } from "../../src/index.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

type Cut = "before any of the reply" | "in the middle of the reply" | "by a reset";

/** Lets the server get what is sent next, and ends all connections before its whole answer is through. */
function cutNext(proxy: Proxy, cut: Cut): void {
  if (cut === "before any of the reply") proxy.cutAfterBytes("toServer", 1);
  else proxy.cutAfterBytes("toClient", 2);
}

interface Setting {
  readonly redis: Redis;
  readonly proxy: Proxy;
}

async function behindProxy(options: RedisOptions, body: (setting: Setting) => Promise<void>): Promise<void> {
  await using proxy = await startProxy({ port: server().port });
  await using redis = new Redis({
    host: proxy.host,
    port: proxy.port,
    reconnect: { minDelay: 5, maxDelay: 50 },
    ...options,
  });
  await redis.flushall();
  await body({ redis, proxy });
}

const lost = { name: "ConnectionLostError", code: "ERR_CONNECTION_LOST", outcome: "unknown" };

/** The proxy forwards the whole request, then drops the answer: the server has run it. */
async function withoutAnswer<T>(proxy: Proxy, send: () => Promise<T>): Promise<T> {
  proxy.blackhole("toClient", true);
  const sent = send();
  const before = proxy.forwarded("toServer");
  while (proxy.forwarded("toServer") === before) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  proxy.cut({ reset: true });
  proxy.blackhole("toClient", false);
  return sent;
}

test("INCR whose reply was cut off is not sent again by itself, and its outcome is unknown", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await assert.rejects(
      withoutAnswer(proxy, () => redis.incr("n")),
      { ...lost, command: "INCR" },
    );
    assert.equal(await redis.get("n"), "1");
  }));

test("INCR whose reply was cut in the middle is not sent again by itself", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await redis.set("n", "1000");
    cutNext(proxy, "in the middle of the reply");
    await assert.rejects(redis.incr("n"), lost);
    assert.equal(await redis.get("n"), "1001");
  }));

test("a GET in the same place is sent again and succeeds", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await redis.set("k", "v");
    assert.equal(await withoutAnswer(proxy, () => redis.get("k")), "v");
    cutNext(proxy, "in the middle of the reply");
    assert.equal(await redis.get("k"), "v");
    cutNext(proxy, "before any of the reply");
    assert.equal(await redis.get("k"), "v");
    assert.equal(proxy.accepted, 4);
  }));

test("SET is sent again only where overwriting is allowed", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await assert.rejects(
      withoutAnswer(proxy, () => redis.set("k", "v")),
      lost,
    );
    const view = redis.with({ retry: { effects: "overwrite" } });
    assert.equal(await withoutAnswer(proxy, () => view.set("k", "v")), "OK");
    await assert.rejects(
      withoutAnswer(proxy, () => view.incr("n")),
      lost,
    );
    assert.equal(await redis.get("n"), "1");
  }));

test("INCR is repeated where the caller allows accumulating, and then it runs twice", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    const view = redis.with({ retry: { effects: "accumulate" } });
    assert.equal(await withoutAnswer(proxy, () => view.incr("n")), 2);
  }));

test("nothing is repeated without retries, not even a GET", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await redis.ping();
    await assert.rejects(
      withoutAnswer(proxy, () => redis.with({ retry: false }).get("k")),
      lost,
    );
    await redis.ping();
    await assert.rejects(
      withoutAnswer(proxy, () => redis.with({ retry: { effects: "none" } }).get("k")),
      lost,
    );
  }));

test("a pipeline or a transaction with one INCR among reads is not sent again", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    await redis.ping();
    await assert.rejects(
      withoutAnswer(proxy, () => redis.pipeline().get("a").incr("n").get("b").exec()),
      lost,
    );
    await redis.ping();
    await assert.rejects(
      withoutAnswer(proxy, () => redis.multi().get("a").incr("n").exec()),
      lost,
    );
    await redis.ping();
    await assert.rejects(
      withoutAnswer(proxy, () => redis.eval("return redis.call('incr', 'n')", [])),
      lost,
    );
    assert.equal(await redis.get("n"), "3");
    assert.deepEqual(await withoutAnswer(proxy, () => redis.pipeline().get("a").get("n").exec()), [null, "3"]);
  }));

test("a hundred INCRs in flight when the link breaks are applied at most once each", () =>
  behindProxy({}, async ({ redis, proxy }) => {
    for (let round = 0; round < 20; round++) {
      await redis.set("n", 0);
      const before = proxy.forwarded("toClient");
      proxy.cutAfterBytes(round % 2 === 0 ? "toClient" : "toServer", 1 + round * 37);
      const settled = await Promise.allSettled(Array.from({ length: 100 }, () => redis.incr("n")));
      const done = settled.filter((one) => one.status === "fulfilled").length;
      const unknown = settled.filter((one) => one.status === "rejected" && one.reason.outcome === "unknown").length;
      const n = Number(await redis.get("n"));
      assert.equal(done + unknown, 100, "each either succeeded or says that it may have run");
      assert.ok(n >= done && n <= 100, `${n} applied, ${done} acknowledged`);
      assert.ok(proxy.forwarded("toClient") > before);
    }
  }));

test("a loss between the write and the server's answer tells `unknown`, one before the write tells nothing was sent", async () => {
  let hang = false;
  await using scripted = await startScriptedServer((command, connection) => {
    if (command[0] === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (command[0] !== "INCR") return "+OK\r\n";
    hang = true;
    connection.reset();
    return null;
  });
  await using redis = new Redis({ port: scripted.port, host: "127.0.0.1", reconnect: { minDelay: 5, maxDelay: 20 } });
  await assert.rejects(redis.incr("n"), lost);
  assert.ok(hang);
  assert.equal(scripted.received.filter(({ command }) => command[0] === "INCR").length, 1);
});
