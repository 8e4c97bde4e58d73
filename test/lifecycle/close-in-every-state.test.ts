import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis, RedisError, type RedisOptions } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { until } from "../support/wait.ts";
import { assertEmpty, inTime, LIMIT } from "./in-time.ts";
import { leftovers, resources } from "./resources.ts";

let server: TestServer;
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

before(async () => {
  server = await startServer();
  process.on("unhandledRejection", note);
});
after(async () => {
  process.off("unhandledRejection", note);
  await server.stop();
});

/** A client in some state, with what is in flight on it. */
interface Scene {
  readonly one: Redis | ConnectionPool;
  /** Whether everything in flight must come to a good end: the close has time for it. */
  readonly drains?: boolean;
  /** Each INCR of a key of its own, by its key: what is known of it afterwards can be compared with the server. */
  readonly increments?: ReadonlyMap<string, Promise<unknown>>;
  /** Everything else that is in flight. */
  readonly others?: readonly Promise<unknown>[];
  /** Ends the state: lets a server go on, so that it can be looked at. */
  readonly relax?: () => unknown;
}

/** Begins on a fresh server, or on a proxy in front of it; what it is given is ended after the test. */
type Enter = (kit: {
  options: RedisOptions;
  proxy: Proxy;
  prefix: string;
  defer: (end: () => unknown) => void;
}) => Promise<Scene> | Scene;

function increments(redis: Redis, prefix: string, count: number): Map<string, Promise<unknown>> {
  return new Map(Array.from({ length: count }, (_, index) => [`${prefix}:${index}`, redis.incr(`${prefix}:${index}`)]));
}

/** Waits until a few turns of the event loop are over, so that what was sent is on its way. */
const turns = (): Promise<void> => sleep(15);

const STATES: Record<string, Enter> = {
  "with nothing opened": ({ options }) => ({ one: new Redis(options), drains: true }),
  "with nothing opened, of a pool": ({ options }) => ({ one: new ConnectionPool(options), drains: true }),
  "in the turn of its first command": ({ options, prefix }) => {
    const one = new Redis({ ...options, minConnections: 3 });
    return { one, drains: true, increments: increments(one, prefix, 5) };
  },
  "while it connects to a server that is silent": async ({ options, prefix, defer }) => {
    const silent = await startScriptedServer(() => null);
    defer(() => silent.close());
    const one = new Redis({ ...options, port: silent.port, connectTimeout: 60_000 });
    const all = increments(one, prefix, 3);
    const others = [one.blpop("q", 0), one.subscribe("c"), one.transaction("k", (tx) => tx.multi().get("k"))];
    await until(() => silent.accepted > 0);
    return { one, increments: all, others };
  },
  "while a TLS handshake stalls": async ({ options, prefix, defer }) => {
    const stalls = createServer((socket) => socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => stalls.listen(0, "127.0.0.1", resolve));
    defer(() => stalls.close());
    const one = new Redis({
      ...options,
      port: (stalls.address() as { port: number }).port,
      tls: true,
      connectTimeout: 60_000,
    });
    const all = increments(one, prefix, 2);
    await turns();
    return { one, increments: all };
  },
  "while credentials() does not settle": async ({ options, prefix }) => {
    const one = new Redis({ ...options, credentials: () => new Promise(() => undefined), connectTimeout: 60_000 });
    const all = increments(one, prefix, 2);
    await turns();
    return { one, increments: all };
  },
  "while it is idle": async ({ options }) => {
    const one = new Redis({ ...options, minConnections: 3 });
    await one.ping();
    return { one, drains: true };
  },
  "under load": async ({ options, prefix }) => {
    const one = new Redis(options);
    await one.ping();
    return { one, drains: true, increments: increments(one, prefix, 2000) };
  },
  "under load, with a server that has stopped": async ({ options, prefix, proxy }) => {
    const one = new Redis({ ...options, port: proxy.port });
    await one.ping();
    proxy.blackhole("toServer", true);
    const all = increments(one, prefix, 50);
    await turns();
    return { one, increments: all, relax: () => proxy.blackhole("toServer", false) };
  },
  "in the middle of a pipeline": async ({ options, prefix, proxy }) => {
    const one = new Redis({ ...options, port: proxy.port });
    await one.ping();
    proxy.blackhole("toClient", true);
    const chain = one.pipeline();
    for (let index = 0; index < 100; index++) chain.get(`${prefix}:none`);
    const others = [chain.exec(), one.pipeline().incr(`${prefix}:p`).blpop("q", 0).exec()];
    await turns();
    return { one, others, relax: () => proxy.blackhole("toClient", false) };
  },
  "in the middle of a MULTI": async ({ options, prefix, proxy }) => {
    const one = new Redis({ ...options, port: proxy.port });
    await one.ping();
    proxy.blackhole("toClient", true);
    const others = [one.multi().incr(`${prefix}:m`).get("k").exec()];
    await turns();
    return { one, others, relax: () => proxy.blackhole("toClient", false) };
  },
  "in the middle of a MULTI by hand, on a lease": async ({ options }) => {
    const one = new ConnectionPool(options);
    const lease = await one.lease();
    await lease.call("MULTI");
    await lease.call("INCR", "lifecycle:never");
    return { one, others: [lease.call("ECHO", "x")] };
  },
  "in the middle of a transaction's callback": async ({ options }) => {
    const one = new Redis(options);
    let inside = false;
    let leave = (): void => undefined;
    const outside = new Promise<void>((resolve) => (leave = resolve));
    const transaction = one.transaction("lifecycle:watched", async (tx) => {
      inside = true;
      await outside;
      return tx.multi().incr("lifecycle:never");
    });
    await until(() => inside);
    // Its callback is the program's own, and ends when that wants; its connection ends before.
    return { one, relax: () => (leave(), assert.rejects(transaction, { outcome: "not-sent" })) };
  },
  "with blocked pops": async ({ options }) => {
    const one = new Redis(options);
    const others = [
      one.blpop("lifecycle:none", 0),
      one.blpop("lifecycle:none", 50),
      one.bzpopmin("lifecycle:none2", 0),
    ];
    using raw = await connectRaw(server);
    await until(async () => (await raw.info("clients"))["blocked_clients"] === "3");
    return { one, others };
  },
  "with a blocked pop whose server has stopped": async ({ options, proxy }) => {
    const one = new Redis({ ...options, port: proxy.port });
    const others = [one.blpop("lifecycle:none", 0)];
    using raw = await connectRaw(server);
    await until(async () => (await raw.info("clients"))["blocked_clients"] === "1");
    proxy.blackhole("both", true);
    return { one, others, relax: () => proxy.blackhole("both", false) };
  },
  "with a lease that is never given back": async ({ options }) => {
    const one = new ConnectionPool(options);
    const lease = await one.lease();
    await lease.ping();
    return { one };
  },
  "with callers who wait for a lease": async ({ options }) => {
    const one = new ConnectionPool({ ...options, maxConnections: 1, acquireTimeout: 60_000 });
    await one.lease();
    const others = [one.lease(), one.use((lease) => lease.incr("lifecycle:never"))];
    await turns();
    return { one, others };
  },
  "while a lease is repaired": async ({ options, proxy }) => {
    const one = new ConnectionPool({ ...options, port: proxy.port, connectTimeout: 60_000 });
    const lease = await one.lease();
    await lease.client.setname("dirty");
    proxy.blackhole("toServer", true);
    lease.release();
    assert.equal(one.stats().repairing, 1);
    return { one, relax: () => proxy.blackhole("toServer", false) };
  },
  "with subscriptions, iterations and messages on the way": async ({ options, defer }) => {
    const one = new Redis(options);
    const subscription = await one.subscribe("lifecycle:news");
    await one.psubscribe("lifecycle:*", () => undefined);
    const iteration = (async () => {
      for await (const message of subscription) void message;
    })();
    const publisher = new Redis({ port: server.port });
    await publisher.ping();
    const publishing = setInterval(() => void publisher.publish("lifecycle:news", "x").catch(() => undefined), 1);
    await turns();
    clearInterval(publishing);
    await publisher.close();
    defer(() => undefined);
    return { one, drains: true, others: [iteration] };
  },
  "while it connects again": async ({ options, prefix, proxy }) => {
    const one = new Redis({ ...options, port: proxy.port, reconnect: { minDelay: 25_000, maxDelay: 30_000 } });
    await one.subscribe("lifecycle:news", () => undefined);
    await one.ping();
    await proxy.refuse(true);
    proxy.cut();
    await turns();
    const all = increments(one, prefix, 5);
    const others = [one.blpop("q", 0), one.subscribe("lifecycle:more")];
    await turns();
    return { one, increments: all, others, relax: () => proxy.refuse(false) };
  },
  "with commands that wait for their next try": async ({ options, prefix, defer }) => {
    const loading = await startScriptedServer(afterHandshake(() => "-LOADING data\r\n"));
    defer(() => loading.close());
    const pause = { minDelay: 30_000, maxDelay: 30_000, attempts: 1000 };
    const one = new Redis({ ...options, port: loading.port, retry: pause, commandTimeout: 60_000 });
    const all = new Map([...increments(one, prefix, 5)]);
    const others = [one.get("k"), one.pipeline().get("k").exec(), one.multi().get("k").exec()];
    await until(() => loading.received.filter(({ command }) => command[0] === "GET").length >= 2);
    await turns();
    return { one, increments: all, others };
  },
  "while another close runs": async ({ options, proxy, prefix }) => {
    const one = new Redis({ ...options, port: proxy.port });
    await one.ping();
    proxy.blackhole("toServer", true);
    const all = increments(one, prefix, 5);
    await turns();
    return {
      one,
      increments: all,
      others: [one.close({ timeout: 60_000 })],
      relax: () => proxy.blackhole("toServer", false),
    };
  },
  "of a pool with a lease, while another close runs": async ({ options }) => {
    const one = new ConnectionPool(options);
    await one.lease();
    return { one, others: [one.close({ timeout: 60_000 }), one.close({ timeout: 60_000 })] };
  },
};

function checkOutcome(result: PromiseSettledResult<unknown>, what: string): string {
  if (result.status === "fulfilled") return "done";
  const error: unknown = result.reason;
  assert.ok(error instanceof RedisError, `${what}: ${String(error)}`);
  return error.outcome;
}

/** Compares what is known of each INCR with what the server has. */
async function checkTruth(increment: ReadonlyMap<string, Promise<unknown>>, drains: boolean): Promise<void> {
  const results = await inTime([...increment.values()], "a command in flight");
  using raw = await connectRaw(server);
  for (const [index, key] of [...increment.keys()].entries()) {
    const known = checkOutcome(results[index] as PromiseSettledResult<unknown>, key);
    const ran = Number((await raw.command("GET", key)) ?? 0);
    if (drains) assert.equal(known, "done", key);
    if (known === "done") assert.equal(ran, 1, `${key} was acknowledged`);
    else if (known === "unknown") assert.ok(ran <= 1, `${key} ran ${ran} times`);
    else assert.equal(ran, 0, `${key} is said to be ${known}, and ran`);
  }
}

let scenes = 0;

async function play(
  enter: Enter,
  end: (one: Redis | ConnectionPool) => Promise<void>,
  patient: boolean,
): Promise<void> {
  const prefix = `lifecycle:${++scenes}`;
  const clientName = `scene-${scenes}`;
  const proxy = await startProxy(server);
  const ends: (() => unknown)[] = [() => proxy.close()];
  try {
    const before = resources();
    const options = {
      port: server.port,
      clientName,
      socketTimeout: 60_000,
      commandTimeout: 60_000,
      protocol: 3,
    } as const;
    const scene = await enter({ options, proxy, prefix, defer: (one) => ends.push(one) });
    const all = [...(scene.increments?.values() ?? []), ...(scene.others ?? [])];
    // So that none of them counts as unhandled before it is looked at.
    for (const one of all) one.catch(() => undefined);
    const [closed] = await inTime([end(scene.one)], "the close");
    assert.equal(closed?.status, "fulfilled");
    assertEmpty(scene.one);
    const others = await inTime(scene.others ?? [], "what is in flight");
    for (const [index, result] of others.entries()) checkOutcome(result, `the one at ${index}`);
    await scene.relax?.();
    // What was held back on its way arrives now, and is run.
    await until(() => proxy.connections === 0, { what: "the proxy has delivered everything" });
    await proxy.close();
    using raw = await connectRaw(server);
    await until(async () => (await raw.clients()).every((client) => client["name"] !== clientName), {
      what: "no client is left on the server",
    });
    await checkTruth(scene.increments ?? new Map<string, never>(), patient && scene.drains === true);
    raw.close();
    for (const one of ends.splice(0)) await one();
    await until(() => leftovers(before).every((kind) => !/TCP|TLS|Timeout/.test(kind)), {
      what: `nothing is left but ${before.join()}`,
    });
    assert.deepEqual(unhandled.splice(0), []);
  } finally {
    for (const one of ends) await one();
  }
}

for (const [state, enter] of Object.entries(STATES)) {
  test(`close ${state} settles in time, with a true end of everything in flight, and leaves nothing`, () =>
    play(enter, (one) => one.close({ timeout: LIMIT }), true));
  test(`close without patience ${state}, and destroy behind it, do so, too`, () =>
    play(
      enter,
      async (one) => {
        const closing = one.close({ timeout: 0 });
        await closing;
        one.destroy();
        await one.close();
      },
      false,
    ));
  test(`destroy ${state} does so at once`, () =>
    play(
      enter,
      async (one) => {
        const others = one.close({ timeout: 60_000 });
        one.destroy();
        await others;
      },
      false,
    ));
}
