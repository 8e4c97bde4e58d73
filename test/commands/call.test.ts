import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OptionsError } from "../../src/base/errors.ts";
import { buildCall } from "../../src/commands/call.ts";
import { keysOf } from "../../src/commands/keys.ts";
import { NOT_BLOCKING } from "../../src/commands/request.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { sharedServer } from "../support/server.ts";
import { startServer } from "../../src/testing/index.ts";
import { RawCommands } from "./raw.ts";

const server = sharedServer();

test("a sub-command is the first argument or the second word, in any case", () => {
  const calls = [
    buildCall("CONFIG", ["GET", "hz"]),
    buildCall("config", ["get", "hz"]),
    buildCall("config get", ["hz"]),
  ];
  for (const request of calls) {
    assert.equal(request.spec.name, "CONFIG GET");
    assert.deepEqual(request.args, ["hz"]);
    assert.equal(request.payload, "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$2\r\nhz\r\n");
    assert.equal(request.transform, null);
  }
});

test("the facts of a command are found from its flat arguments", () => {
  const cases: readonly (readonly [string, unknown[], string, string, number, string[]])[] = [
    ["get", ["k"], "read", "share", NOT_BLOCKING, ["k"]],
    ["BLPOP", ["a", "b", 2], "accumulate", "lease", 2000, ["a", "b"]],
    ["blmpop", ["0.5", 1, "a", "LEFT"], "accumulate", "lease", 500, ["a"]],
    ["xread", ["block", "5", "streams", "a", "$"], "read", "lease", 5, ["a"]],
    ["xread", ["count", "5", "streams", "block", "0"], "read", "share", NOT_BLOCKING, ["block"]],
    ["zadd", ["z", "incr", 1, "m"], "accumulate", "share", NOT_BLOCKING, ["z"]],
    ["sort", ["l", "STORE", "d"], "overwrite", "share", NOT_BLOCKING, ["l", "d"]],
    ["multi", [], "overwrite", "lease", NOT_BLOCKING, []],
    ["subscribe", ["ch"], "overwrite", "subscribe", NOT_BLOCKING, []],
    ["ft.search", ["idx", "*"], "accumulate", "share", NOT_BLOCKING, []],
  ];
  for (const [name, args, effect, route, blockFor, keys] of cases) {
    const request = buildCall(name, args);
    assert.deepEqual(
      [request.effect, request.route, request.blockFor, keysOf(request)],
      [effect, route, blockFor, keys],
      name,
    );
  }
});

test("what cannot be a command or an argument is refused", () => {
  for (const name of ["", "GET\r\nQUIT", "a b c", 5]) {
    assert.throws(() => buildCall(name as string, []), OptionsError, String(name));
  }
  for (const arg of [undefined, null, true, ["a"], {}, Number.NaN]) {
    assert.throws(
      () => buildCall("SET", ["k", arg]),
      /^OptionsError.*SET argument 2: expected a string, Buffer or number/s,
    );
  }
});

test("the server answers a call with its generic reply", async () => {
  const raw = await RawCommands.connect(server().path, 2);
  assert.equal(await raw.call("set", "call", Buffer.from("v")), "OK");
  assert.equal(await raw.call("GET", "call"), "v");
  assert.deepEqual(await raw.call("CONFIG", "GET", "hz"), ["hz", "10"]);
  raw.close();
});

test("the hash slot of a key is the server's, hash tags and binary keys too", async () => {
  await using cluster = await startServer({ config: { "cluster-enabled": "yes" } });
  const raw = await RawCommands.connect(cluster.path, 3);
  const keys: (string | Buffer)[] = [
    "foo",
    "{user1000}.following",
    "foo{}{bar}",
    "foo{{bar}}zap",
    "foo{bar}{zap}",
    "{",
    "}{",
    "é",
    Buffer.from([0, 255, 128]),
  ];
  for (const key of [...keys, ...fc.sample(fc.string({ unit: fc.constantFrom("{", "}", "a", "ß") }), 50)]) {
    if (key.length > 0) assert.equal(slotOf(key), await raw.cluster.keyslot(key), String(key));
  }
  raw.close();
});
