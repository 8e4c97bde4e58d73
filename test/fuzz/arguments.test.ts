import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Redis } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { bounded } from "./bounds.ts";

const server = sharedServer();

/** Pieces that mean something to a server where they stand by themselves. */
const PROTOCOL = [
  "\r\n",
  "\n",
  "*1\r\n$8\r\nFLUSHALL\r\n",
  "$-1\r\n",
  "FLUSHALL\r\n",
  "+OK",
  "\0",
  "$3\r\n",
  "*",
  "\r",
];

type Arg = string | Uint8Array | number;

const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.constantFrom(Infinity, -Infinity, 1e21, -0, 5e-324, Number.MAX_SAFE_INTEGER),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...PROTOCOL, "é", "\ud800", "\udc00", "😀", "x"), maxLength: 30 }),
);
/** Bytes in the middle of a larger memory, as a Buffer or another view: what is beside them must not be sent. */
const bytes = fc
  .tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(8), fc.nat(8), fc.boolean())
  .map(([middle, before, after, asView]): Arg => {
    const all = Buffer.concat([Buffer.alloc(before, "<"), middle, Buffer.alloc(after, ">")]);
    const part = all.subarray(before, before + middle.length);
    return asView ? new Uint8Array(part.buffer, part.byteOffset, part.length) : part;
  });
/** Around the sizes at which strings and Buffers go another way. */
const large = fc
  .tuple(
    fc.constantFrom(31, 32, 33, 1023, 1024, 4095, 4096, 4097, 20_000),
    fc.constantFrom("x", "é", "\r\n", "\xff", "\ud800"),
  )
  .chain(([size, fill]) => {
    const long = fill.repeat(Math.ceil(size / fill.length)).slice(0, size);
    return fc.constantFrom<Arg>(long, Buffer.from(long), Buffer.from(long, "latin1"));
  });
const argument: fc.Arbitrary<Arg> = fc.oneof(text, bytes, number, large);

/** What must be sent, said in another way than the encoder's. */
function expected(arg: Arg): Buffer {
  if (typeof arg === "object") return Buffer.from(arg);
  if (typeof arg === "string") return Buffer.from(new TextEncoder().encode(arg));
  if (Number.isFinite(arg)) return Buffer.from(`${arg}`);
  return Buffer.from(arg > 0 ? "inf" : "-inf");
}

/** Bytes as text that shows where they differ. */
const hex = (values: readonly unknown[]): string[] => values.map((value) => (value as Buffer).toString("hex"));

async function roundTrip(redis: Redis, given: readonly Arg[]): Promise<void> {
  // Views that are no Buffers are taken as well, although no type says so.
  const args = given as readonly (string | Buffer | number)[];
  const { buffers } = redis;
  const wanted = hex(args.map(expected));
  const [first = "", ...rest] = args;
  // All in one turn, so that they share a write: an argument that does not end where it says reaches into the next command.
  const [echoes, , value, pushed, scripted, piped, transacted] = await Promise.all([
    Promise.all(args.map((arg) => buffers.call("ECHO", arg))),
    buffers.call("SET", "fuzz:value", first),
    buffers.call("GET", "fuzz:value"),
    buffers.call("RPUSH", "fuzz:list", ...args),
    buffers.call("EVAL", "return ARGV", 0, ...args),
    buffers.pipeline().call("DEL", "fuzz:key").call("ECHO", first).exec(),
    buffers.multi().call("HSET", "fuzz:hash", first, "v").call("HKEYS", "fuzz:hash").call("DEL", "fuzz:hash").exec(),
  ]);
  assert.deepEqual(hex(echoes), wanted);
  assert.deepEqual(hex([value]), hex([expected(first)]));
  assert.equal(pushed, args.length);
  assert.deepEqual(hex(scripted as unknown[]), wanted);
  assert.deepEqual(hex([piped[1]]), hex([expected(first)]));
  assert.deepEqual(hex(transacted[1] as unknown[]), hex([expected(first)]));
  const list = await buffers.call("LRANGE", "fuzz:list", 0, -1);
  assert.deepEqual(hex(list as unknown[]), wanted);
  await redis.call("DEL", "fuzz:list");
  assert.equal(rest.length, args.length - 1);
}

for (const protocol of [2, 3] as const) {
  test(`any arguments come back from a real server as the same bytes, and no byte of them is a command (RESP${protocol})`, async () => {
    using raw = await connectRaw(server());
    await raw.command("CONFIG", "RESETSTAT");
    await using redis = new Redis({ port: server().port, protocol });
    await fc.assert(
      fc.asyncProperty(fc.array(argument, { minLength: 1, maxLength: 8 }), (args) => roundTrip(redis, args)),
      bounded(600, 6),
    );
    const commands = Object.keys(await raw.info("commandstats")).map((name) => name.replace("cmdstat_", ""));
    const known =
      "echo set get rpush eval del multi exec hset hkeys lrange hello client|setinfo client|setname client|id select ping info config|resetstat";
    assert.deepEqual(
      commands.filter((name) => !known.split(" ").includes(name)),
      [],
      "other commands ran than those that were sent",
    );
    const errors = await raw.info("errorstats");
    // SETINFO, which this server does not know, is the only one that may be refused.
    assert.deepEqual(
      Object.keys(errors).filter((name) => name !== "errorstat_ERR"),
      [],
    );
    assert.equal(Object.keys(await raw.clients()).length, 1);
  });
}

test("any text is the same as a channel, a script and a field, there and back", async () => {
  await using redis = new Redis(server().url);
  // Well-formed only: a lone surrogate has no bytes of its own, so it comes back as U+FFFD.
  const name = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(...PROTOCOL, "é", "x", "__proto__"), minLength: 1, maxLength: 10 }),
  );
  await fc.assert(
    fc.asyncProperty(name, name, async (channel, value) => {
      const heard: string[] = [];
      const subscription = await redis.subscribe(channel, (message) => heard.push(message.channel, message.message));
      await redis.publish(channel, value);
      await redis.hset("fuzz:names", [[channel, value]]);
      const hash = await redis.hgetall("fuzz:names");
      await redis.del("fuzz:names");
      // Its own bytes are in a long string of Lua, whose text is what was given.
      const script = await redis.eval(`--[====[${value.replaceAll("]====]", "")}]====] return ARGV[1]`, [], channel);
      await until(() => heard.length > 0, { interval: 1 });
      await subscription.close();
      assert.deepEqual(heard, [channel, value]);
      assert.deepEqual(Object.entries(hash), [[channel, value]]);
      assert.equal(script, channel);
    }),
    bounded(150, 5),
  );
});
