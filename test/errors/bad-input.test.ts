import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  ConnectError,
  ConnectionPool,
  OptionsError,
  ProtocolError,
  Redis,
  RedisError,
  ServerError,
  type Outcome,
  type RedisOptions,
} from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { connectRaw } from "../support/raw-client.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";

const server = sharedServer();
const SECRET = "hunter2-is-secret";

async function failure(work: () => unknown): Promise<RedisError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof RedisError, inspect(error));
    const shown = [
      error.message,
      error.stack,
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
    ].join("\n");
    assert.ok(!shown.includes(SECRET), shown);
    return error;
  }
  return assert.fail("it should have failed");
}

function assertError(error: RedisError, code: string, outcome: Outcome, message: RegExp): void {
  assert.deepEqual([error.code, error.outcome], [code, outcome], error.message);
  assert.match(error.message, message);
}

// What is wrong, and what the message says: what was expected, what came, what to do.
const options: [unknown, RegExp][] = [
  [{ prot: 6379 }, /unknown option prot: did you mean port\?/],
  [{ maxConnection: 5 }, /did you mean maxConnections\?/],
  [{ port: "6379" }, /port must be a whole number from 1 to 65535, got "6379" \(string\): pass a number/],
  [{ port: 70_000 }, /port must be a whole number from 1 to 65535, got 70000/],
  [{ maxConnections: 0 }, /maxConnections must be a whole number from 1 to 100000, got 0/],
  [
    { minConnections: 5, maxConnections: 3 },
    /minConnections must be at most maxConnections \(3\), got 5: lower .* or raise/,
  ],
  [{ socketTimeout: 0 }, /socketTimeout must be a number of ms .*, got 0: Infinity is for no limit/],
  [{ connectTimeout: null }, /connectTimeout must be .*, got null/],
  [{ decodeResponses: "no" }, /decodeResponses must be true or false, got "no"/],
  [{ retry: { effects: "acumulate" } }, /retry\.effects must be one of .*: did you mean accumulate\?/],
  [{ protocol: 4 }, /protocol must be one of 2, 3, got 4/],
  [{ host: "redis://localhost" }, /host must be a host name .*: pass a URL as the first argument/],
  [{ host: "localhost:6379" }, /pass the port as an option of its own/],
  [{ host: "" }, /leave it out for localhost/],
  [{ path: "/tmp/s", port: 1 }, /path and port exclude each other: leave one of them out/],
  [{ password: 123 }, /password must be a string, got a value of type number/],
  [{ password: { value: SECRET } }, /password must be a string, got a value of type object/],
  [{ username: "u" }, /username is given without a password: pass the password too/],
  [{ credentials: SECRET }, /credentials must be a function/],
  [{ tls: "yes" }, /tls must be true, false or an object of node:tls options/],
  [{ clientName: "two words" }, /clientName must be printable ASCII .*: write - or _ instead of a space/],
  [null, /options must be .*, got null/],
  [7, /options must be a URL or an object of options, got 7/],
  [`redis://:${SECRET}@host:nope`, /the port must be a number from 1 to 65535/],
  [`http://:${SECRET}@host`, /unknown scheme; known are redis, rediss/],
  [`redis://:${SECRET}/x@host`, /write \/ \? # and @ within .* as %2F %3F %23 and %40/],
  [`redis://:${SECRET}@host/one`, /db|database/],
  [`redis://host?maxConnections=many`, /maxConnections/],
  [`redis://host?nonsense=1`, /nonsense/],
];

test("a bad option or URL is refused when the client is made, naming it, with what was expected and what to do", async () => {
  for (const [input, message] of options) {
    for (const make of [() => new Redis(input as RedisOptions), () => new ConnectionPool(input as RedisOptions)]) {
      const error = await failure(make);
      assertError(error, "ERR_OPTIONS", "not-sent", message);
      assert.ok(error instanceof OptionsError);
    }
  }
});

test("a bad host, port, path, database, user, password or certificate is told with its own code and a remedy", async () => {
  await using guarded = await startServer({ password: SECRET });
  await using encrypted = await startServer({ tls: true });
  const { port } = server();
  const limit = { commandTimeout: 500 };
  const cases: [RedisOptions, string, RegExp][] = [
    [{ host: "no-such-host.invalid" }, "ERR_CONNECT_DNS", /the host name is not known: check `host`/],
    [{ port, db: 9999 }, "ERR_CONNECT_HANDSHAKE", /database 9999 cannot be selected .*: check db/],
    [
      { port: guarded.port },
      "ERR_CONNECT_AUTH",
      /wants a password and none was given: set password, or credentials\(\)/,
    ],
    [{ port: guarded.port, password: `not ${SECRET}` }, "ERR_CONNECT_AUTH", /AUTH was refused \(WRONGPASS\)/],
    [{ port, password: SECRET, protocol: 2 }, "ERR_CONNECT_AUTH", /AUTH was refused/],
    [
      { port: encrypted.port, tls: true },
      "ERR_CONNECT_TLS",
      /certificate is not trusted .*: give its authority as tls\.ca/,
    ],
    [{ port: encrypted.port, tls: { ca: "rubbish" } }, "ERR_CONNECT_TLS", /certificate|ca/],
    [{ port: 1, ...limit }, "ERR_CONNECT_REFUSED", /connection refused: is the server running there\?/],
    [{ path: "/nowhere/at/all.sock", ...limit }, "ERR_CONNECT_REFUSED", /no such unix socket/],
    [{ port: encrypted.port, ...limit }, "ERR_CONNECT", /check|closed the connection/],
  ];
  for (const [input, code, message] of cases) {
    await using redis = new Redis(input);
    const works = [
      () => redis.get("k"),
      () => redis.incr("k"),
      () => redis.ready(),
      () => redis.multi().get("k").exec(),
    ];
    for (const error of await Promise.all(works.map(failure))) {
      const connect = error instanceof ConnectError ? error : error.cause;
      assert.ok(connect instanceof ConnectError, `${inspect(input)}: ${error.message}`);
      assert.equal(error.outcome, "not-sent");
      assert.ok(connect.code.startsWith(code), `${connect.code}, not ${code}`);
      assert.match(error.message, message);
    }
  }
});

test("a credentials() that throws, rejects or gives rubbish is told, and asked again next time", async () => {
  const providers: [() => unknown, RegExp][] = [
    [() => ({ password: 5 }), /credentials\(\)\.password must be a string, got a value of type number/],
    [() => null, /the answer of credentials\(\) must be an object, got null/],
    [() => Promise.reject(new Error("the vault is closed")), /the vault is closed/],
    [
      () => {
        throw new Error("the vault is closed");
      },
      /the vault is closed/,
    ],
  ];
  for (const [provider, message] of providers) {
    let calls = 0;
    const credentials = (): never => (calls++, provider()) as never;
    await using redis = new Redis({
      port: server().port,
      credentials,
      commandTimeout: 300,
      reconnect: { minDelay: 5, maxDelay: 10 },
    });
    const error = await failure(() => redis.get("k"));
    assert.equal(error.outcome, "not-sent");
    assert.match(error.message, message);
    await failure(() => redis.get("k"));
    assert.ok(calls >= 2);
  }
});

test("a bad argument is refused before anything is sent, naming the command and the argument", async () => {
  await using redis = new Redis(server().url);
  const odd = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const run = (name: string, ...args: unknown[]): Promise<unknown> => odd[name]?.(...args) ?? assert.fail(name);
  const cases: [() => unknown, RegExp][] = [
    [() => run("get", null), /^GET key: expected a string, Buffer or number, got null/],
    [() => run("get"), /^GET: expected \(key\), got 0 arguments/],
    [() => run("get", { key: SECRET }), /^GET key: .*got an object/],
    [() => run("set", "k", Symbol(SECRET)), /^SET value: .*got a symbol/],
    [() => run("set", "k", NaN), /^SET value: .*got NaN/],
    [() => run("set", "k", "v", { exx: 5 }), /^SET options: .*ex/],
    [() => run("mset", "x"), /^MSET data: expected an object, a Map or an array of pairs/],
    [() => run("blpop", [], 1), /^BLPOP key: expected at least one value, got an empty array/],
    [() => run("call"), /^call name: expected a command's name such as/],
    [() => redis.call("SUBSCRIBE", "x"), /use redis\.subscribe\(\)/],
    [() => run("subscribe", 5), /a channel must be a string, got 5/],
    [() => redis.with({ timeout: -1 }), /timeout must be a number of ms from 0/],
    [() => redis.with({ signal: "stop" as never }), /signal must be an AbortSignal/],
  ];
  await redis.ready();
  using raw = await connectRaw(server());
  const before = (await raw.info("stats"))["total_commands_processed"];
  for (const [work, message] of cases) assertError(await failure(work), "ERR_OPTIONS", "not-sent", message);
  const after = (await raw.info("stats"))["total_commands_processed"];
  assert.equal(Number(after) - Number(before), 1, "the raw client's own INFO");
  assert.equal(await redis.ping(), "PONG");
});

test("a key of another type, or a value that is no number, is the server's own error, and changes nothing", async () => {
  await using redis = new Redis(server().url);
  await redis.set("bad:text", SECRET);
  const wrong = await failure(() => redis.lpush("bad:text", "x"));
  assertError(wrong, "WRONGTYPE", "rejected", /holding the wrong kind of value/);
  assert.ok(wrong instanceof ServerError && wrong.command === "LPUSH" && wrong.node === server().url.slice(8));
  assertError(await failure(() => redis.incr("bad:text")), "ERR", "rejected", /not an integer/);
  assert.equal(await redis.get("bad:text"), SECRET);
});

const STRING = "$5\r\nhello\r\n";
const LIST = "*2\r\n$1\r\na\r\n$1\r\nb\r\n";

test("a reply of the wrong kind is a ProtocolError for its caller alone, with a remedy", async () => {
  const cases: [string, (redis: Redis) => Promise<unknown>, RegExp][] = [
    [
      STRING,
      (redis) => redis.hgetall("k"),
      /^HGETALL: expected a map as its reply, got a string: is this a Redis server/,
    ],
    [":5\r\n", (redis) => redis.hgetall("k"), /expected a map as its reply, got a number/],
    ["*1\r\n$1\r\na\r\n", (redis) => redis.hgetall("k"), /expected pairs as its reply, got an array/],
    ["*1\r\n*-1\r\n", (redis) => redis.hgetall("k"), /expected pairs/],
    [LIST, (redis) => redis.zrange("k", 0, -1, { withscores: true }), /expected a number as its reply, got a string/],
    [STRING, (redis) => redis.scan(0), /^SCAN: expected an array/],
    [LIST, (redis) => redis.xread({ k: "0" }), /^XREAD: expected/],
    ["*1\r\n$1\r\nx\r\n", (redis) => redis.xrange("k", "-", "+"), /^XRANGE: /],
    [STRING, (redis) => redis.multi().get("k").exec(), /^EXEC gave no list of results/],
    [LIST, (redis) => redis.multi().get("k").exec(), /^EXEC gave 2 results for 1 commands/],
  ];
  for (const [reply, work, message] of cases) {
    await using scripted = await startScriptedServer(afterHandshake((name) => (name === "GET" ? STRING : reply)));
    await using redis = new Redis({ host: "127.0.0.1", port: scripted.port });
    const others = Array.from({ length: 5 }, () => redis.get("k"));
    const error = await failure(() => work(redis));
    assertError(error, "ERR_PROTOCOL", "unknown", message);
    assert.ok(error instanceof ProtocolError);
    if (!message.source.includes("EXEC")) assert.deepEqual(await Promise.all(others), Array(5).fill("hello"));
  }
});

test("what is not RESP, beyond the limits, or not asked for ends the connection, and the error says why", async () => {
  const cases: [string, RegExp][] = [
    ["HTTP/1.1 400 Bad Request\r\n\r\n", /expected the type byte of a RESP element, got 0x48/],
    ["$99999999999999\r\n", /expected a string of at most \d+ bytes/],
    ["*1\r\n".repeat(2000), /protocol: /],
  ];
  for (const [reply, message] of cases) {
    await using scripted = await startScriptedServer(afterHandshake((name) => (name === "GET" ? reply : ":1\r\n")));
    await using redis = new Redis({
      host: "127.0.0.1",
      port: scripted.port,
      retry: { attempts: 0 },
      commandTimeout: 400,
    });
    const [get, incr] = [redis.get("k"), redis.incr("n")];
    const error = await failure(() =>
      Promise.all([get, incr])
        .then(() => redis.get("k"))
        .then(() => redis.get("k")),
    );
    assert.match(error.message, message);
    assert.match(error.code, /^ERR_(CONNECTION_LOST|COMMAND_TIMEOUT)$/);
    await Promise.allSettled([get, incr]);
    assert.ok((statsOf(redis).closedBecause.protocol ?? 0) >= 1);
  }
  await using http = await startScriptedServer(() => "HTTP/1.1 400 Bad Request\r\n\r\n");
  await using redis = new Redis({ host: "127.0.0.1", port: http.port, commandTimeout: 200 });
  const error = await failure(() => redis.get("k"));
  assertError(
    error,
    "ERR_CONNECT_HANDSHAKE",
    "not-sent",
    /not a Redis server: .*0x48.* is this the port of a Redis server/,
  );
});

test("a reply that nobody asked for ends the connection before it can be taken for another's", async () => {
  await using scripted = await startScriptedServer(
    afterHandshake((name, _args, connection) =>
      name === "GET" && connection.id === 1 ? "+mine\r\n+stray\r\n" : "+PONG\r\n",
    ),
  );
  await using redis = new Redis({ host: "127.0.0.1", port: scripted.port, reconnect: { minDelay: 1, maxDelay: 5 } });
  assert.equal(await redis.get("k"), "mine");
  assert.equal(await redis.ping(), "PONG");
  assert.equal(statsOf(redis).closedBecause.protocol, 1);
});

test("nothing crashes the process or goes unhandled for want of a listener, whatever breaks", async () => {
  await using victim = await startServer();
  await using hostile = await startScriptedServer(() => "HTTP/1.1 400 Bad Request\r\n\r\n");
  const result = await runChild(
    `const { Redis, ConnectionPool } = respool;
     process.on("warning", (warning) => console.log("warning", warning.name));
     const url = process.env.URL;
     const quick = { reconnect: { minDelay: 5, maxDelay: 20 }, commandTimeout: 150, connectTimeout: 100 };
     const idle = new ConnectionPool(url, { minConnections: 3, ...quick });
     const clients = [
       new Redis(url, { reconnect: quick.reconnect }), new Redis({ port: 1 }, quick), new Redis({ port: 1, minConnections: 2 }, quick),
       new Redis({ host: "no-such-host.invalid", minConnections: 1 }, quick), new Redis({ port: Number(process.env.HOSTILE) }, quick),
       new Redis(url, { username: "nobody", password: "wrong", minConnections: 1, ...quick }), new Redis(url, { tls: true, ...quick }),
       new Redis(url, { minConnections: 1, credentials: () => Promise.reject(new Error("closed")), ...quick }),
     ];
     const results = await Promise.allSettled(clients.map((redis) => redis.get("k")));
     console.log(results.map(({ status }) => status[0]).join(""));
     const subscription = await clients[0].subscribe("news", () => { throw new Error("in the listener"); }, { onGap: () => { throw new Error("in onGap"); } });
     await clients[0].publish("news", "x");
     await clients[0].call("CLIENT", "KILL", "TYPE", "pubsub");
     await clients[0].call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
     await clients[0].call("CLIENT", "KILL", "ID", await clients[0].client.id()).catch(() => undefined);
     await new Promise((resolve) => setTimeout(resolve, 100));
     console.log(await clients[0].set("alive", 1), subscription.gaps);
     for (const redis of clients) redis.destroy();
     idle.destroy();`,
    { URL: victim.url, HOSTILE: String(hostile.port), NODE_NO_WARNINGS: "1" },
  );
  assert.equal(result.stderr, "", result.stderr);
  assert.deepEqual([result.code, result.signal], [0, null]);
  assert.match(result.stdout, /^frrrrrrr\n/);
  assert.match(result.stdout, /\nOK 1\n/);
  assert.match(result.stdout, /warning RespoolWarning/, "the user's own errors are told, as warnings");
});

test("neither a client, a pool nor a lease shows its secrets when it is printed", async () => {
  await using guarded = await startServer({ password: SECRET, tls: true });
  const tls = { ca: guarded.tls?.ca, key: guarded.tls?.key, cert: guarded.tls?.cert, passphrase: SECRET };
  await using pool = new ConnectionPool({ port: guarded.port, password: SECRET, tls });
  await using redis = new Redis({ pool });
  assert.equal(await redis.set("k", SECRET), "OK");
  await using lease = await pool.lease();
  for (const value of [
    pool,
    redis,
    redis.buffers,
    redis.with({ timeout: 5 }),
    redis.pipeline().set("k", SECRET),
    lease,
    pool.stats(),
  ]) {
    const text = `${inspect(value, { depth: 20, showHidden: true })}${JSON.stringify(value)}`;
    assert.ok(!text.includes(SECRET) && !text.includes("PRIVATE KEY"), text.slice(0, 2000));
  }
});
