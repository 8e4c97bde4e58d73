import assert from "node:assert/strict";
import { test } from "node:test";
import { CacheValueError, json, msgpack, raw, v8, type Codec } from "../../src/cache/index.ts";

const cycle: { self?: unknown } = {};
cycle.self = cycle;

/** What is kept as it is, by codec; what is not is refused with its path. */
const KINDS: readonly (readonly [what: string, value: unknown, keptBy: readonly string[]])[] = [
  ["null", null, ["json", "msgpack", "msgpack records", "v8"]],
  ["a boolean", true, ["json", "msgpack", "msgpack records", "v8"]],
  ["text", "grüße 🙂", ["json", "msgpack", "msgpack records", "v8"]],
  ["half of a surrogate pair", "\ud83d", ["json", "v8"]],
  ["a number", -12.5, ["json", "msgpack", "msgpack records", "v8"]],
  ["a large number", Number.MAX_SAFE_INTEGER, ["json", "msgpack", "msgpack records", "v8"]],
  ["NaN", Number.NaN, ["msgpack", "msgpack records", "v8"]],
  ["Infinity", Infinity, ["msgpack", "msgpack records", "v8"]],
  ["-0", -0, ["v8"]],
  ["a bigint", 5n, ["msgpack", "msgpack records", "v8"]],
  ["a bigint of 64 bits", 2n ** 64n - 1n, ["msgpack", "msgpack records", "v8"]],
  ["a larger bigint", 2n ** 64n, ["v8"]],
  ["undefined", undefined, ["msgpack records", "v8"]],
  ["an array", [1, [2, "three"]], ["json", "msgpack", "msgpack records", "v8"]],
  ["an object", { a: { "b c": [] } }, ["json", "msgpack", "msgpack records", "v8"]],
  ["a property __proto__", JSON.parse('{"__proto__":1}'), ["json", "v8"]],
  ["a Date", new Date(1_700_000_000_123), ["msgpack", "msgpack records", "v8"]],
  ["an early Date", new Date(-1), ["msgpack", "msgpack records", "v8"]],
  ["an invalid Date", new Date(Number.NaN), []],
  [
    "a Map",
    new Map<unknown, unknown>([
      ["a", 1],
      [2, "b"],
    ]),
    ["msgpack records", "v8"],
  ],
  ["a Set", new Set([1, "a"]), ["v8"]],
  ["a Buffer", Buffer.from([0, 255, 193]), ["msgpack", "msgpack records", "v8"]],
  ["a Uint8Array", new Uint8Array([1, 2]), ["v8"]],
  ["a Float64Array", new Float64Array([0.5]), ["v8"]],
  ["an ArrayBuffer", new Uint8Array([3]).buffer, ["v8"]],
  ["a RegExp", /a+/gi, ["v8"]],
  ["an error", new RangeError("too far"), ["v8"]],
  ["a hole in an array", [1, , 3], []], // oxlint-disable-line no-sparse-arrays
  ["an array with a name", Object.assign([1], { name: "x" }), []],
  ["an object in itself", cycle, ["v8"]],
  ["an instance of a class", new URL("http://localhost"), []],
  ["a function", () => 1, []],
  ["a symbol", Symbol("s"), []],
  ["a property whose name is a symbol", { [Symbol("s")]: 1 }, []],
  ["toJSON", { toJSON: () => 1 }, []],
];

const CODECS: Readonly<Record<string, Codec>> = {
  json: json(),
  msgpack: msgpack(),
  "msgpack records": msgpack({ records: true }),
  v8: v8(),
};

for (const [name, codec] of Object.entries(CODECS)) {
  for (const [what, value, keptBy] of KINDS) {
    const isKept = keptBy.includes(name);
    test(`${name}: ${what} is ${isKept ? "kept" : "refused with its path"}`, () => {
      if (isKept) {
        const wrapped = { in: [value] };
        const bytes = Buffer.from(codec.encode(wrapped));
        const read = codec.decode(bytes) as typeof wrapped;
        assert.deepStrictEqual(read, wrapped);
        assert.equal(Object.getPrototypeOf(Object(read.in[0])), Object.getPrototypeOf(Object(value)));
        return;
      }
      assert.throws(
        () => codec.encode({ in: [value] }),
        (error) => {
          assert.ok(error instanceof CacheValueError, String(error));
          assert.match(error.path, /^\$\.in\[0\]/);
          assert.equal(error.code, "ERR_CACHE_VALUE");
          assert.match(error.message, /the codec \w+ cannot keep this value as it is: \$\.in\[0\]/);
          return true;
        },
      );
    });
  }
}

test("the path leads to the very value, however deep", () => {
  const deep = { items: [{}, {}, {}, { price: 3n, "a b": 1 }] };
  assert.throws(() => json().encode(deep), { path: "$.items[3].price", message: /: bigint$/ });
  assert.throws(() => json().encode({ "a b": [undefined] }), { path: '$["a b"][0]', message: /: undefined$/ });
  assert.throws(() => v8().encode(new Map([["k", { f() {} }]])), { path: '$.get("k").f', message: /: function$/ });
});

test("what is nested too deep is refused, and does not end the stack", () => {
  let nested: unknown = 1;
  for (let level = 0; level < 100_000; level++) nested = [nested];
  for (const codec of Object.values(CODECS))
    assert.throws(() => codec.encode(nested), { name: "CacheValueError", message: /nested deeper/ });
});

test("json leaves out what is undefined when it is asked to, and nothing else", () => {
  const codec = json({ dropUndefined: true });
  assert.equal(codec.encode({ a: 1, b: undefined }), '{"a":1}');
  assert.throws(() => codec.encode(undefined), { name: "CacheValueError" });
  assert.throws(() => codec.encode({ a: [undefined] }), { path: "$.a[0]" });
});

test("json does not read bytes that are no UTF-8", () => {
  assert.throws(() => json().decode(Buffer.from([0x22, 0xff, 0x22])));
});

test("raw keeps bytes, and nothing else", () => {
  assert.deepEqual(raw().decode(Buffer.from(raw().encode(new Uint8Array([0, 1, 255])))), Buffer.from([0, 1, 255]));
  assert.throws(() => raw().encode("text" as never), { name: "CacheValueError", message: /got string/ });
});

test("what msgpack writes without records any MessagePack library can read", () => {
  assert.deepEqual(Buffer.from(msgpack().encode({ a: 1 })), Buffer.from([0x81, 0xa1, 0x61, 0x01]));
});
