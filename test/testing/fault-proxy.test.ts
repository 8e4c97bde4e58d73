import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { FrameReader, wordsOf } from "../../src/testing/fault-proxy/frames.ts";
import { FaultProxyError, startFaultProxy, startServer, type FaultKind } from "../../src/testing/index.ts";
import { connectRaw, encodeCommand } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

function within<T>(promise: Promise<T>, ms: number): Promise<T | "late"> {
  return Promise.race([promise, new Promise<"late">((resolve) => setTimeout(resolve, ms, "late"))]);
}

/** Bytes as they come. */
async function listen(port: number): Promise<{ socket: Socket; text: () => string; closed: Promise<void> }> {
  const socket = connect({ port, host: "127.0.0.1" });
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk) => (text += String(chunk)));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  return { socket, text: () => text, closed };
}

test("a fault proxy forwards every command and reply as it is, counts, and follows its clients when they leave", async () => {
  await using proxy = await startFaultProxy(server());
  await using redis = new Redis(proxy.url);
  const large = "x".repeat(700_000);
  await redis.set("proxy:large", large);
  assert.ok((await redis.get("proxy:large")) === large);
  assert.deepEqual(await redis.pipeline().echo("a").hgetall("proxy:none").ping().exec(), [
    "a",
    Object.create(null),
    "PONG",
  ]);
  assert.equal(proxy.accepted, 1);
  assert.ok(proxy.forwarded("toClient") > large.length && proxy.forwarded("toServer") > large.length);
  await redis.close();
  await until(() => proxy.connections === 0);
});

test("a fault proxy stands in front of a unix socket, a password and TLS, too", async () => {
  await using local = await startFaultProxy({ path: server().path });
  using raw = await connectRaw({ port: local.port });
  assert.equal(await raw.command("PING"), "PONG");
  local.inject("cut", { reset: true });
  await assert.rejects(raw.command("PING"), /closed/);
  await using secured = await startServer({ tls: true, password: "secret" });
  await using proxy = await startFaultProxy(secured);
  await using redis = new Redis(proxy.url, { tls: secured.tls, reconnect: { minDelay: 1, maxDelay: 10 } });
  assert.match(proxy.url, /^rediss:\/\/:secret@127/);
  assert.equal(await redis.echo("through TLS"), "through TLS");
  proxy.inject("cut", { reset: true });
  assert.equal(await redis.echo("again"), "again");
  assert.throws(() => proxy.inject("swallow", { command: "GET" }), /bytes it does not understand/);
});

test("a cut at a command: before it, before its reply, or in the middle of its reply", async () => {
  await using proxy = await startFaultProxy(server());
  using direct = await connectRaw(server());
  for (const [at, applied] of [
    ["command", null],
    ["reply", "1"],
    ["mid-reply", "1"],
  ] as const) {
    for (const reset of [false, true]) {
      await direct.command("DEL", "proxy:n");
      await using fault = proxy.inject("cut", { command: "incr", nth: 1, at, reset });
      const { socket, text, closed } = await listen(proxy.port);
      socket.write(Buffer.concat([encodeCommand(["ECHO", "before"]), encodeCommand(["INCR", "proxy:n"])]));
      await closed;
      assert.equal(fault.hits, 1);
      assert.equal(await direct.command("GET", "proxy:n"), applied, at);
      if (at !== "command") assert.equal(text(), `$6\r\nbefore\r\n${at === "mid-reply" ? ":1" : ""}`);
    }
  }
});

test("nth counts the chosen commands over all connections, a predicate sees their words, and a connection has a number", async () => {
  await using proxy = await startFaultProxy(server());
  using first = await connectRaw({ port: proxy.port });
  using second = await connectRaw({ port: proxy.port });
  await first.command("PING");
  proxy.inject("cut", { command: ([, key]) => key === "proxy:it", nth: 2 });
  assert.equal(await second.command("GET", "proxy:it"), null);
  assert.equal(await second.command("GET", "proxy:other"), null);
  await assert.rejects(first.command("EXISTS", "proxy:it"), /closed/);
  assert.equal(await second.command("GET", "proxy:it"), null);
  using third = await connectRaw({ port: proxy.port });
  proxy.inject("cut", { connection: 3, command: "CLIENT ID" });
  assert.equal(await second.command("PING"), "PONG");
  assert.ok(Number(await second.command("CLIENT", "ID")) > 0);
  assert.equal(await third.command("PING"), "PONG");
  await assert.rejects(third.command("CLIENT", "ID"), /closed/);
});

test("a cut after a number of bytes lets them arrive", async () => {
  await using proxy = await startFaultProxy(server());
  using direct = await connectRaw(server());
  await direct.command("SET", "proxy:k", "0123456789");
  const { socket, text, closed } = await listen(proxy.port);
  const fault = proxy.inject("cut", { afterBytes: 8 });
  socket.write(encodeCommand(["GET", "proxy:k"]));
  await closed;
  assert.equal(text(), "$10\r\n012");
  assert.ok(fault.isOver && fault.hits === 1);
});

test("a half-close lets the other direction go on", async () => {
  await using proxy = await startFaultProxy(server());
  using direct = await connectRaw(server());
  await direct.command("DEL", "proxy:half");
  const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.resume();
  await once(socket, "connect");
  await until(() => proxy.connections === 1);
  proxy.inject("halfClose");
  await once(socket, "end");
  socket.write(encodeCommand(["INCR", "proxy:half"]));
  await until(async () => (await direct.command("GET", "proxy:half")) === "1");
  socket.destroy();
  await until(() => proxy.connections === 0);
  using raw = await connectRaw({ port: proxy.port });
  proxy.inject("halfClose", { direction: "toServer", command: "INCR" });
  assert.equal(await raw.command("INCR", "proxy:half"), 2, "the reply comes, then the server follows the end");
  await assert.rejects(raw.command("PING"), /closed/);
});

test("a black hole holds one way or both back, from a command on or at once, and lets it arrive after all", async () => {
  await using proxy = await startFaultProxy(server());
  using direct = await connectRaw(server());
  for (const command of [undefined, "INCR"] as const) {
    for (const direction of ["toServer", "toClient", "both"] as const) {
      using raw = await connectRaw({ port: proxy.port });
      await raw.command("SET", "proxy:n", 0);
      const fault = proxy.inject("blackhole", { direction, command });
      const reply = raw.command("INCR", "proxy:n");
      assert.equal(await within(reply, 40), "late");
      assert.equal(await direct.command("GET", "proxy:n"), direction === "toClient" ? "1" : "0");
      await fault.end();
      assert.equal(await reply, 1);
    }
  }
});

test("a slow link gives so many bytes per second, and the rest at once when it is over", async () => {
  await using proxy = await startFaultProxy(server());
  const { socket, text } = await listen(proxy.port);
  const slow = proxy.inject("slow", { bytesPerSecond: 100, direction: "toClient" });
  socket.write(encodeCommand(["ECHO", "0123456789".repeat(20)]));
  await until(() => text().length > 10);
  assert.ok(text().length < 150, text());
  await slow.end();
  await until(() => text().length === 208, { timeout: 1000 });
  socket.destroy();
});

test("a delay with jitter keeps the order, and is for the chosen commands alone", async () => {
  await using proxy = await startFaultProxy(server());
  using raw = await connectRaw({ port: proxy.port });
  proxy.inject("delay", { ms: 30, jitter: 30, direction: "toClient", command: "ECHO" });
  const start = performance.now();
  await raw.command("PING");
  const settled: string[] = [];
  await Promise.all(
    ["ECHO", "PING", "ECHO"].map(async (name, index) => {
      await raw.command(name, ...(name === "ECHO" ? ["x"] : []));
      settled.push(`${name}${index}`);
    }),
  );
  assert.deepEqual(settled, ["ECHO0", "PING1", "ECHO2"]);
  assert.ok(performance.now() - start >= 28);
});

test("what is split at every byte arrives whole", async () => {
  await using proxy = await startFaultProxy(server());
  proxy.inject("split");
  await using redis = new Redis(proxy.url);
  await redis.hset("proxy:h", { a: "1", b: "zwölf" });
  assert.deepEqual({ ...(await redis.hgetall("proxy:h")) }, { a: "1", b: "zwölf" });
});

test("replies are corrupted, swallowed, or preceded by a push or another reply, and only those of the chosen commands", async () => {
  await using proxy = await startFaultProxy(server());
  const said = async (prepare: () => void): Promise<string> => {
    const { socket, text } = await listen(proxy.port);
    prepare();
    const words = [["ECHO", "a"], ["PING"], ["ECHO", "b"]];
    socket.write(Buffer.concat(words.map((command) => encodeCommand(command))));
    await until(() => text().includes("b\r\n"));
    await proxy.heal();
    socket.destroy();
    return text();
  };
  const [a, pong, b] = ["$1\r\na\r\n", "+PONG\r\n", "$1\r\nb\r\n"];
  assert.equal(await said(() => undefined), a + pong + b);
  assert.equal(await said(() => void proxy.inject("swallow", { command: "ping" })), a + b);
  assert.equal(await said(() => void proxy.inject("corrupt", { command: "PING" })), `${a}\xd4PONG\r\n${b}`);
  const offset = { command: "ECHO", nth: 1, offset: 4 };
  assert.equal(await said(() => void proxy.inject("corrupt", offset)), `$1\r\n\x9e\r\n${pong}${b}`);
  const items = ["invalidate", ["k", 7, null]];
  const push = ">2\r\n$10\r\ninvalidate\r\n*3\r\n$1\r\nk\r\n:7\r\n_\r\n";
  assert.equal(await said(() => void proxy.inject("push", { items, command: "PING" })), a + push + pong + b);
  assert.equal(await said(() => void proxy.inject("push", { items })), push + a + pong + b);
  assert.equal(
    await said(() => void proxy.inject("reply", { raw: ":5\r\n", command: "PING" })),
    `${a}:5\r\n${pong}${b}`,
  );
});

test("which reply belongs to which command is known across subscriptions, pushes and CLIENT REPLY", async () => {
  await using proxy = await startFaultProxy(server());
  using direct = await connectRaw(server());
  for (const hello of [[], ["HELLO", "3"]]) {
    const { socket, text } = await listen(proxy.port);
    const fault = proxy.inject("swallow", { command: "ECHO" });
    const commands = [
      ["CLIENT", "REPLY", "SKIP"],
      ["SET", "proxy:k", "v"],
      ["SUBSCRIBE", "proxy:ch", "proxy:ch2"],
      ["UNSUBSCRIBE", "proxy:ch2"],
      ...(hello.length === 0 ? [["PING"]] : [["ECHO", "gone"]]),
      ["UNSUBSCRIBE"],
      ["ECHO", "gone"],
      ["CLIENT", "REPLY", "OFF"],
      ["PING"],
      ["CLIENT", "REPLY", "ON"],
      ["ECHO", "gone"],
      ["TIME", "and", "an", "error"],
    ];
    socket.write(Buffer.concat([hello, ...commands].filter((one) => one.length > 0).map((one) => encodeCommand(one))));
    await until(() => text().includes("wrong number"));
    assert.ok(!text().includes("gone"));
    assert.equal(text().match(/subscribe\r\n/g)?.length, 4);
    await fault.end();
    socket.write(encodeCommand(["ECHO", "heard"]));
    await until(() => text().includes("heard"));
    socket.destroy();
    assert.equal(await direct.command("PUBLISH", "proxy:ch", "x"), 0);
  }
});

test("new connections are refused or stalled, and served when it is over, on the same port", async () => {
  await using proxy = await startFaultProxy(server());
  using raw = await connectRaw({ port: proxy.port });
  await raw.command("PING");
  const refusal = proxy.inject("refuse");
  await assert.rejects(connectRaw({ port: proxy.port }), { code: "ECONNREFUSED" });
  assert.equal(await raw.command("PING"), "PONG");
  await refusal.end();
  const stall = proxy.inject("stall");
  using stalled = await connectRaw({ port: proxy.port });
  const reply = stalled.command("PING");
  assert.equal(await within(reply, 40), "late");
  assert.equal(await raw.command("PING"), "PONG");
  assert.equal(stall.hits, 1);
  await stall.end();
  assert.equal(await reply, "PONG");
});

test("a fault begins and ends by time", async () => {
  await using proxy = await startFaultProxy(server());
  using raw = await connectRaw({ port: proxy.port });
  await raw.command("PING");
  const fault = proxy.inject("blackhole", { after: 30, for: 60 });
  const began = performance.now();
  let longest = 0;
  while (!fault.isOver) {
    const sent = performance.now();
    assert.equal(await raw.command("PING"), "PONG");
    longest = Math.max(longest, performance.now() - sent);
  }
  assert.ok(longest >= 50 && fault.hits > 0, `${longest} ms, ${fault.hits} hits`);
  assert.ok(performance.now() - began >= 85);
  const later = proxy.inject("cut", { after: 20 });
  assert.ok(!later.isOver);
  await assert.rejects(
    (async () => {
      for (;;) await raw.command("PING");
    })(),
    /closed/,
  );
});

test("a client of the library lives through a cut at its own command", async () => {
  await using proxy = await startFaultProxy(server());
  await using pool = new ConnectionPool(proxy.url, { reconnect: { minDelay: 1, maxDelay: 10 } });
  await using redis = new Redis({ pool });
  await redis.del("proxy:n");
  proxy.inject("cut", { command: "INCR", nth: 1 });
  await assert.rejects(redis.incr("proxy:n"), { code: "ERR_CONNECTION_LOST", outcome: "unknown" });
  assert.equal(await redis.incr("proxy:n"), 2);
});

test("what cannot be is refused with what was expected and what came", async () => {
  await using proxy = await startFaultProxy(server());
  const cases: [kind: string, options: object, option: string, message: RegExp][] = [
    ["explode", {}, "kind", /one of cut, halfClose.*got 'explode'/],
    ["cut", { rest: true }, "rest", /cut has no option rest: it knows .*reset/],
    ["cut", { reset: 1 }, "reset", /true or false, got 1/],
    ["cut", { at: "reply" }, "at", /say which with `command`/],
    ["cut", { direction: "toServer" }, "direction", /halfClose/],
    ["cut", { for: 10 }, "for", /one moment/],
    ["cut", { afterBytes: 5, command: "GET" }, "afterBytes", /either afterBytes or command/],
    ["cut", { afterBytes: 0 }, "afterBytes", /whole number from 1, got 0/],
    ["halfClose", { direction: "both" }, "direction", /toServer or toClient/],
    ["blackhole", { direction: "up" }, "direction", /toServer, toClient, both, got 'up'/],
    ["blackhole", { for: -1 }, "for", /ms from 0, got -1/],
    ["slow", {}, "bytesPerSecond", /missing/],
    ["slow", { bytesPerSecond: 0.5 }, "bytesPerSecond", /whole number from 1/],
    ["delay", { ms: Number.NaN }, "ms", /got NaN/],
    ["swallow", { nth: 1 }, "nth", /say which with `command`/],
    ["swallow", { command: "" }, "command", /a command's name/],
    ["push", { items: [] }, "items", /begins with the push's kind/],
    ["reply", { raw: 7 }, "raw", /a string or a Buffer, got 7/],
    ["refuse", { connection: 1 }, "connection", /no option connection/],
    ["stall", { connection: 0 }, "connection", /whole number from 1/],
  ];
  for (const [kind, options, option, message] of cases) {
    assert.throws(
      () => proxy.inject(kind as FaultKind, options),
      (error: unknown) => {
        assert.ok(error instanceof FaultProxyError, String(error));
        assert.deepEqual([error.code, error.option], ["ERR_FAULT_OPTIONS", option]);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  await assert.rejects(startFaultProxy({}), FaultProxyError);
  await assert.rejects(startFaultProxy({ port: 1 }, { port: -1 }), /0 to 65535, got -1/);
  await proxy.close();
  assert.throws(() => proxy.inject("cut"), /open/);
});

test("values are told apart however the stream is cut into pieces", () => {
  const values = [
    "+OK\r\n",
    "$-1\r\n",
    "$0\r\n\r\n",
    "*0\r\n",
    "*-1\r\n",
    "$12\r\n+no\r\n*2\r\n...\r\n",
    "*2\r\n*1\r\n:1\r\n%1\r\n+a\r\n~2\r\n_\r\n#t\r\n",
    "|1\r\n+ttl\r\n:3\r\n*1\r\n$1\r\nx\r\n",
    ">2\r\n+message\r\n=5\r\ntxt:a\r\n",
    ",1.5\r\n",
    "(123\r\n",
    "!5\r\nERR x\r\n",
    "-ERR y\r\n",
    "PING inline\r\n",
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...values), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
      (sent, sizes) => {
        const reader = new FrameReader();
        const bytes = Buffer.from(sent.join(""));
        const got: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          reader.add(bytes.subarray(at, at + size));
          at += size;
          for (let frame = reader.next(); frame !== undefined; frame = reader.next()) got.push(frame.toString());
        }
        assert.deepEqual(got, sent);
      },
    ),
    { numRuns: 200 },
  );
  assert.deepEqual(wordsOf(encodeCommand(["SET", "k\r\n", "", "wörld"])), ["SET", "k\r\n", "", "wörld"]);
});
