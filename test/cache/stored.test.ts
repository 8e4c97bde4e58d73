import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import fc from "fast-check";
import { json } from "../../src/cache/index.ts";
import { CacheReadError } from "../../src/cache/errors.ts";
import { Format } from "../../src/cache/format.ts";
import { readStored, writeStored, type Head } from "../../src/cache/stored.ts";

const PLAIN = { noNullPrototype: true } as const;
const head: fc.Arbitrary<Head> = fc.record(
  {
    codec: fc.constantFrom("raw", "json", "msgpack", "protobuf", "v8", "own", "my.codec-2"),
    compression: fc.nat(255),
    rawLength: fc.maxSafeNat(),
    timing: fc.option(
      fc.record({ createdAt: fc.maxSafeNat(), freshFor: fc.maxSafeNat(), cost: fc.maxSafeNat() }, PLAIN),
    ),
    tags: fc.array(fc.tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.string()), { maxLength: 5 }),
    isEmpty: fc.boolean(),
  },
  PLAIN,
);

test("what is written is read", () => {
  fc.assert(
    fc.property(head, fc.uint8Array(), (written, payload) => {
      const bytes = writeStored(written, payload);
      const stored = readStored(bytes);
      assert.ok(stored !== null);
      assert.deepEqual(stored.head, written);
      assert.deepEqual(new Uint8Array(bytes.subarray(stored.at)), payload);
    }),
  );
});

test("a changed byte, and an end too early, are noticed wherever they are", () => {
  const written: Head = {
    codec: "own",
    compression: 1,
    rawLength: 300,
    timing: { createdAt: 1_700_000_000_000, freshFor: 300_000, cost: 12 },
    tags: [["team:7", "v1"]],
    isEmpty: false,
  };
  const bytes = writeStored(written, Buffer.from("payload"));
  for (let at = 1; at < bytes.length; at++) {
    for (const change of [1, 0x80, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ change;
      assert.throws(() => readStored(damaged), CacheReadError, `byte ${at}`);
    }
    assert.throws(() => readStored(bytes.subarray(0, at)), CacheReadError, `${at} bytes`);
  }
});

test("a tag without a name is no tag of anybody", () => {
  const tags = [["", "v1"]] as const;
  const bytes = writeStored(
    { codec: "json", compression: 0, rawLength: 1, timing: null, tags, isEmpty: false },
    Buffer.from("1"),
  );
  assert.throws(() => readStored(bytes), CacheReadError);
});

test("what has no head is left to others", () => {
  for (const text of ["", "{}", "1", "\u0001", "Ã"]) assert.equal(readStored(Buffer.from(text)), null);
});

test("the examples of docs/cache-format.md are what is read, and written", async () => {
  const page = await readFile(new URL("../../docs/cache-format.md", import.meta.url), "utf8");
  const vectors = [...page.matchAll(/^\| (.+?) +\| `([0-9a-f]+)`/gm)].map(
    ([, what = "", hex = ""]) => [what, Buffer.from(hex, "hex")] as const,
  );
  assert.equal(vectors.length, 5);
  const settings = {
    codec: json(),
    accepted: [],
    compression: null,
    compressAbove: Infinity,
    maxValueBytes: 1000,
    isBare: false,
  };
  const format = new Format(settings);
  const timing = { createdAt: 1_700_000_000_000, freshFor: 300_000, cost: 12 };
  const tags = [["team:7", "v1"]] as const;
  const expected = [
    { value: { a: 1 }, timing: null, tags: [], isEmpty: false },
    { value: { a: 1 }, timing, tags: [], isEmpty: false },
    { value: { a: 1 }, timing: null, tags, isEmpty: false },
    { value: undefined, timing, tags: [], isEmpty: true },
    { value: "ab".repeat(40), timing: null, tags: [], isEmpty: false },
  ];
  for (const [index, [what, bytes]] of vectors.entries()) {
    const entry = await format.read(bytes);
    assert.deepEqual(entry, expected[index], what);
    if (what === "gzip") continue; // the same text can be compressed in many ways
    const written = entry.isEmpty ? format.writeEmpty(entry) : await format.write(entry.value, entry);
    assert.deepEqual(Buffer.from(written.bytes), bytes, what);
  }
});
