import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ProtocolError } from "../../src/base/errors.ts";
import { knownCommand } from "../../src/commands/table.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { RawCommands } from "./raw.ts";

let server: TestServer;
let two: RawCommands;
let three: RawCommands;
let bytes: RawCommands;
let bytesOfTwo: RawCommands;

before(async () => {
  server = await startServer();
  two = await RawCommands.connect(server.path, 2);
  three = await RawCommands.connect(server.path, 3);
  bytes = await RawCommands.connect(server.path, 3, true);
  bytesOfTwo = await RawCommands.connect(server.path, 2, true);
  await three.config.set({ "latency-monitor-threshold": 1, "slowlog-log-slower-than": 0 });
  await fill(three);
});

after(async () => {
  for (const raw of [two, three, bytes, bytesOfTwo]) raw.close();
  await server.stop();
});

async function fill(raw: RawCommands): Promise<void> {
  await raw.mset({ text: "hello", other: "hallo", n: 5 });
  await raw.hset("hash", { name: "Ada", born: 1815, __proto__x: "y" });
  await raw.hset("proto", [["__proto__", "data"]]);
  await raw.rpush("list", "a", "b", "c", "a");
  await raw.sadd("set", "only");
  await raw.zadd("zset", [
    [1, "one"],
    [2.5, "two"],
    ["+inf", "three"],
    ["-inf", "four"],
  ]);
  await raw.geoadd("geo", [
    [13.361389, 38.115556, "Palermo"],
    [15.087269, 37.502669, "Catania"],
  ]);
  await raw.xadd("stream", "1-1", { f: "1" });
  await raw.xadd("stream", "2-1", { f: "2", g: "3" });
  await raw.xadd("stream", "3-1", { f: "3" });
  await raw.xgroup.create("stream", "group", "0");
  await raw.xreadgroup("group", "worker", { stream: ">" }, { count: 2 });
  await raw.function.load("#!lua name=lib\nredis.register_function('f', function() return 1 end)", { replace: true });
  await raw.acl.setuser("reader", "on", ">pw", "~a:*", "+get", "(~b:* +set)");
}

type Call = (raw: RawCommands) => Promise<unknown>;

/** Reads whose reply is known. */
const KNOWN: readonly (readonly [name: string, call: Call, expected: unknown])[] = [
  ["SET", (raw) => raw.set("text", "hello"), "OK"],
  ["SET GET", (raw) => raw.set("text", "hello", { get: true }), "hello"],
  ["SET NX", (raw) => raw.set("text", "x", { nx: true }), null],
  ["GET missing", (raw) => raw.get("missing"), null],
  ["TYPE", (raw) => raw.type("hash"), "hash"],
  ["PING", (raw) => raw.ping(), "PONG"],
  ["PING message", (raw) => raw.ping("hi"), "hi"],
  ["HGETALL", (raw) => raw.hgetall("hash"), { name: "Ada", born: "1815", __proto__x: "y" }],
  ["HGETALL missing", (raw) => raw.hgetall("missing"), {}],
  ["HMGET", (raw) => raw.hmget("hash", "name", "none"), ["Ada", null]],
  ["HRANDFIELD WITHVALUES", (raw) => raw.hrandfield("proto", { count: 1, withvalues: true }), [["__proto__", "data"]]],
  ["HRANDFIELD count", (raw) => raw.hrandfield("proto", 3), ["__proto__"]],
  ["HRANDFIELD", (raw) => raw.hrandfield("proto"), "__proto__"],
  ["HSCAN", (raw) => raw.hscan("proto", 0), ["0", [["__proto__", "data"]]]],
  ["HINCRBYFLOAT", (raw) => raw.hincrbyfloat("hash", "born", 0), "1815"],
  ["INCRBYFLOAT", (raw) => raw.incrbyfloat("n", 0), "5"],
  ["ZSCORE", (raw) => raw.zscore("zset", "two"), 2.5],
  ["ZSCORE infinite", (raw) => raw.zscore("zset", "four"), -Infinity],
  ["ZSCORE missing", (raw) => raw.zscore("zset", "none"), null],
  ["ZMSCORE", (raw) => raw.zmscore("zset", "one", "none", "three"), [1, null, Infinity]],
  ["ZINCRBY", (raw) => raw.zincrby("zset", 0, "two"), 2.5],
  ["ZADD INCR", (raw) => raw.zadd("zset", [[0, "two"]], { incr: true }), 2.5],
  ["ZADD INCR NX", (raw) => raw.zadd("zset", [[1, "two"]], { incr: true, nx: true }), null],
  ["ZADD", (raw) => raw.zadd("zset", { 1: "one" }), 0],
  ["ZRANGE", (raw) => raw.zrange("zset", 1, 2), ["one", "two"]],
  [
    "ZRANGE WITHSCORES",
    (raw) => raw.zrange("zset", 1, -1, { withscores: true }),
    [
      ["one", 1],
      ["two", 2.5],
      ["three", Infinity],
    ],
  ],
  ["ZRANGE WITHSCORES missing", (raw) => raw.zrange("missing", 0, -1, { withscores: true }), []],
  ["ZRANGEBYSCORE WITHSCORES", (raw) => raw.zrangebyscore("zset", "(1", 3, { withscores: true }), [["two", 2.5]]],
  ["ZREVRANGE WITHSCORES", (raw) => raw.zrevrange("zset", 1, 1, { withscores: true }), [["two", 2.5]]],
  [
    "ZREVRANGEBYSCORE WITHSCORES",
    (raw) => raw.zrevrangebyscore("zset", 3, 1, { withscores: true, limit: { offset: 0, count: 1 } }),
    [["two", 2.5]],
  ],
  ["ZRANDMEMBER WITHSCORES", async (raw) => (await raw.zrandmember("zset", { count: 9, withscores: true })).length, 4],
  [
    "ZUNION WITHSCORES",
    (raw) => raw.zunion(["zset", "missing"], { withscores: true, weights: [2, 1] }),
    [
      ["four", -Infinity],
      ["one", 2],
      ["two", 5],
      ["three", Infinity],
    ],
  ],
  [
    "ZINTER WITHSCORES",
    (raw) => raw.zinter(["zset", "zset"], { withscores: true, aggregate: "max" }),
    [
      ["four", -Infinity],
      ["one", 1],
      ["two", 2.5],
      ["three", Infinity],
    ],
  ],
  ["ZDIFF", (raw) => raw.zdiff(["zset", "zset"], { withscores: true }), []],
  ["ZSCAN", (raw) => raw.zscan("zset", "0", { match: "two" }), ["0", [["two", 2.5]]]],
  ["ZPOPMIN missing", (raw) => raw.zpopmin("missing"), null],
  ["ZPOPMAX count missing", (raw) => raw.zpopmax("missing", { count: 2 }), []],
  ["ZMPOP missing", (raw) => raw.zmpop(["missing"], "MIN"), null],
  ["LPOP missing", (raw) => raw.lpop("missing"), null],
  ["LPOP count missing", (raw) => raw.lpop("missing", { count: 2 }), null],
  ["LPOS", (raw) => raw.lpos("list", "a"), 0],
  ["LPOS COUNT", (raw) => raw.lpos("list", "a", { count: 0 }), [0, 3]],
  ["LPOS missing", (raw) => raw.lpos("list", "z"), null],
  ["SPOP count missing", (raw) => raw.spop("missing", 2), []],
  ["SRANDMEMBER", (raw) => raw.srandmember("set"), "only"],
  ["SMEMBERS", (raw) => raw.smembers("set"), ["only"]],
  ["SSCAN", (raw) => raw.sscan("set", 0), ["0", ["only"]]],
  ["GEOPOS missing", (raw) => raw.geopos("geo", "none"), [null]],
  ["GEODIST", (raw) => raw.geodist("geo", "Palermo", "Catania", "km"), "166.2742"],
  ["GEOHASH", (raw) => raw.geohash("geo", "Palermo", "none"), ["sqc8b49rny0", null]],
  [
    "GEOSEARCH",
    (raw) => raw.geosearch("geo", { frommember: "Palermo", byradius: { radius: 200, unit: "km" }, asc: true }),
    ["Palermo", "Catania"],
  ],
  [
    "GEOSEARCH WITHDIST WITHHASH",
    (raw) =>
      raw.geosearch("geo", {
        frommember: "Palermo",
        byradius: { radius: 200, unit: "km" },
        asc: true,
        withdist: true,
        withhash: true,
      }),
    [
      { member: "Palermo", dist: "0.0000", hash: 3479099956230698 },
      { member: "Catania", dist: "166.2742", hash: 3479447370796909 },
    ],
  ],
  [
    "XRANGE",
    (raw) => raw.xrange("stream", "-", "+", { count: 2 }),
    [
      { id: "1-1", fields: { f: "1" } },
      { id: "2-1", fields: { f: "2", g: "3" } },
    ],
  ],
  ["XREVRANGE", (raw) => raw.xrevrange("stream", "+", "-", { count: 1 }), [{ id: "3-1", fields: { f: "3" } }]],
  ["XREAD", (raw) => raw.xread({ stream: "2-1", missing: "0" }), { stream: [{ id: "3-1", fields: { f: "3" } }] }],
  ["XREAD none", (raw) => raw.xread({ missing: "0" }), null],
  [
    "XREADGROUP history",
    (raw) => raw.xreadgroup("group", "worker", { stream: "0" }, { count: 1 }),
    { stream: [{ id: "1-1", fields: { f: "1" } }] },
  ],
  ["XPENDING", (raw) => raw.xpending("stream", "group"), [2, "1-1", "2-1", [["worker", "2"]]]],
  [
    "XAUTOCLAIM JUSTID",
    (raw) => raw.xautoclaim("stream", "group", "worker", 0, "0", { justid: true, count: 1 }),
    ["2-1", ["1-1"], []],
  ],
  [
    "XCLAIM",
    (raw) => raw.xclaim("stream", "group", "worker", 0, "1-1", { retrycount: 1 }),
    [{ id: "1-1", fields: { f: "1" } }],
  ],
  ["XCLAIM JUSTID", (raw) => raw.xclaim("stream", "group", "worker", 0, ["1-1"], { justid: true }), ["1-1"]],
  ["CONFIG GET", (raw) => raw.config.get("hz", "maxmemory"), { hz: "10", maxmemory: "0" }],
  ["PUBSUB NUMSUB", (raw) => raw.pubsub.numsub("a", "b"), { a: 0, b: 0 }],
  ["LCS", (raw) => raw.lcs("text", "other"), "hllo"],
  ["LCS LEN", (raw) => raw.lcs("text", "other", { len: true }), 4],
  [
    "LCS IDX WITHMATCHLEN",
    (raw) => raw.lcs("text", "other", { idx: true, withmatchlen: true }),
    {
      matches: [
        [[2, 4], [2, 4], 3],
        [[0, 0], [0, 0], 1],
      ],
      len: 4,
    },
  ],
  ["SORT", (raw) => raw.sort("zset", { by: "nosort", get: "none:*" }), [null, null, null, null]],
  ["SORT STORE", (raw) => raw.sort("list", { alpha: true, store: "sorted" }), 4],
  ["EVAL", (raw) => raw.eval("return {KEYS[1], ARGV[1]}", "k", "a"), ["k", "a"]],
  [
    "FUNCTION LIST",
    (raw) => raw.function.list(),
    [{ library_name: "lib", engine: "LUA", functions: [{ name: "f", description: null, flags: [] }] }],
  ],
  [
    "FUNCTION STATS",
    (raw) => raw.function.stats(),
    { running_script: null, engines: { LUA: { libraries_count: 1, functions_count: 1 } } },
  ],
  ["SCRIPT EXISTS", (raw) => raw.script.exists("0".repeat(40)), [0]],
  ["COMMAND GETKEYSANDFLAGS", (raw) => raw.command.getkeysandflags("get", "a"), [["a", ["RO", "access"]]]],
  ["COMMAND LIST", (raw) => raw.command.list({ filterby: { pattern: "hget" } }), ["hget"]],
  ["OBJECT ENCODING", (raw) => raw.object.encoding("text"), "embstr"],
  ["ROLE", async (raw) => (await raw.role())[0], "master"],
  ["MODULE LIST", (raw) => raw.module.list(), []],
  ["WAIT", (raw) => raw.wait(0, 1), 0],
];

/** Reads whose reply differs from call to call: only the form is compared. */
const FORMS: readonly (readonly [name: string, call: Call])[] = [
  ["ACL GETUSER", (raw) => raw.acl.getuser("reader")],
  ["ACL LOG", (raw) => raw.acl.log()],
  ["COMMAND INFO", (raw) => raw.command.info("get", "config", "none", "sort", "xread", "eval")],
  ["COMMAND DOCS", (raw) => raw.command.docs("set", "config", "geosearch")],
  ["CLIENT TRACKINGINFO", (raw) => raw.client.trackinginfo()],
  ["GEOPOS", (raw) => raw.geopos("geo", "Palermo", "none")],
  [
    "GEORADIUS WITHCOORD",
    (raw) => raw.georadius_ro("geo", 15, 37, 200, "km", { withcoord: true, withdist: true, asc: true }),
  ],
  ["LATENCY HISTOGRAM", (raw) => raw.latency.histogram("set")],
  ["LATENCY LATEST", (raw) => raw.latency.latest()],
  ["MEMORY STATS", (raw) => raw.memory.stats()],
  [
    "SLOWLOG GET",
    async (raw) =>
      (await raw.slowlog.get(2)).map((entry) => entry.map((fact) => (Array.isArray(fact) ? "words" : fact))),
  ],
  ["TIME", (raw) => raw.time()],
  ["XINFO STREAM", (raw) => raw.xinfo.stream("stream")],
  ["XINFO STREAM FULL", (raw) => raw.xinfo.stream("stream", { full: true, count: 0 })],
  ["XINFO GROUPS", (raw) => raw.xinfo.groups("stream")],
  ["XINFO CONSUMERS", (raw) => raw.xinfo.consumers("stream", "group")],
  ["XPENDING range", (raw) => raw.xpending("stream", "group", { start: "-", end: "+", count: 9 })],
  ["INFO", async (raw) => typeof (await raw.info("server"))],
];

/** Null-prototype maps compare as plain ones, which deepEqual tells apart. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** The kinds of all parts. */
function form(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => form(item));
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, form(item)]));
}

for (const [name, call, expected] of KNOWN) {
  test(`${name} gives the same documented value under RESP2 and RESP3, and from Buffers`, async () => {
    const value = await call(three);
    assert.deepEqual(plain(value), expected, "RESP3");
    assert.deepEqual(await call(two), value, "RESP2");
    assert.deepEqual(plain(await call(bytes)), expected, "RESP3, Buffers");
    assert.deepEqual(plain(await call(bytesOfTwo)), expected, "RESP2, Buffers");
  });
}

for (const [name, call] of FORMS) {
  test(`${name} has the same form under RESP2 and RESP3, and from Buffers`, async () => {
    const expected = form(await call(three));
    assert.deepEqual(form(await call(two)), expected, "RESP2");
    assert.deepEqual(form(plain(await call(bytes))), expected, "RESP3, Buffers");
    assert.deepEqual(form(plain(await call(bytesOfTwo))), expected, "RESP2, Buffers");
  });
}

test("pops of sorted sets give the same values under RESP2 and RESP3", async () => {
  for (const raw of [two, three]) {
    await raw.del("pop");
    await raw.zadd("pop", [
      [1, "a"],
      [2, "b"],
      [3, "c"],
      [4, "d"],
      [5, "e"],
      [6, "f"],
      [7, "g"],
    ]);
    assert.deepEqual(await raw.zpopmin("pop"), ["a", 1]);
    assert.deepEqual(await raw.zpopmax("pop", 2), [
      ["g", 7],
      ["f", 6],
    ]);
    assert.deepEqual(await raw.bzpopmin(["none", "pop"], 1), ["pop", "b", 2]);
    assert.deepEqual(await raw.zmpop(["none", "pop"], "max", { count: 2 }), [
      "pop",
      [
        ["e", 5],
        ["d", 4],
      ],
    ]);
    assert.deepEqual(await raw.bzmpop(1, "pop", "MIN"), ["pop", [["c", 3]]]);
    assert.equal(await raw.bzpopmax("pop", 0.01), null);
  }
});

test("a field called __proto__ is data", async () => {
  for (const raw of [two, three]) {
    const map = await raw.hgetall("proto");
    assert.equal(Object.getPrototypeOf(map), null);
    assert.deepEqual(Object.entries(map), [["__proto__", "data"]]);
  }
});

test("strings in replies are Buffers where Buffers are asked for, but status words, cursors and the keys of maps", async () => {
  for (const raw of [bytes, bytesOfTwo]) {
    assert.ok(Buffer.isBuffer(await raw.get("text")));
    assert.equal(await raw.set("text", "hello"), "OK");
    const [cursor, pairs] = await raw.hscan("hash", 0);
    assert.equal(cursor, "0");
    assert.ok(Buffer.isBuffer(pairs[0]?.[0]));
    assert.ok(Buffer.isBuffer((await raw.hgetall("hash"))["name"]));
    assert.equal(await raw.zscore("zset", "two"), 2.5);
  }
});

test("an entry that was deleted while it was pending has no fields", async () => {
  await three.xadd("gone", "1-1", { f: "1" });
  await three.xgroup.create("gone", "group", "0");
  await three.xreadgroup("group", "worker", { gone: ">" });
  await three.xdel("gone", "1-1");
  for (const raw of [two, three]) {
    assert.deepEqual(plain(await raw.xreadgroup("group", "worker", { gone: "0" })), {
      gone: [{ id: "1-1", fields: null }],
    });
  }
});

test("a reply of the wrong kind is a ProtocolError that names the command and both kinds", () => {
  const cases: readonly (readonly [string, Reply, string])[] = [
    ["HGETALL", 5, "HGETALL: expected a map as its reply, got a number"],
    ["XRANGE", "text", "XRANGE: expected an array as its reply, got a string"],
    ["ZSCORE", ["a"], "ZSCORE: expected a number as its reply, got an array"],
    ["SET", 1, "SET: expected a string as its reply, got a number"],
    ["SCAN", null, "SCAN: expected an array as its reply, got null"],
    ["GET", ["a"], "GET: expected a string as its reply, got an array"],
    ["INCR", "5", "INCR: expected an integer as its reply, got a string"],
    ["KEYS", 5, "KEYS: expected an array as its reply, got a number"],
  ];
  const remedy = ": is this a Redis server, or a proxy that changes replies? call() gives the reply as it is";
  for (const [name, reply, message] of cases) {
    const { transform } = knownCommand(name);
    assert.ok(transform !== null, name);
    assert.throws(
      () => transform(reply),
      (error: unknown) =>
        error instanceof ProtocolError && error.message === message + remedy && error.command === name,
    );
  }
});
