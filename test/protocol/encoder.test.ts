import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OptionsError } from "../../src/base/errors.ts";
import type { Payload } from "../../src/base/transport.ts";
import { type EncodableArg, encodeCommand, encodeOpening, payloadBytes } from "../../src/protocol/encoder.ts";
import { decodeCut } from "./wire-tree.ts";

/** The bytes as the connection writes them. */
function wireOf(payload: Payload): Buffer {
  const pieces = typeof payload === "string" ? [payload] : payload;
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece)));
}

/** A plain encoder to compare with. */
function reference(tokens: readonly string[], args: readonly EncodableArg[]): Buffer {
  const parts = [Buffer.from(`*${tokens.length + args.length}\r\n`)];
  for (const part of [...tokens, ...args]) {
    const bytes = part instanceof Uint8Array ? Buffer.from(part) : Buffer.from(numberOrText(part));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

function numberOrText(value: string | number | bigint): string {
  if (value === Infinity) return "inf";
  return value === -Infinity ? "-inf" : String(value);
}

function encode(tokens: readonly string[], args: readonly EncodableArg[]): Payload {
  return encodeCommand(tokens.join(" "), encodeOpening(tokens, args.length), args);
}

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  // Any UTF-16 units, so lone surrogates too.
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.string({
    unit: fc.constantFrom("a", "é", "€", "\u{1f600}", "\ud800", "\udc00", "\0", "\r\n"),
    minLength: 10,
    maxLength: 60,
  }),
  fc
    .constantFrom(0, 1, 23, 24, 25, 1022, 1023, 1024, 1025, 1365, 2048, 4095, 4096, 5000)
    .chain((length) => fc.constantFrom("a", "é", "€", "\ud800").map((unit) => unit.repeat(length))),
);
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 1023, 1024, 4095, 4096, 4097, 70_000).map((length) => Buffer.alloc(length, 0xe9)),
  fc.constantFrom(10, 5000).map((length) => new Uint8Array(new ArrayBuffer(length + 8), 3, length).fill(0x80)),
);
const anyNumber = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 1e21, -1e-7, Infinity, -Infinity, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE),
  fc.bigInt(),
);
const anyArgs = fc.array(fc.oneof(anyText, anyBytes, anyNumber), { maxLength: 8 });
const anyTokens = fc.constantFrom<string[]>(["GET"], ["CONFIG", "GET"], ["XGROUP", "CREATE"]);

test("any command is encoded as the reference does, and its size is known", () => {
  fc.assert(
    fc.property(anyTokens, anyArgs, (tokens, args) => {
      const payload = encode(tokens, args);
      const bytes = reference(tokens, args);
      assert.deepEqual(wireOf(payload), bytes);
      assert.equal(payloadBytes(payload), bytes.length);
    }),
    { numRuns: 3000 },
  );
});

test("a payload is one string without large arguments, else pieces whose strings are never neighbours", () => {
  fc.assert(
    fc.property(anyArgs, (args) => {
      const payload = encode(["SET"], args);
      const bytes = (arg: EncodableArg): number =>
        arg instanceof Uint8Array ? arg.length : Buffer.byteLength(numberOrText(arg));
      assert.equal(
        typeof payload === "string",
        args.every((arg) => bytes(arg) < 4096),
      );
      if (typeof payload === "string") return;
      payload.forEach((piece, index) => assert.equal(typeof piece === "string", index % 2 === 0));
    }),
    { numRuns: 1000 },
  );
});

test("what is encoded is decoded to the same bytes", () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 5 }), (args) => {
      const { replies } = decodeCut(wireOf(encode(["SET"], args)), [], [true]);
      assert.deepEqual(replies, [
        [
          { hex: Buffer.from("SET").toString("hex") },
          ...args.map((arg) => ({ hex: Buffer.from(arg).toString("hex") })),
        ],
      ]);
    }),
  );
});

test("every byte survives as a Buffer, and every character as text", () => {
  const allBytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  assert.ok(wireOf(encode(["SET"], ["k", allBytes])).includes(allBytes));
  const allUnits = Array.from({ length: 0x10000 }, (_, index) => String.fromCharCode(index)).join("");
  for (let from = 0; from < allUnits.length; from += 1000) {
    const text = allUnits.slice(from, from + 1000);
    assert.deepEqual(wireOf(encode(["SET"], [text])), reference(["SET"], [text]));
  }
});

test("a command's name and numbers have their known bytes", () => {
  assert.equal(encodeOpening(["CONFIG", "GET"], 1), "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET");
  assert.equal(encode(["PING"], []), "*1\r\n$4\r\nPING\r\n");
  assert.equal(
    encode(["X"], [-0, 2 ** 53, 0.1, Infinity, -Infinity, 12n]),
    "*7\r\n$1\r\nX\r\n$1\r\n0\r\n$16\r\n9007199254740992\r\n$3\r\n0.1\r\n$3\r\ninf\r\n$4\r\n-inf\r\n$2\r\n12\r\n",
  );
});

test("a command of many arguments is encoded whole", () => {
  const args = Array.from({ length: 10_000 }, (_, index) => `member:${index}`);
  assert.deepEqual(wireOf(encode(["SADD"], args)), reference(["SADD"], args));
});

test("a large Buffer is held by reference, a small one is copied", () => {
  const large = Buffer.alloc(4096, "a");
  const small = Buffer.alloc(4095, "a");
  const payload = encode(["SET"], ["k", large]);
  assert.ok(typeof payload !== "string" && payload.includes(large));
  const copied = encode(["SET"], ["k", small]);
  small.fill("b");
  assert.ok(typeof copied === "string" && !copied.includes("b"));
});

const SECRET = "s3cret";
const refused: readonly [title: string, value: unknown, type: string][] = [
  ["undefined", undefined, "got undefined"],
  ["null", null, "got null"],
  ["a boolean", true, "got a boolean"],
  ["NaN", NaN, "got NaN"],
  ["an object", { secret: SECRET, toString: () => SECRET }, "got an object"],
  ["an array", [SECRET], "got an array"],
  ["a date", new Date(0), "got a Date"],
  ["a promise", Promise.resolve(SECRET), "got a Promise (is an await missing?)"],
  ["a symbol", Symbol(SECRET), "got a symbol"],
  ["a function", () => SECRET, "got a function"],
  ["an array of wider numbers", new Uint16Array(4), "got an object"],
  ["a string object", Object(SECRET), "got an object"],
];

for (const [title, value, type] of refused) {
  test(`${title} as an argument is refused with its position and type, never its value`, () => {
    assert.throws(
      () => encode(["SET"], [`${SECRET}-key`, value as EncodableArg]),
      (error) => {
        assert.ok(error instanceof OptionsError);
        assert.equal(error.option, "SET argument 2");
        assert.equal(error.command, "SET");
        assert.equal(error.outcome, "not-sent");
        assert.ok(
          error.message.startsWith("SET argument 2: expected a string, Buffer, number or bigint, "),
          error.message,
        );
        assert.ok(error.message.includes(type), error.message);
        assert.ok(!error.message.includes(SECRET));
        return true;
      },
    );
  });
}

test("a hole in the arguments is refused as undefined", () => {
  const args: EncodableArg[] = ["k"];
  args.length = 2;
  assert.throws(() => encode(["SET"], args), /SET argument 2: .* got undefined/);
});
