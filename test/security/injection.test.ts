import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ConnectionPool, OptionsError, Redis, type RedisOptions } from "../../src/index.ts";
import { startListener } from "./listener.ts";

/** What an attacker would put where he may choose a piece of text. */
const HOSTILE = [
  "a\r\nFLUSHALL\r\n",
  "\r\n*1\r\n$8\r\nFLUSHALL\r\n",
  "a\nFLUSHALL\n",
  "x 0\r\n$8\r\nFLUSHALL",
  "\0\r\nQUIT\r\n",
  "$-1\r\n",
  "\u2028FLUSHALL\u2029",
  // Characters whose low byte is CR, LF, `*` and `$`: what writes them as one byte each writes protocol.
  "\u010d\u010a\u012a1\u010d\u010a\u0124\u0138\u010d\u010aFLUSHALL\u010d\u010a",
  "\ud83d\ude00\r\n\ud83d",
] as const;

/** Text as it comes back from UTF-8. */
const there = (text: string): string => Buffer.from(text).toString();

/**
 * Takes a stream of commands apart as strictly as the protocol is written: arrays of strings, each of exactly the length that it
 * says, in numbers without a sign or a leading zero.
 *
 * @returns the commands, and what is left; throws where anything else stands
 */
function parseStrictly(bytes: Buffer): { commands: string[][]; rest: number } {
  const commands: string[][] = [];
  let at = 0;
  const header = (type: string): number | null => {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return null;
    const line = bytes.toString("latin1", at, end);
    assert.match(line, new RegExp(`^\\${type}(0|[1-9]\\d{0,8})$`), `at byte ${at}`);
    at = end + 2;
    return Number(line.slice(1));
  };
  for (let begin = 0; ; begin = at) {
    const words: string[] = [];
    const count = at < bytes.length ? header("*") : null;
    if (count === null) return { commands, rest: bytes.length - begin };
    for (let word = 0; word < count; word++) {
      const size = at < bytes.length ? header("$") : null;
      if (size === null || at + size + 2 > bytes.length) return { commands, rest: bytes.length - begin };
      words.push(bytes.toString("utf8", at, at + size));
      assert.equal(bytes.toString("latin1", at + size, at + size + 2), "\r\n", `behind a string, at byte ${at + size}`);
      at += size + 2;
    }
    commands.push(words);
  }
}

/** Answers every command with OK, HELLO as an old server does; subscriptions are confirmed. */
function answer(socket: Socket): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    const { commands, rest } = parseStrictly(pending);
    pending = pending.subarray(pending.length - rest);
    for (const [name = "", ...args] of commands) {
      if (name === "HELLO") socket.write("-ERR unknown command\r\n");
      else if (name.endsWith("SUBSCRIBE")) {
        for (const channel of args) {
          const bytes = Buffer.from(channel);
          socket.write(`*3\r\n$${name.length}\r\n${name.toLowerCase()}\r\n$${bytes.length}\r\n`);
          socket.write(bytes);
          socket.write("\r\n:1\r\n");
        }
      } else socket.write("+OK\r\n");
    }
  });
}

/** Runs a client against a server that keeps every byte, and gives the commands of all its connections. */
async function commandsOf(work: (port: number) => Promise<unknown>): Promise<string[][]> {
  await using listener = await startListener(answer);
  await work(listener.port);
  const all: string[][] = [];
  for (const bytes of listener.received) {
    const { commands, rest } = parseStrictly(bytes);
    assert.equal(rest, 0, "half a command at the end");
    all.push(...commands);
  }
  return all;
}

test("the strict reader refuses what is not exactly commands", () => {
  const good = "*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n";
  assert.deepEqual(parseStrictly(Buffer.from(good)), { commands: [["ECHO", "\r\n"]], rest: 0 });
  for (const bad of [
    "FLUSHALL\r\n",
    `${good}PING\r\n`,
    "*1\r\n$3\r\nPING\r\n",
    "*01\r\n$4\r\nPING\r\n",
    "*1\r\n+PING\r\n",
    "*-1\r\n",
  ]) {
    assert.throws(() => parseStrictly(Buffer.from(bad)), bad);
  }
});

test("no text in any argument becomes protocol, whatever the command and however it is sent", async () => {
  for (const text of HOSTILE) {
    const commands = await commandsOf(async (port) => {
      await using redis = new Redis({ port });
      const failed = (): null => null;
      const bytes = Buffer.from(text);
      await Promise.all([
        redis.set(text, text, { ex: 5 }),
        redis.set(bytes, Buffer.concat([bytes, Buffer.alloc(5000, text)])),
        redis.call("SOMETHING.NEW", text, bytes).catch(failed),
        redis.hset(text, { [text]: text }).catch(failed),
        redis.rpush(text, text, text, text, text).catch(failed),
        redis.eval(text, [text], text).catch(failed),
        redis.publish(text, text).catch(failed),
        redis.client.setname(text).catch(failed),
        redis.auth(text, { username: text }).catch(failed),
        redis.config.set({ [text]: text }).catch(failed),
        redis.migrate(text, 1, text, 0, 10).catch(failed),
        redis.defineScript(`return ${text}`)([], [text]).catch(failed),
        redis.pipeline().set(text, text).call("ECHO", text).exec(),
        redis.multi().set(text, text).exec().catch(failed),
        redis.subscribe(text),
        redis.psubscribe([text, `${text}2`]),
      ]);
    });
    const names = new Set(commands.map(([name]) => name));
    const sent =
      "HELLO CLIENT SET SOMETHING.NEW HSET RPUSH EVAL PUBLISH AUTH CONFIG MIGRATE EVALSHA ECHO MULTI EXEC SUBSCRIBE PSUBSCRIBE SCRIPT RESET";
    assert.deepEqual(
      [...names].filter((name) => !sent.split(" ").includes(name ?? "")),
      [],
      JSON.stringify(text),
    );
    const plain = there(text);
    const has = (...words: string[]): void =>
      assert.ok(
        commands.some((command) => JSON.stringify(command) === JSON.stringify(words)),
        `${JSON.stringify(words)} was not sent`,
      );
    has("SET", plain, plain, "EX", "5");
    has("HSET", plain, plain, plain);
    has("RPUSH", plain, plain, plain, plain, plain);
    has("EVAL", plain, "1", plain, plain);
    has("CLIENT", "SETNAME", plain);
    has("CONFIG", "SET", plain, plain);
    has("PUBLISH", plain, plain);
    has("SUBSCRIBE", plain);
    has("PSUBSCRIBE", plain, `${plain}2`);
  }
});

test("no text in user or password becomes protocol, whoever gives it: options, a URL or credentials()", async () => {
  for (const text of HOSTILE) {
    const url = `${encodeURIComponent(there(text))}:${encodeURIComponent(there(text))}`;
    const logins: ((port: number) => RedisOptions | string)[] = [
      (port) => ({ port, username: text, password: text, protocol: 2 }),
      (port) => ({ port, username: text, password: text }),
      (port) => ({ port, credentials: async () => ({ username: text, password: text }) }),
      (port) => `redis://${url}@127.0.0.1:${port}`,
    ];
    for (const login of logins) {
      const commands = await commandsOf(async (port) => {
        const options = login(port);
        await using redis = typeof options === "string" ? new Redis(options) : new Redis(options);
        await redis.set("k", "v");
      });
      const shape = commands.map(([name, ...args]) => (name === "AUTH" ? [name, ...args] : [name]));
      const plain = there(text);
      assert.deepEqual(
        shape.filter(([name]) => name !== "CLIENT" && name !== "HELLO"),
        [["AUTH", plain, plain], ["SET"]],
      );
      for (const command of commands) {
        if (command[0] === "HELLO") assert.deepEqual(command, ["HELLO", "3", "AUTH", plain, plain]);
      }
    }
  }
});

test("no text in an option or a part of a URL becomes protocol: it is refused before anything is sent", () => {
  const port = 1;
  for (const text of HOSTILE) {
    const coded = encodeURIComponent(there(text));
    const refused: (() => unknown)[] = [
      () => new Redis({ port, clientName: text }),
      () => new Redis({ db: `1${text}` as never }),
      () => new Redis({ port: `6379${text}` as never }),
      () => new Redis({ protocol: `3${text}` as never }),
      () => new Redis(`redis://h/1${coded}`),
      () => new Redis(`redis://h:1${coded}`),
      () => new Redis(`redis://h/1${text}`),
      () => new Redis(`redis://h?db=1${coded}`),
      () => new Redis(`redis://h?clientName=${coded}`),
      () => new Redis(`redis://h?protocol=3${coded}`),
      () => new Redis(`redis${text}://h`),
      () => new ConnectionPool({ clientName: `${text}a` }),
    ];
    // A name may be of any letters, and is nothing that a server is told.
    if (!/^\p{L}[\p{L}1]+$/u.test(text))
      refused.push(
        () => new Redis({ host: text }),
        () => new Redis(`redis://${coded}:1`),
      );
    for (const [index, make] of refused.entries()) {
      assert.throws(make, (error) => error instanceof OptionsError, `case ${index} with ${JSON.stringify(text)}`);
    }
  }
});

test("no text in a command's name becomes protocol: it is refused before anything is sent", async () => {
  const commands = await commandsOf(async (port) => {
    await using redis = new Redis({ port });
    await redis.set("k", "v");
    for (const text of [...HOSTILE, "", " ", "GET\r\n", "GET k", "CONFIG GET x", "é", "SET\tk", " GET", "GET "]) {
      if (text === "GET k") continue; // two words are a command and its first argument
      await assert.rejects(redis.call(text), { code: "ERR_OPTIONS" }, JSON.stringify(text));
      assert.throws(() => redis.pipeline().call(text), { code: "ERR_OPTIONS" });
      const sub = await redis.call("CONFIG", text).catch(() => "refused");
      assert.ok(sub === "OK" || sub === "refused");
    }
  });
  assert.deepEqual([...new Set(commands.map(([name = ""]) => name))].sort(), ["CLIENT", "CONFIG", "HELLO", "SET"]);
});

test("values that would change between the check and the write are sent as they were, or not at all", async () => {
  const commands = await commandsOf(async (port) => {
    await using redis = new Redis({ port });
    const small = Buffer.from("before");
    const sent = [redis.set("small", small)];
    small.write("\r\n*1\r\n");
    // A large one is sent by reference: its bytes may change, its length may not.
    const memory = new ArrayBuffer(8000);
    const large = redis.set("large", Buffer.from(memory)).catch((error: unknown) => error);
    structuredClone(memory, { transfer: [memory] });
    let calls = 0;
    const shifty = { toString: () => (calls++ === 0 ? "a" : "a\r\nFLUSHALL\r\n") };
    await assert.rejects(redis.set("object", shifty as never), { code: "ERR_OPTIONS" });
    const list = ["a", "b"];
    sent.push(redis.call("DEL", ...list) as never, redis.del(list).catch(() => null) as never);
    list.push("\r\nFLUSHALL\r\n");
    await Promise.all(sent);
    assert.ok((await large) instanceof OptionsError);
    assert.equal(calls, 0, "the object was asked for a text");
  });
  assert.deepEqual(
    commands.filter(([name]) => name !== "CLIENT" && name !== "HELLO"),
    [
      ["SET", "small", "before"],
      ["DEL", "a", "b"],
      ["DEL", "a", "b"],
    ],
  );
});
