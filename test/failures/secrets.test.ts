import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

const SECRET = "hunter2-is-secret";
const CHANNELS = [
  "connection:opened",
  "connection:closed",
  "connection:failed",
  "connection:restored",
  "command:retried",
  "lease:leaked",
  "subscription:gap",
].map((name) => `respool:${name}`);

let server: TestServer;
const heard: unknown[] = [];
const listen = (message: unknown): number => heard.push(message);

before(async () => {
  server = await startServer({ password: SECRET });
  for (const channel of CHANNELS) subscribe(channel, listen);
});
after(async () => {
  for (const channel of CHANNELS) unsubscribe(channel, listen);
  await server.stop();
});

/** Everything that a log could show of a value. */
function shown(value: unknown): string {
  const parts = [inspect(value, { depth: Infinity, showHidden: true, getters: true }), String(value)];
  for (let error: unknown = value; error instanceof Error; error = error.cause) {
    parts.push(
      error.message,
      String(error.stack),
      JSON.stringify(error),
      JSON.stringify(Object.getOwnPropertyDescriptors(error)),
    );
  }
  if (!(value instanceof Error))
    parts.push(JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one)) ?? "");
  return parts.join("\n");
}

function holdsNoSecret(value: unknown, what: string): void {
  const text = shown(value);
  const at = text.indexOf(SECRET);
  assert.equal(at, -1, `${what} shows a secret: …${text.slice(Math.max(0, at - 200), at + 40)}…`);
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );
}

const failing: Record<string, (redis: Redis) => Promise<unknown>> = {
  AUTH: (redis) => redis.auth(SECRET, { username: "nobody" }),
  "AUTH with too many arguments": (redis) => redis.call("AUTH", "a", SECRET, SECRET),
  HELLO: (redis) => redis.call("HELLO", "3", "AUTH", "nobody", SECRET),
  "HELLO with a broken option": (redis) => redis.call("HELLO", "3", "AUTHX", "nobody", SECRET),
  "CONFIG SET of something unknown": (redis) => redis.call("CONFIG", "SET", "no-such-option", SECRET),
  "CONFIG SET of a wrong value": (redis) => redis.call("CONFIG", "SET", "maxmemory", SECRET),
  "CONFIG SET of a masterauth beside a wrong option": (redis) =>
    redis.call("CONFIG", "SET", "masterauth", SECRET, "maxmemory", "x"),
  "ACL SETUSER": (redis) => redis.call("ACL", "SETUSER", "somebody", `>${SECRET}`, "no-such-rule"),
  "ACL SETUSER with a broken rule that holds the password": (redis) =>
    redis.call("ACL", "SETUSER", "somebody", `?${SECRET}`),
  "an unknown command": (redis) => redis.call("NOSUCHCOMMAND", "key", SECRET),
  "an unknown command with the secret behind a line end": (redis) => redis.call("NOSUCHCOMMAND", `\r\n'${SECRET}`),
  "an unknown sub-command": (redis) => redis.call("OBJECT", "NOSUCH", "key", SECRET),
  "a value of the wrong type": (redis) => redis.call("SETEX", "k", SECRET, SECRET),
  "INCR of a secret": async (redis) => {
    await redis.set("text", SECRET);
    return redis.incr("text");
  },
  "SET with a broken option": (redis) => redis.call("SET", "k", SECRET, "NOSUCH"),
  "EVAL arguments": (redis) => redis.eval("return redis.call('incrby', KEYS[1], ARGV[1])", ["n"], SECRET),
  MIGRATE: (redis) => redis.call("MIGRATE", "127.0.0.1", "1", "text", "0", "10", "AUTH", SECRET),
  "a transaction that is refused": (redis) =>
    redis.multi().call("SET", "k", SECRET, "NOSUCH").call("NOSUCHCOMMAND", SECRET).exec(),
  "an argument that is refused here": (redis) => redis.set("k", { password: SECRET } as unknown as string),
  "an option that is refused here": (redis) => redis.set("k", "v", { [SECRET]: true } as never),
  "an option's value that is refused here": (redis) => redis.set("k", "v", { ex: { SECRET } as never }),
};

for (const [name, fail] of Object.entries(failing)) {
  test(`no secret in the error of ${name}`, async () => {
    await using redis = new Redis({ port: server.port, password: SECRET });
    const error = await failureOf(fail(redis));
    if (name !== "an option that is refused here") holdsNoSecret(error, "the error"); // there the secret is the option's name
  });
}

test("no secret in the errors within a pipeline's results", async () => {
  await using redis = new Redis({ port: server.port, password: SECRET });
  const results = await redis
    .pipeline()
    .call("AUTH", "nobody", SECRET)
    .call("CONFIG", "SET", "maxmemory", SECRET)
    .call("NOSUCHCOMMAND", SECRET)
    .exec();
  assert.equal(results.length, 3);
  for (const result of results) {
    assert.ok(result instanceof Error);
    holdsNoSecret(result, "a result");
  }
});

test("no secret in the errors of commands that are lost, late, refused or closed", async () => {
  await using proxy = await startProxy({ port: server.port });
  const redis = new Redis({
    host: proxy.host,
    port: proxy.port,
    password: SECRET,
    maxInFlight: 3,
    reconnect: { minDelay: 5, maxDelay: 20 },
  });
  await redis.ping();
  proxy.blackhole("toClient", true);
  const late = redis.with({ timeout: 100 }).set("k", SECRET);
  holdsNoSecret(await failureOf(late), "a timeout");
  const lost = failureOf(redis.call("AUTH", SECRET));
  const full = await Promise.all(
    Array.from({ length: 6 }, () => redis.eval("return ARGV[1]", [], SECRET).catch((error: unknown) => error)).slice(4),
  );
  for (const error of full) holdsNoSecret(error, "a full queue");
  proxy.cut({ reset: true });
  holdsNoSecret(await lost, "a lost connection");
  proxy.blackhole("toClient", false);
  await proxy.refuse(true);
  proxy.cut();
  const closed = failureOf(redis.with({ timeout: 4000 }).set("k2", SECRET));
  await redis.close({ timeout: 20 });
  holdsNoSecret(await closed, "a closed client");
  holdsNoSecret(await failureOf(redis.set("k", SECRET)), "a client that was closed before");
});

test("no secret in the errors of connecting, of options and of URLs", async () => {
  const wrong = new Redis({ port: server.port, password: `${SECRET}-wrong` });
  holdsNoSecret(await failureOf(wrong.ping()), "a refused password");
  await wrong.close();
  const unreachable = new Redis({ port: 1, password: SECRET, acquireTimeout: 100, commandTimeout: 200 });
  holdsNoSecret(await failureOf(unreachable.ping()), "an unreachable server");
  await unreachable.close();
  const asked = new Redis({ port: server.port, credentials: () => ({ password: `${SECRET}-wrong` }) });
  holdsNoSecret(await failureOf(asked.ping()), "wrong credentials");
  await asked.close();
  const refused: (() => unknown)[] = [
    () => new Redis({ port: server.port, password: SECRET, maxConnections: -1 }),
    () => new Redis({ password: { value: SECRET } as unknown as string }),
    () => new Redis({ password: [SECRET] as unknown as string }),
    () => new Redis({ username: "", password: SECRET }),
    () => new Redis({ passwrd: SECRET } as never),
    () => new Redis(`redis://user:${SECRET}@host:99999`),
    () => new Redis(`redis://user:${SECRET}@:port/`),
    () => new Redis(`redis:/user:${SECRET}@host`),
    () => new Redis(`http://user:${SECRET}@host`),
    () => new Redis(`redis://user:${SECRET}%@host`),
    () => new Redis(`redis://host/0?password=${SECRET}`),
    () => new Redis(`redis://user:${SECRET}@host/not-a-number`),
    () => new Redis(`user:${SECRET}@host:6379`),
    () => new Redis(SECRET),
    () => new Redis({ port: server.port, tls: { key: SECRET, cert: 5 } as never }),
  ];
  for (const [i, refuse] of refused.entries()) {
    let error: unknown;
    try {
      const made = refuse() as Redis;
      holdsNoSecret(made, `the client of case ${i}`);
      await made.close();
    } catch (thrown) {
      error = thrown;
    }
    holdsNoSecret(error, `case ${i}`);
  }
});

test("no secret in what inspect, JSON and stats show of clients, pools, leases, chains and subscriptions", async () => {
  await using own = await startServer({ tls: true, password: SECRET });
  const tls = { ...own.tls, passphrase: SECRET };
  await using pool = new ConnectionPool({ port: own.port, password: SECRET, tls, leakThreshold: 1 });
  await using redis = new Redis({ pool });
  await using asking = new Redis({ port: server.port, credentials: () => ({ password: SECRET }) });
  await using lease = await pool.lease();
  const subscription = await asking.subscribe("ch");
  const chain = redis.pipeline().set("k", SECRET);
  const multi = lease.multi().set("k", SECRET);
  const pending = redis.set("k", SECRET);
  const script = redis.defineScript("return ARGV[1]", { keys: 0 });
  await asking.ping();
  const all = {
    pool,
    redis,
    asking,
    lease,
    subscription,
    chain,
    multi,
    pending,
    script,
    buffers: redis.buffers,
    view: redis.with({ timeout: 5 }),
    stats: redis.stats(),
    leaks: pool.leaks(),
    advice: pool.advise(),
  };
  for (const [name, value] of Object.entries(all)) {
    holdsNoSecret(value, name);
    assert.doesNotMatch(shown(value), /PRIVATE KEY/, name);
  }
  await pending;
  await subscription.close();
});

test("no secret in any event of the diagnostics channels", async () => {
  await using proxy = await startProxy({ port: server.port });
  await using redis = new Redis({
    host: proxy.host,
    port: proxy.port,
    password: SECRET,
    reconnect: { minDelay: 5, maxDelay: 20 },
  });
  await using pool = new ConnectionPool({ port: server.port, password: SECRET, leakThreshold: 20 });
  await redis.set("k", SECRET);
  await redis.subscribe(SECRET, () => {});
  await using leaked = await pool.lease();
  await leaked.set("k", SECRET);
  proxy.blackhole("toClient", true);
  const reading = redis.get(SECRET);
  await new Promise((resolve) => setTimeout(resolve, 20));
  proxy.cut({ reset: true });
  proxy.blackhole("toClient", false);
  await reading;
  const wrong = new Redis({ port: server.port, password: `${SECRET}-wrong` });
  await failureOf(wrong.ping());
  await wrong.close();
  await until(() => heard.some((event) => shown(event).includes("heldFor")));
  assert.ok(heard.length >= 6, `${heard.length} events`);
  for (const event of heard) holdsNoSecret(event, "an event");
});
