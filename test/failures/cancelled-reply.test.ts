import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, type RedisOptions } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

/** The same cases over a plain and over an encrypted connection: what is unread may hide in the TLS layer. */
for (const secure of [false, true]) {
  describe(secure ? "over TLS" : "over TCP", () => {
    const server = sharedServer({ tls: secure });
    const options = (port: number): RedisOptions => ({
      host: "127.0.0.1",
      port,
      ...(secure ? { tls: server().tls } : {}),
    });
    const look = () => connectRaw({ port: server().port, tls: server().tls });
    /** The value of each key names the key, so a reply that went astray shows. */
    const fill = async (redis: Redis, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) void redis.set(`key:${i}`, `value of ${i} ${"x".repeat(i * 7)}`);
      await redis.ping();
    };
    const expected = (i: number): string => `value of ${i} ${"x".repeat(i * 7)}`;

    test("a command cancelled before it is written never runs", async () => {
      await using redis = new Redis(options(server().port));
      await redis.del("early");
      const cancel = new AbortController();
      const doomed = redis.with({ signal: cancel.signal }).incr("early");
      const neighbour = redis.incr("other");
      cancel.abort(new Error("changed my mind"));
      await assert.rejects(doomed, /changed my mind/);
      await neighbour;
      assert.equal(await redis.get("early"), null);
    });

    test("a command cancelled after it is written leaves its reply to nobody", async () => {
      await using redis = new Redis(options(server().port));
      await fill(redis, 50);
      const cancel = new AbortController();
      const all = Array.from({ length: 50 }, (_, i) =>
        i % 3 === 0 ? redis.with({ signal: cancel.signal }).get(`key:${i}`) : redis.get(`key:${i}`),
      );
      setImmediate(() => setImmediate(() => cancel.abort()));
      const settled = await Promise.allSettled(all);
      for (const [i, result] of settled.entries()) {
        if (result.status === "fulfilled") assert.equal(result.value, expected(i));
        else assert.equal(i % 3, 0, `only cancelled commands may fail: ${String(result.reason)}`);
      }
    });

    test("a command cancelled while half of its reply has come leaves the other half to nobody", async () => {
      await using proxy = await startProxy({ port: server().port });
      await using redis = new Redis({ ...options(proxy.port), socketTimeout: 4000 });
      await fill(redis, 20);
      proxy.splitEveryByte(true);
      const cancel = new AbortController();
      const before = proxy.forwarded("toClient");
      const doomed = redis.with({ signal: cancel.signal }).get("key:19");
      const next = [redis.get("key:1"), redis.get("key:2"), redis.get("key:18")];
      await until(() => proxy.forwarded("toClient") > before + 20, { interval: 0 });
      cancel.abort(new Error("enough"));
      await doomed.catch((error: Error) => assert.equal(error.message, "enough"));
      assert.deepEqual(await Promise.all(next), [expected(1), expected(2), expected(18)]);
      assert.equal(redis.stats().nodes[`127.0.0.1:${proxy.port}`]?.created, 1, "the connection went on being used");
    });

    test("cancelling at any moment never gives a reply to another caller", async () => {
      await using redis = new Redis(options(server().port));
      await fill(redis, 30);
      let cancelled = 0;
      for (let round = 0; round < 100; round++) {
        const cancel = new AbortController();
        const all = Array.from({ length: 30 }, async (_, i) => {
          const view = (i + round) % 2 === 0 ? redis.with({ signal: cancel.signal }) : redis;
          try {
            assert.equal(await view.get(`key:${i}`), expected(i));
          } catch (error) {
            assert.equal(error, cancel.signal.reason);
            cancelled++;
          }
        });
        for (let turn = round % 5; turn > 0; turn--) await nextTurn();
        cancel.abort();
        await Promise.all(all);
      }
      assert.ok(cancelled > 0, "the race was never won by the cancellation");
      assert.equal(await redis.get("key:7"), expected(7));
    });

    test("a lease given back with a reply outstanding is destroyed, not lent again", async () => {
      await using pool = new ConnectionPool({ ...options(server().port), maxConnections: 1 });
      const first = await pool.lease();
      await first.set("mine", "secret of the first borrower");
      const id = await first.client.id();
      const outstanding = first.get("mine").then(
        (value) => assert.equal(value, "secret of the first borrower"),
        (error: { code: string }) => assert.equal(error.code, "ERR_CONNECTION_LOST"),
      );
      await nextTurn(); // it is written now
      first.release();
      const second = await pool.lease();
      await second.set("other", "value of the second");
      assert.equal(await second.get("other"), "value of the second");
      assert.notEqual(await second.client.id(), id);
      second.release();
      await outstanding;
      assert.equal(pool.stats().closedBecause.unread, 1);
    });

    test("a lease given back while a slow command runs is destroyed and the server sees it go", async () => {
      await using pool = new ConnectionPool({ ...options(server().port), maxConnections: 2 });
      using raw = await look();
      const lease = await pool.lease();
      const id = String(await lease.client.id());
      const blocked = lease.blpop("nothing here", 5);
      await until(async () => (await raw.clients()).some((client) => client["id"] === id && client["cmd"] === "blpop"));
      lease.release();
      await assert.rejects(blocked, { code: "ERR_CONNECTION_LOST", outcome: "unknown" });
      await until(async () => (await raw.clients()).every((client) => client["id"] !== id));
      assert.equal(pool.stats().closedBecause.unread, 1);
    });

    test("a lease given back while half of a reply has come is destroyed", async () => {
      await using proxy = await startProxy({ port: server().port });
      await using pool = new ConnectionPool({ ...options(proxy.port), maxConnections: 1 });
      const lease = await pool.lease();
      await lease.set("long", "y".repeat(300_000));
      const id = await lease.client.id();
      const before = proxy.forwarded("toClient");
      proxy.splitEveryByte(true);
      const doomed = assert.rejects(lease.get("long"), { code: "ERR_CONNECTION_LOST", outcome: "unknown" });
      await until(() => proxy.forwarded("toClient") > before, { interval: 0 });
      lease.release();
      proxy.splitEveryByte(false);
      await doomed;
      const next = await pool.lease();
      assert.notEqual(await next.client.id(), id);
      next.release();
      assert.equal(pool.stats().closedBecause.unread, 1);
    });

    test("a callback that throws with a reply outstanding does not pass it on", async () => {
      await using pool = new ConnectionPool({ ...options(server().port), maxConnections: 1 });
      let outstanding: Promise<unknown> = Promise.resolve();
      const failed = pool.use(async (lease) => {
        outstanding = lease.set("left", "behind").catch(() => "failed");
        await nextTurn();
        throw new Error("in between");
      });
      await assert.rejects(failed, /in between/);
      assert.equal(await pool.use((lease) => lease.echo("clean")), "clean");
      await outstanding;
      await sleep(0);
      assert.equal(pool.stats().leased, 0);
    });
  });
}

describe("one signal for many commands", () => {
  const server = sharedServer();

  test("a signal that ends a thousand commands at once makes Node warn of no leak", async () => {
    const warnings: string[] = [];
    const note = (warning: Error): number => warnings.push(warning.name);
    process.on("warning", note);
    try {
      await using redis = new Redis({ port: server().port });
      await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
      const holder = await pool.lease();
      const cancel = new AbortController();
      const view = redis.with({ signal: cancel.signal });
      const all: Promise<unknown>[] = Array.from({ length: 1000 }, (_, i) => view.get(`key:${i}`));
      all.push(...Array.from({ length: 20 }, () => pool.lease({ signal: cancel.signal })));
      cancel.abort(new Error("all of you"));
      for (const result of await Promise.allSettled(all)) assert.equal(result.status, "rejected");
      await nextTurn();
      holder.release();
      assert.deepEqual(warnings, []);
    } finally {
      process.off("warning", note);
    }
  });
});
