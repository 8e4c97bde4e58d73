import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { events } from "../../src/base/diagnostics.ts";
import { ConnectionPool, Redis, type RedisOptions } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { leftovers, resources } from "./resources.ts";

const server = sharedServer();
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The heap when nothing is left to collect: finalisers and weak references need turns of the event loop in between. */
async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const signal = new AbortController().signal;

/** One client's life, with a bit of everything. */
async function live(options: RedisOptions, index: number): Promise<WeakRef<object>[]> {
  const redis = new Redis({ ...options, minConnections: index % 3 });
  const pool = new ConnectionPool({ ...options, healthCheckInterval: 10 });
  await Promise.all([
    redis.with({ signal, timeout: 5000 }).set(`many:${index % 10}`, Buffer.alloc(2000)),
    redis.multi().incr("many:n").exec(),
    redis.blpop("many:none", 0.001).catch(() => null),
    redis.subscribe("many:news", () => undefined, { signal }),
    redis.transaction("many:watched", (tx) => tx.multi().get("many:n")),
    pool.use((lease) => lease.select(1)),
    pool.use((lease) => lease.client.setname("dirty")),
  ]);
  const late = redis
    .with({ signal })
    .blpop("many:none", 0)
    .catch(() => null);
  if (index % 4 === 0) {
    redis.destroy();
    pool.destroy();
  } else {
    await Promise.all([redis.close({ timeout: 1000 }), pool.close({ timeout: 1000 })]);
  }
  await late;
  return [new WeakRef(redis), new WeakRef(pool)];
}

async function lives(options: RedisOptions, count: number): Promise<WeakRef<object>[]> {
  const all: WeakRef<object>[] = [];
  for (let index = 0; index < count; index += 10) {
    const ten = Array.from({ length: 10 }, (_, offset) => live(options, index + offset));
    all.push(...(await Promise.all(ten)).flat());
  }
  return all;
}

const listening = (): number =>
  process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0) +
  Object.values(events).filter((one) => channel(String(one.name)).hasSubscribers).length;

test("hundreds of clients that were used and closed leave no memory, no socket, no timer and no listener", async () => {
  const options = { port: server().port, clientName: "one-of-many" };
  await lives(options, 60); // code, caches and pools of memory come first
  using raw = await connectRaw(server());
  await until(async () => (await raw.clients()).length === 0);
  const before = { heap: await heap(), resources: resources(), listening: listening() };
  const references = await lives(options, 240);
  await until(async () => (await raw.clients()).length === 0, { what: "no client is left on the server" });
  await until(() => leftovers(before.resources).length === 0, { what: "no socket and no timer is left" });
  assert.equal(listening(), before.listening);
  assert.equal(getEventListeners(signal, "abort").length, 0);
  const growth = (await heap()) - before.heap;
  assert.ok(growth < 2 * 2 ** 20, `${growth} bytes are left of 240 clients and 240 pools`);
  const kept = references.filter((reference) => reference.deref() !== undefined).length;
  assert.ok(kept < references.length / 20, `${kept} of ${references.length} clients and pools are still held`);
});

test("clients whose server was away, or that were never used, leave nothing either", async () => {
  await using proxy = await startProxy(server());
  const options = { port: proxy.port, reconnect: { minDelay: 1, maxDelay: 5 }, connectTimeout: 200 } as const;
  const round = async (count: number): Promise<WeakRef<object>[]> => {
    const references: WeakRef<object>[] = [];
    for (let index = 0; index < count; index++) {
      const redis = new Redis(options);
      references.push(new WeakRef(redis), new WeakRef(new Redis(options)));
      const work = [redis.get("k"), redis.subscribe("c"), redis.blpop("q", 0)].map((one) => one.catch(() => null));
      if (index % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      await redis.close({ timeout: index % 3 });
      await Promise.all(work);
    }
    return references;
  };
  await proxy.refuse(true);
  await round(30);
  const before = { heap: await heap(), resources: resources() };
  const references = await round(150);
  await until(() => leftovers(before.resources).length === 0, { what: "no socket and no timer is left" });
  const growth = (await heap()) - before.heap;
  assert.ok(growth < 2 * 2 ** 20, `${growth} bytes are left of 300 clients`);
  const kept = references.filter((reference) => reference.deref() !== undefined).length;
  assert.ok(kept < references.length / 20, `${kept} of ${references.length} clients are still held`);
});
