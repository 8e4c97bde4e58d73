import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ServerError } from "../../src/base/errors.ts";
import { Decoder } from "../../src/protocol/decoder.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { decodeCut, everyByte, plain } from "./wire-tree.ts";

/** Each row: what it is, the wire, the reply as text, and the reply with Buffers where that differs. */
const TABLE: readonly [title: string, wire: string, reply: unknown, withBuffers?: unknown][] = [
  ["a simple string", "+OK\r\n", "OK", { hex: "4f4b" }],
  ["a simple string that begins like OK", "+OKAY\r\n", "OKAY", { hex: "4f4b4159" }],
  ["an empty simple string", "+\r\n", "", { hex: "" }],
  ["a simple string that is not ASCII", "+é\r\n", "é", { hex: "c3a9" }],
  ["a simple error", "-ERR no such thing\r\n", { error: "ERR no such thing" }],
  ["an integer", ":1000\r\n", 1000],
  ["a negative integer", ":-7\r\n", -7],
  ["an integer with a plus", ":+7\r\n", 7],
  ["minus zero is zero", ":-0\r\n", 0],
  ["the greatest safe integer", ":9007199254740991\r\n", 9007199254740991],
  ["an integer beyond the safe ones", ":9007199254740992\r\n", 9007199254740992n],
  ["the lowest integer", ":-9223372036854775808\r\n", -9223372036854775808n],
  ["a nine-digit integer", ":123456789\r\n", 123456789],
  ["a ten-digit integer", ":1234567890\r\n", 1234567890],
  ["a bulk string", "$5\r\nhello\r\n", "hello", { hex: "68656c6c6f" }],
  ["an empty bulk string", "$0\r\n\r\n", "", { hex: "" }],
  ["a bulk string that holds line ends", "$4\r\n\r\n\r\n\r\n", "\r\n\r\n", { hex: "0d0a0d0a" }],
  ["a bulk string in UTF-8", "$6\r\nаяю\r\n", "аяю", { hex: "d0b0d18fd18e" }],
  ["an array", "*3\r\n:1\r\n$1\r\na\r\n*0\r\n", [1, "a", []], [1, { hex: "61" }, []]],
  ["an empty array", "*0\r\n", []],
  ["RESP2's null string", "$-1\r\n", null],
  ["RESP2's null array", "*-1\r\n", null],
  ["RESP3's null", "_\r\n", null],
  ["nulls inside an array", "*3\r\n$-1\r\n*-1\r\n_\r\n", [null, null, null]],
  ["true", "#t\r\n", true],
  ["false", "#f\r\n", false],
  ["a double", ",3.25\r\n", 3.25],
  ["a double without fraction", ",10\r\n", 10],
  ["a double with an exponent", ",-1.5e-7\r\n", -1.5e-7],
  ["a double with a great exponent", ",1E+300\r\n", 1e300],
  ["the double minus zero", ",-0\r\n", -0],
  ["infinity", ",inf\r\n", Infinity],
  ["negative infinity", ",-inf\r\n", -Infinity],
  ["not a number", ",nan\r\n", NaN],
  ["not a number as older servers write it", ",-nan\r\n", NaN],
  ["a big number", "(3492890328409238509324850943850943825024385\r\n", 3492890328409238509324850943850943825024385n],
  ["a negative big number", "(-5\r\n", -5n],
  ["a blob error", "!21\r\nSYNTAX invalid syntax\r\n", { error: "SYNTAX invalid syntax" }],
  ["a blob error with line ends", "!7\r\nERR a\r\n\r\n", { error: "ERR a\r\n" }],
  [
    "a verbatim string without its format",
    "=15\r\ntxt:Some string\r\n",
    "Some string",
    { hex: "536f6d6520737472696e67" },
  ],
  ["an empty verbatim string", "=4\r\nmkd:\r\n", "", { hex: "" }],
  [
    "a map",
    "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
    {
      map: new Map([
        ["a", 1],
        ["b", 2],
      ]),
    },
  ],
  ["an empty map", "%0\r\n", { map: new Map() }],
  ["a set", "~2\r\n:1\r\n:2\r\n", [1, 2]],
  ["an error inside an array", "*2\r\n-WRONGTYPE no\r\n:1\r\n", [{ error: "WRONGTYPE no" }, 1]],
  [
    "a streamed string",
    "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n",
    "Hello word",
    { hex: "48656c6c6f20776f7264" },
  ],
  ["an empty streamed string", "$?\r\n;0\r\n", "", { hex: "" }],
  ["a streamed string that cuts a character", "$?\r\n;1\r\n\xc3\r\n;1\r\n\xa9\r\n;0\r\n", "é", { hex: "c3a9" }],
  ["a streamed array", "*?\r\n:1\r\n*?\r\n.\r\n:2\r\n.\r\n", [1, [], 2]],
  ["a streamed set", "~?\r\n#t\r\n.\r\n", [true]],
  ["a streamed map", "%?\r\n+a\r\n:1\r\n.\r\n", { map: new Map([["a", 1]]) }],
  ["an attribute before a reply", "|1\r\n+ttl\r\n:3600\r\n:5\r\n", 5],
  ["an empty attribute", "|0\r\n:5\r\n", 5],
  ["an attribute inside an array", "*2\r\n:1\r\n|1\r\n+ttl\r\n*1\r\n:9\r\n:2\r\n", [1, 2]],
  [
    "an attribute behind an attribute, and inside one",
    "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n|1\r\n+c\r\n:3\r\n:4\r\n",
    4,
  ],
  [
    "attributes before a map's field and before its value",
    "%1\r\n|1\r\n+x\r\n:1\r\n+a\r\n|1\r\n+x\r\n:1\r\n:2\r\n",
    { map: new Map([["a", 2]]) },
  ],
];

// Rows are written as text; the one with \xc3 and \xa9 means bytes.
const bytesOf = (wire: string): Buffer => Buffer.from(wire, wire.includes("\xc3\r") ? "latin1" : "utf8");

for (const [title, wire, reply, withBuffers = reply] of TABLE) {
  test(`${title} is decoded as text, as Buffers, whole and byte by byte`, () => {
    const bytes = bytesOf(wire);
    for (const cuts of [[], everyByte(bytes.length)]) {
      assert.deepStrictEqual(decodeCut(bytes, cuts, [false]).replies, [reply]);
      assert.deepStrictEqual(decodeCut(bytes, cuts, [true]).replies, [withBuffers]);
    }
  });
}

/** Decodes one reply and gives it as it is. */
function decodeOne(bytes: Buffer, buffers: boolean): Reply {
  const replies: Reply[] = [];
  const sink = { wantsBuffers: () => buffers, onReply: (reply: Reply) => void replies.push(reply), onPush: () => {} };
  new Decoder(sink).write(bytes);
  assert.equal(replies.length, 1);
  return replies[0] as Reply;
}

test("an error reply is a ServerError with the reply's first word as code", () => {
  const error = decodeOne(Buffer.from("-WRONGTYPE not a list\r\n"), false);
  assert.ok(error instanceof ServerError);
  assert.equal(error.code, "WRONGTYPE");
  assert.equal(error.outcome, "rejected");
});

test("a map's field called __proto__ is data", () => {
  for (const wire of [
    "%1\r\n$9\r\n__proto__\r\n%1\r\n+polluted\r\n#t\r\n",
    "%?\r\n+__proto__\r\n%1\r\n+polluted\r\n#t\r\n.\r\n",
  ]) {
    const map = decodeOne(Buffer.from(wire), false) as Record<string, Reply>;
    assert.deepEqual(Object.keys(map), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(map), null);
    assert.deepEqual(plain(map["__proto__"] as Reply), { map: new Map([["polluted", true]]) });
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  }
});

test("fields of any type become names", () => {
  const wire =
    "%8\r\n:1\r\n_\r\n#t\r\n_\r\n_\r\n_\r\n,1.5\r\n_\r\n(99999999999999999999\r\n_\r\n*2\r\n:1\r\n+a\r\n_\r\n%1\r\n+k\r\n:2\r\n_\r\n-ERR x\r\n_\r\n";
  const map = decodeOne(Buffer.from(wire), false) as Record<string, Reply>;
  assert.deepEqual(Object.keys(map), ["1", "true", "null", "1.5", "99999999999999999999", "[1,a]", "{k,2}", "ERR x"]);
});

test("fields stay text where Buffers are asked for, and bytes that are not UTF-8 never share a name", () => {
  const wire = Buffer.concat([
    Buffer.from("%3\r\n$2\r\né\r\n$1\r\na\r\n"),
    Buffer.from("$2\r\n\xff\xfe\r\n:1\r\n$2\r\n\xff\xfd\r\n:2\r\n", "latin1"),
  ]);
  const map = decodeOne(wire, true) as Record<string, Reply>;
  assert.deepEqual(Object.keys(map), ["é", "\xff\xfe", "\xff\xfd"]);
  assert.deepEqual(map["é"], Buffer.from("a"));
});

test("bytes of every value come back unchanged as a Buffer, in any chunks", () => {
  const value = Buffer.from(Array.from({ length: 1024 }, (_, index) => index & 0xff));
  const wire = Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")]);
  for (const cuts of [[], [1], [500], everyByte(wire.length)]) {
    assert.deepStrictEqual(decodeCut(wire, cuts, [true]).replies, [{ hex: value.toString("hex") }]);
  }
});

test("Buffers in replies are copies: overwriting the chunk changes nothing", () => {
  for (const size of [3, 100, 5000, 100_000]) {
    const wire = Buffer.concat([Buffer.from(`$${size}\r\n`), Buffer.alloc(size, "v"), Buffer.from("\r\n")]);
    const reply = decodeOne(wire, true) as Buffer;
    wire.fill(0);
    assert.deepEqual(reply, Buffer.alloc(size, "v"));
    if (size >= 4096) assert.equal(reply.buffer.byteLength, size, "a large Buffer pins no more than itself");
  }
});

test("a value of many chunks comes back whole, as text and as a Buffer", () => {
  const text = "0123456789abcdef".repeat(40_000) + "é";
  const wire = Buffer.from(`$${Buffer.byteLength(text)}\r\n${text}\r\n+OK\r\n`);
  for (const step of [1000, 65_536]) {
    const cuts = Array.from({ length: Math.floor((wire.length - 1) / step) }, (_, index) => (index + 1) * step);
    assert.deepEqual(decodeCut(wire, cuts).replies, [text, "OK"]);
    const replies = decodeCut(wire, cuts, [true, false]).replies;
    assert.deepEqual(replies, [{ hex: Buffer.from(text).toString("hex") }, "OK"]);
  }
});

test("large values one behind the other share no memory, as text or as Buffers", () => {
  const values = ["a", "b", "c", "d"].map((unit) => unit.repeat(200_000));
  const wire = Buffer.from(values.map((value) => `$${value.length}\r\n${value}\r\n`).join(""));
  const cuts = Array.from({ length: Math.floor((wire.length - 1) / 65_536) }, (_, index) => (index + 1) * 65_536);
  const [first, second, third, fourth] = decodeCut(wire, cuts, [false, true, false, true]).replies;
  assert.deepEqual([first, third], [values[0], values[2]]);
  const hex = (text: string | undefined): object => ({ hex: Buffer.from(text ?? "").toString("hex") });
  assert.deepEqual([second, fourth], [hex(values[1]), hex(values[3])]);
});

test("a push is no reply, wherever it stands, and asks for no mode", () => {
  const wire = Buffer.from(
    ">2\r\n$7\r\nmessage\r\n$1\r\na\r\n:1\r\n*2\r\n:2\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n:3\r\n|1\r\n+a\r\n:1\r\n>1\r\n+end\r\n+x\r\n",
  );
  for (const cuts of [[], everyByte(wire.length)]) {
    const got = decodeCut(wire, cuts, [false, false, false]);
    assert.deepEqual(got.replies, [1, [2, 3], "x"]);
    assert.deepEqual(got.pushes, [["message", { hex: "61" }], ["invalidate", [{ hex: "6b" }]], ["end"]]);
    assert.equal(got.asked, 3);
  }
});

test("the mode is asked for at a reply's first byte, before the rest has come", () => {
  let asked = 0;
  const sink = { wantsBuffers: () => ++asked > 0, onReply: () => {}, onPush: () => {} };
  const decoder = new Decoder(sink);
  for (const [piece, total] of [
    ["$", 1],
    ["3\r\nab", 1],
    ["c\r\n", 1],
    [">", 1],
    ["1\r\n+a\r\n", 1],
    ["|0\r\n", 1],
    ["*", 2],
  ] as const) {
    decoder.write(Buffer.from(piece));
    assert.equal(asked, total, `after ${JSON.stringify(piece)}`);
  }
});

test("the prefix and the rest of one reply keep the mode that was asked for at its beginning", () => {
  const wire = Buffer.from("*2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
  for (const cuts of [[], everyByte(wire.length)]) {
    assert.deepEqual(decodeCut(wire, cuts, [true, false]).replies, [[{ hex: "61" }, { hex: "62" }], "c"]);
  }
});

test("a double in any decimal form is the nearest one, as JavaScript reads it", () => {
  const decimals = fc.oneof(
    fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.nat({ max: 19 })).map(([digits, point]) => {
      const text = String(digits).padStart(point + 1, "0");
      return point === 0 ? text : `${text.slice(0, -point)}.${text.slice(-point)}`;
    }),
    fc.tuple(fc.nat(), fc.integer({ min: -330, max: 310 })).map(([digits, exponent]) => `${digits}e${exponent}`),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }).map(String),
  );
  fc.assert(
    fc.property(decimals, fc.constantFrom("", "-", "+"), (text, sign) => {
      const [reply] = decodeCut(Buffer.from(`,${sign}${text}\r\n`), []).replies;
      assert.ok(Object.is(reply, Number(sign + text)), `${sign}${text} was read as ${String(reply)}`);
    }),
    { numRuns: 20_000 },
  );
});

test("short strings in a chunk of many are read as well as any", () => {
  const words = Array.from({ length: 400 }, (_, index) => "0123456789abcdef".slice(0, index % 16) + index);
  const wire = Buffer.from(`*400\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`);
  assert.deepEqual(decodeCut(wire, []).replies, [words]);
  assert.deepEqual(decodeCut(wire, [17, 1500, 1501]).replies, [words]);
});

test("elements of any length are read as well as any, whatever text they are cut from", () => {
  const words = Array.from({ length: 300 }, (_, index) => String(index).padEnd((index * 7) % 150, "0123456789"));
  const wire = Buffer.from(`*300\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`);
  assert.deepEqual(decodeCut(wire, []).replies, [words]);
  for (const cut of [1000, 1024, 1025, 5000]) assert.deepEqual(decodeCut(wire, [cut]).replies, [words]);
});
