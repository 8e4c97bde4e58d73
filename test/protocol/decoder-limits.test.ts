import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ProtocolError } from "../../src/base/errors.ts";
import { Decoder, type ReplySink } from "../../src/protocol/decoder.ts";
import { decodeCut, everyByte } from "./wire-tree.ts";

const MEBIBYTE = 1024 * 1024;
const ignore: ReplySink = { wantsBuffers: () => false, onReply: () => {}, onPush: () => {} };

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Memory held inside and outside the heap, bytes. */
function memory(): number {
  // The second run waits for what the first one frees in the background.
  collectGarbage();
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

const REFUSED: readonly [title: string, wire: string, message: RegExp][] = [
  ["a string longer than the limit", "$999999999999\r\n", /at most 536870912 bytes.*\(byte 0 /],
  ["a length beyond every number", `$${"9".repeat(400)}\r\n`, /at most 536870912 bytes/],
  ["a negative length of a string", "$-5\r\n", /expected a length behind the type byte 0x24 '\$'/],
  ["a negative length of a map", "%-2\r\n", /expected a length behind the type byte 0x25 '%'/],
  ["a null form that a set does not have", "~-1\r\n", /expected a length/],
  ["a null form that a verbatim string does not have", "=-1\r\n", /expected a length/],
  ["an array longer than the limit", "*99999999999\r\n", /at most 67108864 elements/],
  ["a map longer than the limit", "%99999999999\r\n", /at most 8388608 pairs/],
  ["no length", "$\r\n", /expected a length/],
  ["a length that is no number", "$1x\r\n", /expected a length/],
  ["a fraction as length", "*1.5\r\n", /expected a length/],
  ["an empty integer", ":\r\n", /expected a 64-bit integer/],
  ["a sign alone", ":-\r\n", /expected a 64-bit integer/],
  ["an integer of 65 bits", ":9223372036854775808\r\n", /expected a 64-bit integer/],
  ["an integer that is none", ":1a\r\n", /expected a 64-bit integer/],
  ["a double that is none", ",1.2.3\r\n", /expected a number/],
  ["an empty double", ",\r\n", /expected a number/],
  ["a hexadecimal double", ",0x10\r\n", /expected a number/],
  ["a big number that is none", "(1.5\r\n", /expected an integer/],
  ["a boolean that is none", "#x\r\n", /expected t or f/],
  ["a null with something in it", "_x\r\n", /expected nothing/],
  ["something else behind a string", "$3\r\nabcXY\r\n", /expected CR LF behind a string.*got 0x58 'X' \(byte 7 /],
  ["half a line end behind a string", "$3\r\nabc\rY", /got 0x59 'Y' \(byte 8 /],
  ["a line that ends without CR", "+abc\n", /expected CR LF.*0x0a.*\(byte 4 /],
  ["a line that ends without LF", "+abc\rx", /expected CR LF.*0x78 'x'.*\(byte 5 /],
  ["a part of a streamed string on its own", ";3\r\nabc\r\n", /expected the type byte.*0x3b ';'/],
  ["something else in a streamed string", "$?\r\n;1\r\na\r\n$1\r\nb\r\n", /expected the next part.*0x24/],
  ["a streamed string's negative part", "$?\r\n;-1\r\n", /expected a length/],
  ["a streamed verbatim string", "=?\r\n", /expected a length/],
  ["a streamed push", ">?\r\n", /expected a length/],
  ["a streamed attribute", "|?\r\n", /expected a length/],
  ["an end outside of a streamed aggregate", ".\r\n", /expected the type byte.*0x2e '\.'/],
  ["an end inside an aggregate of known length", "*2\r\n:1\r\n.\r\n", /expected the type byte.*0x2e/],
  ["an end with something in it", "*?\r\n.x\r\n", /expected nothing/],
  ["a streamed map with half a pair", "%?\r\n+a\r\n.\r\n", /expected the value of a map's last field/],
  ["a verbatim string without format", "=3\r\ntxt\r\n", /three letters and a colon/],
  ["a verbatim string with a broken format", "=5\r\ntxtxy\r\n", /three letters and a colon/],
  ["an empty push", ">0\r\n", /a push with a kind/],
  ["a push without kind", ">1\r\n:1\r\n", /push's kind as a string/],
  ["nesting beyond the limit", "*1\r\n".repeat(129), /at most 128 levels/],
  ["attributes nested beyond the limit", "|1\r\n+a\r\n".repeat(129), /at most 128 levels/],
  ["an HTTP server", "HTTP/1.1 400 Bad Request\r\n", /0x48 'H': is this the port of a Redis server/],
  ["a TLS alert", "\x15\x03\x01\x00\x02\x02\x46", /0x15: the port speaks TLS, set the option tls/],
];

for (const [title, wire, message] of REFUSED) {
  test(`${title} is refused, whole and byte by byte, with the same words`, () => {
    const bytes = Buffer.from(wire, "latin1");
    for (const cuts of [[], everyByte(bytes.length)]) {
      assert.throws(
        () => decodeCut(bytes, cuts),
        (error) => {
          assert.ok(error instanceof ProtocolError);
          assert.match(error.message, message);
          assert.equal(error.code, "ERR_PROTOCOL");
          return true;
        },
      );
    }
  });
}

test("errors hold at most one byte of what came", () => {
  for (const wire of [
    "$6\r\nsecretX\r\n",
    "secret\r\n",
    ":secret\r\n",
    "+OK\r\nsecret\r\n",
    "%?\r\n+secret\r\n.\r\n",
  ]) {
    assert.throws(
      () => decodeCut(Buffer.from(wire), []),
      (error) => error instanceof ProtocolError && !/secret|ecre/.test(error.message),
    );
  }
});

test("the depth that is allowed is decoded, one more is refused", () => {
  const nested = (depth: number): Buffer => Buffer.from("*1\r\n".repeat(depth) + ":1\r\n");
  assert.equal(decodeCut(nested(128), []).replies.length, 1);
  assert.throws(() => decodeCut(nested(129), []), ProtocolError);
  assert.throws(() => decodeCut(nested(5), [], [], { maxDepth: 4 }), ProtocolError);
});

test("each limit is exact, in any chunks", () => {
  const rows: [string, string, object][] = [
    ["$5\r\nabcde\r\n", "$6\r\nabcdef\r\n", { maxBulkBytes: 5 }],
    ["$?\r\n;3\r\nabc\r\n;2\r\nde\r\n;0\r\n", "$?\r\n;3\r\nabc\r\n;3\r\ndef\r\n;0\r\n", { maxBulkBytes: 5 }],
    ["*2\r\n:1\r\n:2\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n", { maxAggregateLength: 2 }],
    ["*?\r\n:1\r\n:2\r\n.\r\n", "*?\r\n:1\r\n:2\r\n:3\r\n.\r\n", { maxAggregateLength: 2 }],
    ["%?\r\n:1\r\n:2\r\n.\r\n", "%?\r\n:1\r\n:2\r\n:3\r\n:4\r\n.\r\n", { maxMapLength: 1 }],
    ["%1\r\n:1\r\n:2\r\n", "%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", { maxMapLength: 1 }],
    ["+abcde\r\n", "+abcdef\r\n", { maxTextBytes: 5 }],
    ["-ERR a\r\n", "-ERR ab\r\n", { maxTextBytes: 5 }],
    ["(12345\r\n", "(123456\r\n", { maxLineBytes: 5 }],
  ];
  for (const [allowed, refused, limits] of rows) {
    for (const cut of [false, true]) {
      const cuts = (wire: string): number[] => (cut ? everyByte(wire.length) : []);
      assert.equal(decodeCut(Buffer.from(allowed), cuts(allowed), [], limits).replies.length, 1, allowed);
      assert.throws(() => decodeCut(Buffer.from(refused), cuts(refused), [], limits), ProtocolError, refused);
    }
  }
});

test("a streamed array has the elements that came, and no room beside them", () => {
  for (const maxAggregateLength of [1, 20, 100, 5000]) {
    assert.deepEqual(decodeCut(Buffer.from("*?\r\n:1\r\n.\r\n"), [], [], { maxAggregateLength }).replies, [[1]]);
  }
});

test("a value that fits in no string is refused with the way out, and taken as a Buffer", () => {
  const header = Buffer.from("$536870912\r\n");
  assert.throws(() => decodeCut(header, [], [false]), /can be read as a Buffer/);
  assert.equal(decodeCut(header, [], [true]).pending, true);
});

test("a hostile length allocates nothing before its bytes come", () => {
  const headers = [
    "$500000000\r\n",
    "*67108864\r\n",
    "%8388608\r\n",
    "~67108864\r\n",
    "|67108864\r\n",
    ">67108864\r\n",
    "!500000000\r\n",
    "=500000000\r\n",
  ];
  const before = memory();
  const decoders = Array.from({ length: 200 }, (_, index) => {
    const decoder = new Decoder(ignore);
    decoder.write(Buffer.from(headers[index % headers.length] as string));
    assert.equal(decoder.pending, true);
    return decoder;
  });
  const growth = memory() - before;
  assert.ok(growth < 2 * MEBIBYTE, `${decoders.length} decoders hold ${growth} bytes`);
});

test("a hostile length with a few bytes behind it takes memory for those bytes only", () => {
  const before = memory();
  const decoders = Array.from({ length: 100 }, () => {
    const decoder = new Decoder(ignore);
    decoder.write(Buffer.from("$500000000\r\nabc"));
    return decoder;
  });
  const growth = memory() - before;
  // The first piece of memory is 64 KiB each.
  assert.ok(growth < 8 * MEBIBYTE, `${decoders.length} decoders hold ${growth} bytes`);
});

test("every level of nesting may announce a hostile length without memory for it", () => {
  const before = memory();
  const decoder = new Decoder(ignore);
  decoder.write(Buffer.from("*67108864\r\n".repeat(128)));
  assert.ok(memory() - before < MEBIBYTE);
  assert.equal(decoder.pending, true);
});

test("a line that never ends is refused in bounded memory and time", () => {
  for (const [type, limit] of [
    ["+", MEBIBYTE],
    ["-", MEBIBYTE],
    [":", 64 * 1024],
    ["$", 64 * 1024],
    ["(", 64 * 1024],
  ] as const) {
    const before = memory();
    const decoder = new Decoder(ignore);
    const chunk = Buffer.alloc(1000, "1");
    let sent = 0;
    assert.throws(() => {
      decoder.write(Buffer.from(type));
      for (; sent < 4 * MEBIBYTE; sent += chunk.length) decoder.write(chunk);
    }, ProtocolError);
    assert.ok(sent >= limit - 1000 && sent <= limit, `${type} was refused after ${sent} bytes`);
    const growth = memory() - before;
    assert.ok(growth < 6 * MEBIBYTE, `${growth} bytes are held`);
    assert.equal(decoder.pending, true);
  }
});

test("a malformed number of the greatest length is refused without quadratic work", () => {
  for (const type of [",", "(", ":", "$"]) {
    const wire = Buffer.from(`${type}${"1".repeat(64 * 1024 - 1)}x\r\n`);
    for (let round = 0; round < 20; round++) assert.throws(() => decodeCut(wire, []), ProtocolError);
  }
});

test("a great value byte by byte takes linear time", () => {
  // Read again from its beginning at each chunk this would be 10^10 steps, and the test would not come to an end.
  const size = 100_000;
  const wire = Buffer.from(
    `*1000\r\n${":12345\r\n".repeat(999)}$${size}\r\n${"v".repeat(size)}\r\n+${"v".repeat(size)}\r\n`,
  );
  const decoder = new Decoder(ignore);
  for (let at = 0; at < wire.length; at++) decoder.write(wire.subarray(at, at + 1));
  assert.equal(decoder.pending, false);
});

test("an aggregate as a map's field cannot fill memory", () => {
  const element = `$600000\r\n${"x".repeat(600_000)}\r\n`;
  const wire = Buffer.from(`%1\r\n*2\r\n${element}${element}:1\r\n`);
  assert.throws(() => new Decoder(ignore).write(wire), /field name of at most 1048576 characters/);
});

test("a decoder that has failed refuses all that follows", () => {
  const decoder = new Decoder(ignore);
  assert.throws(() => decoder.write(Buffer.from("?")), ProtocolError);
  assert.throws(() => decoder.write(Buffer.from("+OK\r\n")), /failed before: replace the connection/);
});
