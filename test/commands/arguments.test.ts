import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionsError } from "../../src/base/errors.ts";
import { attachCommands } from "../../src/commands/methods.ts";
import { NOT_BLOCKING, type Request } from "../../src/commands/request.ts";
import type { CommandMethods } from "../../src/commands/typings.generated.ts";
import type { Family } from "../../src/commands/typings.ts";
import { Recorder } from "./raw.ts";

interface RequestFamily extends Family {
  readonly result: Request;
}

const commands = new Recorder() as unknown as CommandMethods<RequestFamily, string>;
/** The same methods for calls that the typings refuse. */
const loose = commands as unknown as Record<string, (...args: unknown[]) => Request>;

function words(request: Request): string {
  return [request.spec.name, ...request.args.map(String)].join(" ");
}

function refused(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof OptionsError, String(error));
    assert.match(error.message, message);
    assert.equal(error.outcome, "not-sent");
    return true;
  });
}

test("a repeating last argument takes values or one array", () => {
  assert.equal(words(commands.del("a", "b")), "DEL a b");
  assert.equal(words(commands.del(["a", "b"])), "DEL a b");
  assert.equal(words(commands.lpush("l", "a")), "LPUSH l a");
  assert.equal(words(commands.lpush("l", ["a", Buffer.from("b"), 3])), "LPUSH l a b 3");
  assert.equal(words(commands.info()), "INFO");
  assert.equal(words(commands.info([])), "INFO");
});

test("a repeating argument before others takes a value or an array", () => {
  assert.equal(words(commands.blpop(["a", "b"], 5)), "BLPOP a b 5");
  assert.equal(words(commands.blpop("a", 5)), "BLPOP a 5");
  assert.equal(words(commands.sintercard(["a", "b"], { limit: 1 })), "SINTERCARD 2 a b LIMIT 1");
});

test("counts of keys are computed", () => {
  assert.equal(words(commands.zunion(["a", "b"], { weights: [1, 2] })), "ZUNION 2 a b WEIGHTS 1 2");
  assert.equal(words(commands.eval("s", ["k"], ["a"])), "EVAL s 1 k a");
  assert.equal(words(commands.eval("s", [], "a", "b")), "EVAL s 0 a b");
  assert.equal(words(commands.eval("s")), "EVAL s 0");
  assert.equal(words(commands.blmpop(1, ["a"], "LEFT", { count: 2 })), "BLMPOP 1 1 a LEFT COUNT 2");
});

test("pairs are an object, a Map or an array of pairs", () => {
  assert.equal(words(commands.hset("h", { name: "Ada", born: 1815 })), "HSET h name Ada born 1815");
  assert.equal(words(commands.hset("h", new Map([["name", "Ada"]]))), "HSET h name Ada");
  assert.equal(words(commands.hset("h", [["name", "Ada"]])), "HSET h name Ada");
  assert.equal(words(commands.mset({ a: 1, b: 2 })), "MSET a 1 b 2");
  assert.equal(
    words(
      commands.zadd(
        "z",
        [
          [1, "a"],
          [2, "b"],
        ],
        { nx: true },
      ),
    ),
    "ZADD z NX 1 a 2 b",
  );
  assert.equal(words(commands.xadd("s", "*", { f: "v" }, { maxlen: 9 })), "XADD s MAXLEN 9 * f v");
  assert.equal(words(commands.xread({ a: "0", b: "$" }, { count: 1 })), "XREAD COUNT 1 STREAMS a b 0 $");
  assert.equal(words(commands.geoadd("g", [[1, 2, "m"]], { ch: true })), "GEOADD g CH 1 2 m");
});

test("options come in the order of the wire, whatever order they are given in", () => {
  assert.equal(words(commands.set("k", "v", { ex: 300, get: true, nx: true })), "SET k v NX GET EX 300");
  assert.equal(words(commands.set("k", "v", { nx: false, keepttl: true })), "SET k v KEEPTTL");
  assert.equal(
    words(commands.sort("k", { desc: true, get: ["a", "b"], limit: { offset: 0, count: 5 } })),
    "SORT k LIMIT 0 5 GET a GET b DESC",
  );
  assert.equal(
    words(commands.xadd("s", "*", { f: 1 }, { limit: 5, maxlen: { operator: "~", threshold: 9 } })),
    "XADD s MAXLEN ~ 9 LIMIT 5 * f 1",
  );
});

test("the only value that an options object needs may stand in its place", () => {
  assert.equal(words(commands.lpop("k", 2)), "LPOP k 2");
  assert.equal(words(commands.lpop("k", { count: 2 })), "LPOP k 2");
  assert.equal(words(commands.ping("hi")), "PING hi");
  assert.equal(words(commands.hello(3)), "HELLO 3");
});

test("tokens are taken in any case and sent in the server's", () => {
  assert.equal(words(commands.lmove("a", "b", "left", "RIGHT")), "LMOVE a b LEFT RIGHT");
  assert.equal(words(commands.geodist("g", "a", "b", "KM")), "GEODIST g a b km");
  assert.equal(words(commands.client.no_evict("on")), "CLIENT NO-EVICT ON");
});

test("what is no string, Buffer or number is refused with its place and kind, never its value", () => {
  refused(() => loose["get"]?.(undefined), /^GET key: expected a string, Buffer or number, got undefined$/);
  refused(() => loose["set"]?.("k", null), /^SET value: .* got null$/);
  refused(() => loose["set"]?.("k", { secret: 1 }), /^SET value: .* got an object$/);
  refused(() => loose["set"]?.("k", Promise.resolve("v")), /is an await missing/);
  refused(() => loose["expire"]?.("k", Number.NaN), /^EXPIRE seconds: .* got NaN$/);
  refused(() => loose["hset"]?.("h", { f: undefined }), /^HSET data value: .* got undefined$/);
  refused(() => loose["hset"]?.("h", "f", "v"), /^HSET: expected \(key, data\), got 3 arguments$/);
  refused(() => loose["mget"]?.("a", true), /^MGET key: .* got a boolean$/);
  refused(() => loose["lpush"]?.("l", ["a", ["b"]]), /^LPUSH element: .* got an array$/);
});

test("empty lists and pairs are refused where something must be given", () => {
  refused(() => commands.del([]), /^DEL key: .* got an empty array$/);
  refused(() => commands.del(), /^DEL: expected \(\.\.\.key\), got 0 arguments$/);
  refused(() => commands.hset("h", {}), /^HSET data: expected at least one, got none$/);
  refused(() => commands.zadd("z", []), /^ZADD data: expected at least one, got none$/);
  refused(() => commands.zunion([]), /^ZUNION key: .* got an empty array$/);
});

test("options that are unknown, exclude one another, lack another or have no value are refused", () => {
  refused(() => loose["set"]?.("k", "v", { exx: 5 }), /^SET options: unknown option "exx": known are nx, xx, get, ex/);
  refused(() => commands.set("k", "v", { ex: 1, px: 1 }), /^SET options: ex and px exclude one another/);
  refused(() => loose["set"]?.("k", "v", { ex: undefined }), /^SET ex: got undefined: leave the option out/);
  refused(() => loose["set"]?.("k", "v", { nx: 1 }), /^SET nx: expected true or false, got a number$/);
  refused(() => loose["set"]?.("k", "v", "EX"), /^SET options: expected an object with nx/);
  refused(
    () => commands.geosearch("g", { byradius: { radius: 1, unit: "m" } }),
    /expected one of frommember, fromlonlat$/,
  );
  refused(() => loose["geosearch"]?.("g"), /^GEOSEARCH options: expected an object with frommember/);
  refused(
    () => commands.geosearch("g", { frommember: "m", byradius: { radius: 1, unit: "m" }, any: true }),
    /any can only be given together with count$/,
  );
  refused(() => loose["zrange"]?.("z", 0, 1, { limit: { offset: 1 } }), /^ZRANGE limit: expected count to be given$/);
  refused(
    () => loose["lmove"]?.("a", "b", "up", "left"),
    /^LMOVE wherefrom: expected LEFT or RIGHT, got another string$/,
  );
});

test("another number of arguments is refused", () => {
  refused(() => loose["get"]?.("a", "b"), /^GET: expected \(key\), got 2 arguments$/);
  refused(() => loose["get"]?.(), /^GET: expected \(key\), got 0 arguments$/);
  refused(() => loose["set"]?.("a"), /^SET: expected \(key, value, options\?\), got 1 argument$/);
  refused(() => loose["dbsize"]?.("a"), /^DBSIZE: expected no arguments, got 1 argument$/);
});

test("what options change of the effect is known", () => {
  const effects: readonly (readonly [Request, string])[] = [
    [commands.get("k"), "read"],
    [commands.set("k", "v"), "overwrite"],
    [commands.set("k", "v", { get: true }), "accumulate"],
    [commands.zadd("z", [[1, "a"]]), "overwrite"],
    [commands.zadd("z", [[1, "a"]], { incr: true }), "accumulate"],
    [commands.getex("k"), "read"],
    [commands.getex("k", { ex: 5 }), "overwrite"],
    [commands.sort("k"), "read"],
    [commands.sort("k", { store: "d" }), "overwrite"],
    [commands.sort("k", { store: "k" }), "accumulate"],
    [commands.bitfield("k", { get: { encoding: "u8", offset: 0 } }), "read"],
    [commands.bitfield("k", { set: { encoding: "u8", offset: 0, value: 1 } }), "overwrite"],
    [commands.bitfield("k", { incrby: { encoding: "u8", offset: 0, increment: 1 } }), "accumulate"],
    [commands.sunionstore("d", "a", "b"), "overwrite"],
    [commands.zunionstore("d", ["a", "d"]), "accumulate"],
    [commands.bitop("not", "a", "a"), "accumulate"],
    [commands.eval_ro("s"), "read"],
    [commands.evalsha("s"), "accumulate"],
  ];
  for (const [request, effect] of effects) assert.equal(request.effect, effect, words(request));
});

test("blocking commands are leased and say how long they may block", () => {
  const blocking: readonly (readonly [Request, string, number])[] = [
    [commands.blpop(["a", "b"], 2.5), "lease", 2500],
    [commands.blpop("a", "0"), "lease", 0],
    [commands.blmove("a", "b", "LEFT", "LEFT", 0.0001), "lease", 1],
    [commands.bzmpop(3, "a", "MIN"), "lease", 3000],
    [commands.wait(1, 50), "lease", 50],
    [commands.waitaof(1, 0, 60), "lease", 60],
    [commands.xread({ a: "$" }, { block: 100 }), "lease", 100],
    [commands.xreadgroup("g", "c", { a: ">" }, { block: 0, count: 1 }), "lease", 0],
    [commands.xread({ BLOCK: "0" }), "share", NOT_BLOCKING],
    [commands.xreadgroup("BLOCK", "5", { a: ">" }), "share", NOT_BLOCKING],
    [commands.get("a"), "share", NOT_BLOCKING],
    [commands.watch("a"), "lease", NOT_BLOCKING],
    [commands.client.reply("ON"), "lease", NOT_BLOCKING],
  ];
  for (const [request, route, time] of blocking) {
    assert.deepEqual([request.route, request.blockFor], [route, time], words(request));
  }
});

test("a member that the class has itself is left alone, and so are other instances by an assignment", () => {
  class Own extends Recorder {}
  class Special {
    dispatch(request: Request): Request {
      return request;
    }

    refuse(error: unknown): never {
      throw error;
    }

    get(): string {
      return "its own";
    }
  }
  attachCommands(Special.prototype);
  const special = new Special() as Special & Record<string, (key: string) => Request>;
  assert.equal(special.get(), "its own");
  assert.equal(special["incr"]?.("k").spec.name, "INCR");
  const own = new Own() as Own & Record<string, unknown>;
  own["hlen"] = () => "replaced";
  assert.equal((own["hlen"] as () => string)(), "replaced");
  assert.equal(words(commands.hlen("h")), "HLEN h");
});

test("namespaces belong to their instance, and one that is a command too can be called", () => {
  const other = new Recorder() as unknown as CommandMethods<RequestFamily, string>;
  assert.equal(commands.config, commands.config);
  assert.notEqual(commands.config, other.config);
  assert.equal(words(commands.command()), "COMMAND");
  assert.equal(words(commands.command.count()), "COMMAND COUNT");
});
