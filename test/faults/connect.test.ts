import assert from "node:assert/strict";
import dns from "node:dns";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, ConnectError, Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { Oracle } from "./oracle.ts";
import { assertClosed, faultTests } from "./play.ts";
import { report } from "./report.ts";
import { LIMITS, type Scene } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;
const DURABLE = { config: { appendonly: "yes", appendfsync: "always" } } as const;

const WAITS = "nothing is sent; commands wait within their limits, attempts go on with growing random pauses";

function assertFailed(scene: Scene, code: string): void {
  const failures = [...scene.connectFailures];
  assert.ok((scene.connectFailures.get(code) ?? 0) > 0, `no ${code}, but ${JSON.stringify(failures)}`);
}

// A stopped server accepts nothing. Once the two that its queue holds are there, the system drops every further SYN.
const crowds = new WeakMap<Scene, Socket[]>();

faultTests(
  file,
  {
    row: 9,
    name: "SYN dropped",
    what: `each attempt ends at \`connectTimeout\`; ${WAITS}`,
    direct: true,
    client: { connectTimeout: 150 },
    hold: 750,
    strike: async (scene) => {
      scene.server.pause();
      const { host, port } = scene.server;
      const crowd = Array.from({ length: 5 }, () => connect({ host, port }).on("error", () => undefined));
      crowds.set(scene, crowd);
      await until(() => crowd.filter((socket) => !socket.connecting).length >= 2);
      await sleep(20);
      assert.ok(crowd.at(-1)?.connecting === true, "the queue is not full");
    },
    end: async (scene) => {
      const ended = (crowds.get(scene) ?? []).map(
        (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()).destroy()),
      );
      await Promise.all(ended);
      scene.server.resume();
    },
    felt: (scene) => assertFailed(scene, "ERR_CONNECT_TIMEOUT"),
  },
  { config: { "tcp-backlog": 1 } },
);

faultTests(
  file,
  {
    row: 10,
    name: "refused",
    what: WAITS,
    hold: 150,
    strike: ({ proxy }) => {
      proxy.inject("refuse");
      proxy.inject("cut");
    },
    felt: (scene) => assertFailed(scene, "ERR_CONNECT_REFUSED"),
  },
  server,
);

faultTests(
  file,
  {
    row: 11,
    name: "accepted, then silence",
    what: `the handshake ends at \`connectTimeout\`; ${WAITS}`,
    client: { connectTimeout: 150 },
    hold: 400,
    strike: ({ proxy }) => {
      proxy.inject("stall");
      proxy.inject("cut");
    },
    felt: (scene) => assertFailed(scene, "ERR_CONNECT_TIMEOUT"),
  },
  server,
);

faultTests(
  file,
  {
    row: 12,
    name: "TLS handshake stalls",
    what: `it ends at \`connectTimeout\`, never without TLS; ${WAITS}`,
    hold: 750,
    strike: ({ proxy }) => {
      proxy.inject("stall");
      proxy.inject("cut", { reset: true });
    },
    felt: (scene) => assertFailed(scene, "ERR_CONNECT_TIMEOUT"),
  },
  { tls: true },
);

const strangers = new WeakMap<Scene, TestServer>();

faultTests(
  file,
  {
    row: 13,
    name: "certificate not trusted",
    what: "told at once as a permanent `ERR_CONNECT_TLS`; nothing is sent to the stranger",
    direct: true,
    strike: async (scene) => {
      await scene.server.kill();
      strangers.set(scene, await startServer({ tls: true, port: scene.server.port }));
    },
    end: async (scene) => {
      const stranger = strangers.get(scene);
      assert.ok(stranger?.tls !== undefined);
      using raw = await connectRaw({ host: stranger.host, port: stranger.port, tls: stranger.tls });
      const ran = Object.keys(await raw.info("commandstats")).filter((name) =>
        /_(incr|get|hello|echo|exec)$/.test(name),
      );
      assert.deepEqual(ran, [], "a server that is not trusted was talked to");
      await stranger.stop();
      await scene.server.restart();
    },
    felt: (scene) => {
      assertFailed(scene, "ERR_CONNECT_TLS");
      assertClosed(scene, "lost");
      assert.ok(scene.oracle.codes.has("ERR_CONNECT_TLS"));
    },
  },
  { tls: true, ...DURABLE },
);

/** Answers for one name, in the place of the system's resolver. */
function resolving(name: string, answer: () => string | NodeJS.ErrnoException): Disposable {
  const original = dns.lookup;
  const fake = (host: string, options: { all?: boolean }, callback: (...results: unknown[]) => void): void => {
    if (host !== name) return void Reflect.apply(original, dns, [host, options, callback]);
    const found = answer();
    setImmediate(() => {
      if (typeof found !== "string") callback(found);
      else if (options.all === true) callback(null, [{ address: found, family: 4 }]);
      else callback(null, found, 4);
    });
  };
  dns.lookup = fake as unknown as typeof dns.lookup;
  return { [Symbol.dispose]: () => void (dns.lookup = original) };
}

const NAME = "cache.respool.test";
const MOVED = {
  row: 14,
  name: "name resolves elsewhere",
  what: "the next connection goes to the new address; a name server that does not answer is waited for",
};

for (const situation of ["idle", "under load"] as const) {
  test(`fault 14, ${MOVED.name}, ${situation}: ${MOVED.what}`, async () => {
    await using first = await startServer(DURABLE);
    await using second = await startServer({ ...DURABLE, host: "127.0.0.2", port: first.port });
    let answer: string | NodeJS.ErrnoException = first.host;
    using _resolver = resolving(NAME, () => answer);
    await using pool = new ConnectionPool({ ...LIMITS, host: NAME, port: first.port });
    await using redis = new Redis({ pool });
    using oracle = new Oracle(`moved:${situation}`, pool);
    for (const server of [first, second]) {
      using raw = await connectRaw({ path: server.path });
      await oracle.prepare(raw);
    }
    await oracle.read(redis, LIMITS.commandTimeout);
    let running = situation === "under load";
    const load = Promise.all(
      Array.from({ length: running ? 4 : 0 }, async () => {
        while (running) {
          await Promise.all([
            oracle.increment(redis, LIMITS.commandTimeout),
            oracle.read(redis, LIMITS.commandTimeout),
          ]);
          await sleep(2);
        }
      }),
    );
    answer = Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" });
    await first.kill();
    await until(
      () => {
        void oracle.increment(redis, LIMITS.commandTimeout);
        return /name server does not answer/.test(pool.stats().lastConnectError ?? "");
      },
      { interval: 20, what: "the name server was asked" },
    );
    answer = second.host;
    const began = performance.now();
    assert.equal(await oracle.increment(redis.with({ timeout: 2000 }), 2000), "acknowledged");
    const took = performance.now() - began;
    running = false;
    await load;
    await oracle.settled(2000);
    await first.restart();
    using old = await connectRaw({ path: first.path });
    using current = await connectRaw({ path: second.path });
    assert.ok((await current.clients()).length > 0 && (await old.clients()).length === 0);
    await redis.close();
    await oracle.verify([old, current]);
    report(file, MOVED, situation, took);
  });
}

test("fault 14, a name that does not exist is told at once, and asked for again with the next command", async () => {
  let answer: string | NodeJS.ErrnoException = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
  using _resolver = resolving(NAME, () => answer);
  await using redis = new Redis({ ...LIMITS, host: NAME, port: server().port });
  const error: unknown = await redis.get("k").catch((reason: unknown) => reason);
  assert.ok(error instanceof ConnectError, String(error));
  assert.deepEqual([error.code, error.permanent, error.outcome], ["ERR_CONNECT_DNS", true, "not-sent"]);
  answer = server().host;
  assert.equal(await redis.echo("there"), "there");
});
