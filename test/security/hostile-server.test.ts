import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ConnectionPool, Redis, RedisError } from "../../src/index.ts";
import { runChild } from "../support/child.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { statsOf } from "../support/stats.ts";
import { startListener } from "./listener.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const MEBIBYTE = 2 ** 20;

function memory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Sends a chunk again and again for as long as the other side takes it, up to so many bytes. */
function flood(socket: Socket, chunk: Buffer, limit: number): void {
  let sent = 0;
  const more = (): void => {
    while (!socket.destroyed && sent < limit) {
      sent += chunk.length;
      if (socket.write(chunk)) continue;
      socket.once("drain", more);
      return;
    }
  };
  more();
}

const repeated = (piece: string): Buffer => Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)));
const quick = {
  commandTimeout: 600,
  connectTimeout: 400,
  reconnect: { minDelay: 20, maxDelay: 50 },
  retry: { attempts: 0 },
} as const;

/** A server that takes the handshake (without RESP3), and answers the first command of each connection with an endless stream. */
async function endless(
  begin: string,
  piece: string,
  limit: number,
): Promise<Awaited<ReturnType<typeof startListener>>> {
  return startListener((socket) => {
    let greeted = false;
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      if (!greeted && text.includes("HELLO")) {
        greeted = true;
        // HELLO, and two CLIENT SETINFO behind it.
        socket.write("%1\r\n$2\r\nid\r\n:1\r\n+OK\r\n+OK\r\n");
        return;
      }
      socket.write(begin);
      flood(socket, repeated(piece), limit);
    });
  });
}

/** A reply that never ends. `ends`: whether the connection must be given up for it, or the caller's time limit is enough. */
const ENDLESS: Record<string, { begin: string; piece: string; ends: boolean }> = {
  "a simple string": { begin: "+", piece: "x", ends: true },
  "an error": { begin: "-ERR ", piece: "x", ends: true },
  "a number": { begin: ":", piece: "1", ends: true },
  "a big number": { begin: "(", piece: "1", ends: true },
  "a length": { begin: "$", piece: "1", ends: true },
  "nested arrays": { begin: "", piece: "*1\r\n", ends: true },
  "nested maps": { begin: "", piece: "%1\r\n+a\r\n", ends: true },
  "nested attributes": { begin: "", piece: "|1\r\n+a\r\n", ends: true },
  "nested arrays without a length": { begin: "", piece: "*?\r\n", ends: true },
  "attributes of nothing": { begin: "", piece: "|1\r\n+a\r\n+b\r\n", ends: false },
  "attributes within an array": { begin: "*2\r\n", piece: "|1\r\n+a\r\n+b\r\n", ends: false },
  pushes: { begin: "", piece: ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n", ends: false },
  "pushes within a reply": { begin: "*2\r\n:1\r\n", piece: ">3\r\n+message\r\n+c\r\n+m\r\n", ends: false },
  replies: { begin: "", piece: "+OK\r\n", ends: true },
};

for (const [what, { begin, piece, ends }] of Object.entries(ENDLESS)) {
  test(
    `an endless stream of ${what} neither fills memory nor holds a caller beyond its time`,
    { timeout: 30_000 },
    async () => {
      await using server = await endless(begin, piece, 48 * MEBIBYTE);
      const redis = new Redis({ port: server.port, ...quick });
      const before = memory();
      let most = 0;
      const watch = setInterval(() => (most = Math.max(most, memory() - before)), 50);
      const first = await redis.get("k").catch((error: unknown) => error);
      if (what !== "replies") assert.ok(first instanceof RedisError, String(first));
      else assert.equal(first, "OK");
      most = Math.max(most, memory() - before);
      clearInterval(watch);
      assert.ok(most < 12 * MEBIBYTE, `${most} bytes were held`);
      if (ends) {
        // One more turn, for what comes behind the first reply.
        await new Promise((resolve) => setTimeout(resolve, 30));
        assert.ok((statsOf(redis).closedBecause["protocol"] ?? 0) >= 1, JSON.stringify(statsOf(redis).closedBecause));
      }
      await redis.close({ timeout: 50 });
      assert.equal(statsOf(redis).total, 0);
    },
  );
}

test("a reply that drips in byte by byte holds nobody beyond his time, nor the client's end", async () => {
  await using server = await startScriptedServer(
    afterHandshake((_name, _args, connection) => {
      const wire = `$1000\r\n${"x".repeat(1000)}\r\n`;
      let at = 0;
      const drip = setInterval(() => {
        if (at < wire.length) connection.send(wire[at++] as string);
        else clearInterval(drip);
      }, 5);
      drip.unref();
      return null;
    }),
  );
  const redis = new Redis({ port: server.port, ...quick, commandTimeout: 150, socketTimeout: 100 });
  const results = await Promise.allSettled([
    redis.get("k"),
    redis.multi().get("k").exec(),
    redis.blpop("k", 0.05),
    redis.eval("x", []),
  ]);
  for (const result of results) {
    assert.equal(result.status, "rejected");
    if (result.status === "rejected") assert.ok(result.reason instanceof RedisError, String(result.reason));
  }
  await redis.close({ timeout: 50 });
  assert.equal(statsOf(redis).total, 0);
});

/** Maps that would reach a prototype where they are copied into an ordinary object. */
const POISON =
  "%3\r\n$9\r\n__proto__\r\n%1\r\n$8\r\npolluted\r\n+yes\r\n$11\r\nconstructor\r\n%1\r\n$9\r\nprototype\r\n%1\r\n$8\r\npolluted\r\n+yes\r\n$8\r\npolluted\r\n+yes\r\n";
const FLAT_POISON =
  "*4\r\n$9\r\n__proto__\r\n$8\r\npolluted\r\n$9\r\nprototype\r\n*2\r\n$9\r\n__proto__\r\n$8\r\npolluted\r\n";

test("no reply, push, error or handshake reaches a prototype", async () => {
  const wires = [
    POISON,
    FLAT_POISON,
    `*1\r\n${POISON}`,
    `*2\r\n$1\r\n0\r\n${FLAT_POISON}`,
    `|1\r\n$9\r\n__proto__\r\n${POISON}${POISON}`,
    `*1\r\n*2\r\n$9\r\n__proto__\r\n*1\r\n*2\r\n$3\r\n1-1\r\n${FLAT_POISON}`,
    `>3\r\n$9\r\n__proto__\r\n${POISON}${POISON}${POISON}`,
    `>4\r\n+pmessage\r\n${POISON}+a\r\n+b\r\n+OK\r\n`,
    "-__proto__ polluted\r\n",
    "-constructor polluted\r\n",
  ];
  let at = 0;
  await using server = await startScriptedServer(([name = ""]) => {
    if (name === "HELLO") return `%3\r\n$9\r\n__proto__\r\n${POISON}$2\r\nid\r\n${POISON}$7\r\nversion\r\n${POISON}`;
    if (name === "CLIENT") return "+OK\r\n";
    return wires[at++ % wires.length] as string;
  });
  const own = Reflect.ownKeys(Object.prototype);
  const redis = new Redis({ port: server.port, ...quick });
  const pool = new ConnectionPool({ port: server.port, ...quick });
  for (const work of [
    () => redis.hgetall("k"),
    () => redis.get("k"),
    () => redis.config.get("*"),
    () => redis.xread({ k: "0" }),
    () => redis.xrange("k", "-", "+"),
    () => redis.hscanIterator("k").next(),
    () => redis.zrange("k", 0, -1),
    () => redis.command.docs(),
    () => redis.pipeline().hgetall("k").hgetall("k").exec(),
    () => redis.multi().hgetall("k").exec(),
    () => redis.eval("x", []),
    () => redis.client.trackinginfo(),
    () => redis.acl.getuser("k"),
    () => pool.use((lease) => lease.hgetall("k")),
  ]) {
    for (let times = 0; times < wires.length; times++) {
      const result: unknown = await work().catch((error: unknown) => error);
      assert.equal(
        (result as { polluted?: unknown } | null)?.polluted === "yes" && Object.getPrototypeOf(result) !== null,
        false,
      );
    }
  }
  redis.stats();
  await Promise.all([redis.close({ timeout: 20 }), pool.close({ timeout: 20 })]);
  assert.deepEqual(Reflect.ownKeys(Object.prototype), own);
  for (const value of [{}, [], () => 0, "", 0, new Map(), Buffer.alloc(0), new Error("x")] as unknown as Record<
    string,
    unknown
  >[]) {
    assert.equal(value["polluted"], undefined);
  }
});

test("handshake replies of any kind end in an error or a working client, never in a crash or a hang", async () => {
  const kinds = [
    "+OK\r\n",
    "-ERR\r\n",
    "-\r\n",
    "- \r\n",
    ":1\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "%0\r\n",
    "_\r\n",
    ",nan\r\n",
    "#t\r\n",
    "(1\r\n",
    "%1\r\n$2\r\nid\r\n:-9223372036854775808\r\n",
    "%1\r\n$2\r\nid\r\n,inf\r\n",
    "%2\r\n$5\r\nproto\r\n:99\r\n$7\r\nversion\r\n$0\r\n\r\n",
    `%1\r\n$7\r\nversion\r\n$500000\r\n${"9".repeat(500_000)}\r\n`,
    "-NOPROTO x\r\n",
    "-MOVED 1 a:1\r\n",
    "-ASK 1 a:1\r\n",
    "-NOAUTH x\r\n",
    ">2\r\n+a\r\n+b\r\n",
    "!5\r\nERR x\r\n",
    "=5\r\ntxt:x\r\n",
    "~1\r\n+a\r\n",
    "|1\r\n+a\r\n+b\r\n+OK\r\n",
    "*3\r\n+subscribe\r\n+a\r\n:1\r\n",
  ];
  const outcomes = new Set<string>();
  for (const kind of kinds) {
    await using server = await startScriptedServer(([name = ""]) => (name === "GET" ? "$1\r\nv\r\n" : kind));
    const redis = new Redis({ port: server.port, ...quick, commandTimeout: 120, connectTimeout: 60 });
    const result: unknown = await redis.get("k").catch((error: unknown) => error);
    assert.ok(result === "v" || result instanceof RedisError, `${kind.slice(0, 40)}: ${String(result)}`);
    outcomes.add(result === "v" ? "works" : result.code);
    await redis.close({ timeout: 20 });
    assert.equal(statsOf(redis).total, 0);
  }
  assert.ok(outcomes.has("works") && outcomes.size > 1, [...outcomes].join());
});

/**
 * Runs what would take hours where its steps grow with the square of the text. A process of its own, because nothing else can end
 * what does not let go of the event loop.
 */
async function endsSoon(program: string): Promise<void> {
  const { code, signal, stderr, stdout } = await runChild(program, {}, { timeout: 30_000 });
  assert.deepEqual({ code, signal, stderr, stdout }, { code: 0, signal: null, stderr: "", stdout: "done\n" });
}

/** Error texts that make a careless pattern look at everything from everywhere; as long as an error may be. */
const SLOW_TEXTS = `[
    "'a'", "'", '"', "\`'", "'a", "ERR 'x\\" ", "ACL SETUSER modifier '", ", with args beginning with:", " with args beginning with", "AUTH", "AUTH without any",
    "A", "A_", "max number of ", "invalid pass", "unknown comman", "NOPROT", "WRONGPASS AUTH ", "unsupported protoco",
  ].map((piece) => "ERR " + piece.repeat(Math.floor(1_000_000 / piece.length)))`;

test("an error reply cannot keep the process busy: not the parts that are taken out of it", () =>
  endsSoon(`
    const { ServerError } = await import("./src/base/errors.ts");
    const { ownError } = await import("./src/commands/redact.ts");
    const args = ["k", "b".repeat(300_000), Buffer.alloc(3_000_000, "c"), 5];
    for (const text of ${SLOW_TEXTS}) {
      for (const name of ["SET", "EVAL"]) ownError(ServerError.fromReply(text), { spec: { name }, args });
      // A text that is nearly in the argument, again and again.
      ownError(ServerError.fromReply("ERR '" + "x" + "b".repeat(250_000) + "'"), { spec: { name: "SET" }, args });
    }
    console.log("done");
  `));

test("an error in the handshake cannot keep the process busy", () =>
  endsSoon(`
    const { ServerError } = await import("./src/base/errors.ts");
    const { resolveOptions } = await import("./src/base/options.ts");
    const { handshakeErrorFrom } = await import("./src/connection/connect-error.ts");
    const options = resolveOptions("redis://:p@h");
    for (const text of ${SLOW_TEXTS}) {
      for (const step of ["HELLO", "AUTH", "SELECT", "CLIENT"]) handshakeErrorFrom(step, ServerError.fromReply(text), options);
    }
    console.log("done");
  `));

test("figures and numbers in replies cannot keep the process busy", () =>
  endsSoon(`
    const { Decoder } = await import("./src/protocol/decoder.ts");
    const sink = { wantsBuffers: () => false, onReply: () => {}, onPush: () => {} };
    const long = 65_000;
    for (const line of [
      ":" + "1".repeat(long), "(" + "9".repeat(long), "," + "1".repeat(long), "," + "1".repeat(long) + "e", ",." + "1".repeat(long), "," + "1.".repeat(long / 2),
      "$" + "0".repeat(long), "*" + "-".repeat(long), "(" + "-".repeat(long), ",1e" + "9".repeat(long),
    ]) {
      for (let times = 0; times < 20; times++) {
        try { new Decoder(sink).write(Buffer.from(line + "\\r\\n")); } catch {}
      }
    }
    console.log("done");
  `));

test("a server that never lets go keeps no process alive after close", async () => {
  // It ignores the end of the connection, goes on sending, and takes every reconnect.
  await using server = await startListener((socket) => {
    socket.allowHalfOpen = true;
    socket.on("data", () => socket.write("*2\r\n$5\r\nhello\r\n"));
    const drip = setInterval(() => socket.write(":1\r\n*1\r\n"), 10);
    socket.on("close", () => clearInterval(drip));
  });
  const { code, signal, stdout, stderr } = await runChild(
    `const options = { port: Number(process.env.PORT), commandTimeout: 60_000, connectTimeout: 30_000, reconnect: { minDelay: 5, maxDelay: 5 } };
     const redis = new respool.Redis(options);
     const pool = new respool.ConnectionPool(options);
     const all = [redis.get("k"), redis.blpop("q", 0), redis.subscribe("c"), pool.lease({ timeout: Infinity })];
     for (const one of all) one.catch(() => {});
     await new Promise((resolve) => setTimeout(resolve, 150));
     await Promise.all([redis.close({ timeout: 50 }), pool.close({ timeout: 50 })]);
     const settled = await Promise.allSettled(all);
     console.log(settled.map((one) => one.reason instanceof respool.RedisError ? one.status : String(one.reason)).join());`,
    { PORT: String(server.port) },
  );
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
  assert.equal(stdout, "rejected,rejected,rejected,rejected\n");
});
