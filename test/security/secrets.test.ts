import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { ConnectionPool, Redis, RedisError, type RedisOptions } from "../../src/index.ts";
import { events } from "../../src/base/diagnostics.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { until } from "../support/wait.ts";

/** In every password, key, value, channel and script of this file. Nothing else may hold it. */
const CANARY = "cAnArY7QxZ";

/** The forms in which a log could hold it. */
const FORMS = [
  CANARY,
  CANARY.toLowerCase(),
  CANARY.toUpperCase(),
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString("hex"),
  (Buffer.from(CANARY).toString("hex").match(/../g) ?? []).join(" "), // as a Buffer is printed
  [...Buffer.from(CANARY)].join(","),
  [...Buffer.from(CANARY)].join(", "),
  // In base64 three neighbours make four letters, so what is inside depends on where it begins.
  ...["", "x", "xx"].map((prefix) =>
    Buffer.from(prefix + CANARY)
      .toString("base64")
      .slice(prefix.length === 0 ? 0 : 4, 12),
  ),
];

/** Everything that could be printed of a value: what it shows by itself, its hidden fields, its causes. */
function shown(value: unknown): string {
  const parts = [
    inspect(value, { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }),
  ];
  const seen = new Set<unknown>();
  const visit = (one: unknown): void => {
    if (typeof one === "string") parts.push(one);
    if (typeof one !== "object" || one === null || seen.has(one)) return;
    seen.add(one);
    if (one instanceof Error) parts.push(String(one), String(one.stack));
    if (Buffer.isBuffer(one)) parts.push(one.toString("latin1"));
    parts.push(JSON.stringify(one, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each)) ?? "");
    for (const key of Reflect.ownKeys(one)) {
      parts.push(String(key));
      visit((one as Record<string | symbol, unknown>)[key]);
    }
  };
  visit(value);
  return parts.join("\n");
}

function holdsNoCanary(value: unknown, what: string): void {
  const text = shown(value);
  for (const form of FORMS) {
    const at = text.indexOf(form);
    assert.equal(at, -1, `${what} shows a secret: …${text.slice(Math.max(0, at - 200), at + 60)}…`);
  }
}

let server: TestServer;
const heard: { name: string; message: unknown }[] = [];
const warnings: Error[] = [];
const listeners = Object.entries(events).map(([name, channel]) => ({
  channel: String(channel.name),
  listen: (message: unknown): void => void heard.push({ name, message }),
}));
const warned = (warning: Error): void => void warnings.push(warning);

before(async () => {
  server = await startServer({ password: CANARY });
  for (const { channel, listen } of listeners) subscribe(channel, listen);
  process.on("warning", warned);
});
after(async () => {
  for (const { channel, listen } of listeners) unsubscribe(channel, listen);
  process.off("warning", warned);
  await server.stop();
});

test("the search finds a secret in every form and place", () => {
  const hidden = new Error("x", { cause: new Error("y", { cause: { deep: [CANARY] } }) });
  const unlisted = Object.defineProperty({}, "field", { value: CANARY, enumerable: false });
  const places = [
    new Error(`- ${CANARY}`),
    hidden,
    unlisted,
    { [CANARY]: 1 },
    { value: Buffer.from(`a${CANARY}`) },
    { value: Buffer.from(`ab${CANARY}c`).toString("base64") },
    { value: encodeURIComponent(`ä${CANARY}`) },
    new Map([["k", CANARY]]),
    { list: [...Buffer.from(CANARY)] },
    Object.assign(new Error("z"), { fields: { args: [Buffer.from(CANARY)] } }),
  ];
  for (const place of places) assert.throws(() => holdsNoCanary(place, "it"), /shows a secret/, inspect(place));
  holdsNoCanary(new Error("cAnArY7Q"), "a part of it");
});

const base = (options: RedisOptions = {}): RedisOptions => ({
  port: server.port,
  password: CANARY,
  reconnect: { minDelay: 5, maxDelay: 20 },
  ...options,
});

/** The errors of what was asked for, nothing else. */
async function errorsOf(promises: Iterable<Promise<unknown>>): Promise<RedisError[]> {
  const errors: RedisError[] = [];
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === "fulfilled") continue;
    assert.ok(result.reason instanceof RedisError, inspect(result.reason));
    errors.push(result.reason);
  }
  return errors;
}

/** Every way to fail: with the class of error that it must give. */
const FAILURES: Record<string, { is: string; fail: () => Promise<RedisError[]> }> = {
  "options and arguments": {
    is: "OptionsError",
    fail: () =>
      errorsOf([
        Promise.resolve().then(() => new Redis(base({ maxConnections: -1 }))),
        Promise.resolve().then(() => new Redis(`redis://u:${CANARY}@h:0`)),
        Promise.resolve().then(() => new Redis(`redis://u:p%@h/${CANARY}`)),
        Promise.resolve()
          .then(() => new Redis(base({ clientName: `${CANARY} ${CANARY}@` })))
          .catch(() => Promise.resolve()),
        withRedis(base(), (redis) => redis.set(CANARY, { [CANARY]: CANARY } as never)),
        withRedis(base(), (redis) => redis.set(CANARY, [CANARY] as never)),
        withRedis(base(), (redis) => redis.zadd(CANARY, [[CANARY as never, { [CANARY]: 1 } as never]])),
        withRedis(base(), (redis) => redis.call("SET", CANARY, undefined as never)),
        withRedis(base(), (redis) => redis.subscribe([CANARY, { [CANARY]: 1 } as never])),
      ]),
  },
  connecting: {
    is: "ConnectError",
    fail: async () => {
      const wrong = { commandTimeout: 300, acquireTimeout: 200, connectTimeout: 100 };
      await using echo = await startScriptedServer(([name = ""], connection) => {
        if (name === "HELLO") return "-ERR no such protocol\r\n";
        connection.end();
        return null;
      });
      const errors = await errorsOf([
        withRedis(base({ password: `${CANARY}x`, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ username: CANARY, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ password: undefined, credentials: () => ({ password: `${CANARY}2` }), ...wrong }), (redis) =>
          redis.ping(),
        ),
        withRedis(base({ password: `${CANARY}x`, protocol: 2, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ db: 99_999, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ port: 1, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ port: echo.port, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ tls: { key: CANARY, passphrase: CANARY, cert: CANARY }, ...wrong }), (redis) =>
          redis.get(CANARY),
        ),
        withRedis(base({ tls: true, ...wrong }), (redis) => redis.get(CANARY)),
        withRedis(base({ host: "no-such-host.invalid", ...wrong }), (redis) => redis.get(CANARY)),
      ]);
      assert.equal(errors.length, 10);
      return [...errors, ...errors.flatMap((error) => (error.cause instanceof RedisError ? [error.cause] : []))];
    },
  },
  "a connection that is lost": {
    is: "ConnectionLostError",
    fail: async () => {
      await using hangs = await startScriptedServer(
        afterHandshake((_name, _args, connection) => {
          setTimeout(() => connection.reset(), 20);
          return null;
        }),
      );
      const redis = new Redis(base({ port: hangs.port }));
      const errors = await errorsOf([
        redis.set(CANARY, CANARY),
        redis.eval(CANARY, [CANARY], CANARY),
        redis.pipeline().set(CANARY, CANARY).incr(CANARY).exec(),
        redis.multi().set(CANARY, CANARY).exec(),
        redis.blpop(CANARY, 1),
      ]);
      await redis.close({ timeout: 20 });
      return errors;
    },
  },
  "a reply that is late": {
    is: "CommandTimeoutError",
    fail: async () => {
      await using silent = await startScriptedServer(afterHandshake(() => null));
      const redis = new Redis(base({ port: silent.port })).with({ timeout: 60 });
      const errors = await errorsOf([
        redis.set(CANARY, CANARY),
        redis.call("AUTH", CANARY, CANARY),
        redis.multi().set(CANARY, CANARY).exec(),
        redis.subscribe(CANARY),
        redis.transaction(CANARY, (tx) => tx.multi().set(CANARY, CANARY)),
      ]);
      await redis.close({ timeout: 20 });
      return errors;
    },
  },
  "a pool with nothing left": {
    is: "PoolTimeoutError",
    fail: async () => {
      const pool = new ConnectionPool(base({ maxConnections: 1, acquireTimeout: 30, leakThreshold: 10 }));
      const lease = await pool.lease({ timeout: 5000 });
      await lease.set(CANARY, CANARY);
      const errors = await errorsOf([pool.lease(), pool.use((one) => one.set(CANARY, CANARY))]);
      const leaks = await until(() => pool.leaks().length > 0 && pool.leaks());
      holdsNoCanary(leaks, "a leak");
      lease.release();
      await pool.close();
      return errors;
    },
  },
  "a queue that is full": {
    is: "QueueFullError",
    fail: async () => {
      await using silent = await startScriptedServer(afterHandshake(() => null));
      const redis = new Redis(base({ port: silent.port, maxInFlight: 2, maxQueuedBytes: 1024, maxWaiting: 1 }));
      const pending = [1, 2, 3, 4, 5].map(() => redis.set(CANARY, CANARY));
      pending.push(redis.set(CANARY, CANARY.repeat(1000)), redis.eval(CANARY.repeat(500), [CANARY]) as never);
      setTimeout(() => redis.destroy(), 30);
      return errorsOf(pending);
    },
  },
  "a client that is closed": {
    is: "ClosedError",
    fail: async () => {
      const redis = new Redis(base());
      const pool = new ConnectionPool(base());
      const lease = await pool.lease();
      lease.release();
      await Promise.all([redis.close(), pool.close()]);
      return errorsOf([
        redis.set(CANARY, CANARY),
        redis.pipeline().set(CANARY, CANARY).exec(),
        redis.subscribe(CANARY),
        redis.transaction(CANARY, () => CANARY),
        pool.lease(),
        lease.set(CANARY, CANARY),
      ]);
    },
  },
  "a refusal by the server": {
    is: "ServerError",
    fail: () =>
      withRedis(base(), async (redis) => {
        await redis.set(CANARY, CANARY);
        const batch = await redis
          .pipeline()
          .incr(CANARY)
          .call("CONFIG", "SET", CANARY, CANARY)
          .call(`X.${CANARY.slice(0, 3)}`, CANARY)
          .exec();
        const errors = await errorsOf([
          redis.incr(CANARY),
          redis.auth(CANARY, { username: CANARY }),
          redis.call("CONFIG", "SET", CANARY, CANARY),
          redis.call("CONFIG", "SET", "maxmemory", CANARY),
          redis.call("OBJECT", Buffer.from(CANARY), "k"),
          redis.call("OBJECT", new Uint8Array(Buffer.from(CANARY)) as never, "k"),
          redis.call("CONFIG", CANARY, CANARY),
          redis.call("CLIENT", "SETNAME", `${CANARY} ${CANARY}`),
          redis.call("CLIENT", "KILL", "ID", CANARY),
          redis.call("CLIENT", "TRACKING", CANARY),
          redis.call("ACL", "SETUSER", CANARY, `?${CANARY}`),
          redis.call("ACL", "GENPASS", CANARY),
          redis.call("ACL", "DRYRUN", CANARY, "GET", CANARY),
          redis.call("ACL", "DRYRUN", "default", CANARY, CANARY),
          redis.call("ACL", "LOG", CANARY),
          redis.call("HELLO", CANARY),
          redis.call("HELLO", 3, CANARY, CANARY),
          redis.call("NOSUCH", CANARY, CANARY),
          redis.call("NOSUCH", `'${CANARY}'`),
          redis.call("OBJECT", CANARY, CANARY),
          redis.call("SCRIPT", "FLUSH", CANARY),
          redis.call("FCALL", CANARY, 1, CANARY, CANARY),
          redis.call("EVALSHA", CANARY, 1, CANARY, CANARY),
          redis.call("EVAL", "return redis.call('SET', KEYS[1])", 1, CANARY, CANARY),
          redis.call("EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, `${CANARY}n`, CANARY),
          redis.call("SORT", CANARY, "BY", CANARY, "GET", CANARY, "LIMIT", CANARY, CANARY),
          redis.call("XADD", CANARY, CANARY, CANARY, CANARY),
          redis.call("XREADGROUP", "GROUP", CANARY, CANARY, "STREAMS", `${CANARY}s`, ">"),
          redis.call("XGROUP", "CREATE", `${CANARY}s`, CANARY, CANARY),
          redis.call("XINFO", "STREAM", `${CANARY}none`),
          redis.call("GEOADD", CANARY, CANARY, CANARY, CANARY),
          redis.call("BITFIELD", CANARY, "SET", CANARY, CANARY, CANARY),
          redis.call("SETEX", CANARY, CANARY, CANARY),
          redis.call("RESTORE", CANARY, 0, CANARY),
          redis.call("MIGRATE", "127.0.0.1", 1, CANARY, 0, 50, "AUTH2", CANARY, CANARY),
          redis.call("LATENCY", CANARY),
          redis.call("DEBUG", CANARY),
          redis.call("REPLICAOF", CANARY, CANARY),
          redis.call("CLUSTER", "INFO", CANARY),
          redis.call("COMMAND", "GETKEYS", CANARY),
          redis.call("MODULE", "LOAD", CANARY),
          redis.call("SWAPDB", CANARY, CANARY),
          redis.multi().call("SET", CANARY, CANARY, CANARY).exec(),
          redis.multi().call("NOSUCH", CANARY).exec(),
        ]);
        assert.ok(errors.length > 35, `${errors.length} refusals`);
        return [...errors, ...batch.filter((one) => one instanceof RedisError)] as RedisError[];
      }),
  },
  "a transaction that others disturb": {
    is: "WatchError",
    fail: () =>
      withRedis(base(), (redis) =>
        errorsOf([
          redis.transaction(
            CANARY,
            async (tx) => {
              await redis.set(CANARY, CANARY);
              return tx.multi().set(CANARY, CANARY);
            },
            { attempts: 2 },
          ),
        ]),
      ),
  },
  "replies of the wrong form": {
    is: "ProtocolError",
    fail: async () => {
      // It holds the secret, and says it where the client expects something else.
      const replies = [
        `$10\r\n${CANARY}\r\n`,
        `*1\r\n$10\r\n${CANARY}\r\n`,
        `%1\r\n+${CANARY}\r\n+${CANARY}\r\n`,
        `,${CANARY}\r\n`,
        `${CANARY}\r\n`,
        `$3\r\n${CANARY}\r\n`,
        `:${CANARY}\r\n`,
      ];
      let at = 0;
      await using odd = await startScriptedServer(afterHandshake(() => replies[at++ % replies.length] as string));
      const redis = new Redis(base({ port: odd.port })).with({ retry: false });
      const errors: RedisError[] = [];
      for (const work of [
        () => redis.incr(CANARY),
        () => redis.hgetall(CANARY),
        () => redis.strlen(CANARY),
        () => redis.zscore(CANARY, CANARY),
        () => redis.exists(CANARY),
        () => redis.multi().get(CANARY).exec(),
        () => redis.ttl(CANARY),
        () => redis.llen(CANARY),
      ]) {
        for (let times = 0; times < replies.length; times++) errors.push(...(await errorsOf([work()])));
      }
      await redis.close({ timeout: 20 });
      assert.ok(errors.length > 30, `${errors.length} errors`);
      return [...errors, ...errors.flatMap((error) => (error.cause instanceof RedisError ? [error.cause] : []))];
    },
  },
};

async function withRedis<T>(options: RedisOptions, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(options);
  try {
    return await work(redis);
  } finally {
    holdsNoCanary(redis, "the client");
    holdsNoCanary(redis.stats(), "its stats");
    await redis.close({ timeout: 20 });
  }
}

for (const [name, { is, fail }] of Object.entries(FAILURES)) {
  test(`no secret in any error of ${name} (${is})`, async () => {
    const errors = await fail();
    assert.ok(
      errors.some((error) => error.name === is),
      `${is} is not among ${errors.map((error) => error.name).join(", ")}`,
    );
    for (const error of errors) holdsNoCanary(error, `${error.name} of ${error.command ?? "nothing"}`);
  });
}

test("no secret in a process warning, whatever a listener does with its message", async () => {
  await using redis = new Redis(base());
  const subscription = await redis.subscribe(CANARY, (message) => {
    (message as unknown as { message: { nothing: () => void } }).message.nothing();
  });
  await redis.publish(CANARY, CANARY);
  const warning = await until(() => warnings.find((one) => one.name === "RespoolWarning"));
  holdsNoCanary(warning, "the warning");
  await subscription.close();
});

test("no secret in any event or warning of all that these tests did", async () => {
  const names = new Set(heard.map(({ name }) => name));
  for (const name of ["connectionOpened", "connectionClosed", "connectionFailed"]) assert.ok(names.has(name), name);
  assert.ok(heard.length > 50, `${heard.length} events`);
  for (const { name, message } of heard) holdsNoCanary(message, `the event ${name}`);
  for (const warning of warnings) holdsNoCanary(warning, "a warning");
});
