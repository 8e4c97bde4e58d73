import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, gzipSync } from "node:zlib";
import { json, msgpack, raw, v8 } from "../../src/cache/index.ts";
import { CacheReadError } from "../../src/cache/errors.ts";
import { Format, type Entry } from "../../src/cache/format.ts";
import { gzip } from "../../src/cache/compression/zlib.ts";
import { writeStored } from "../../src/cache/stored.ts";
import { Random } from "../../src/testing/index.ts";

const VALUES = 1_000_000;

const settings = {
  accepted: [msgpack(), raw(), v8()],
  compression: gzip,
  compressAbove: 40,
  maxValueBytes: 100_000,
  isBare: false,
};
const formats = [json(), msgpack(), v8()].map((codec) => new Format({ ...settings, codec }));
const TRUE = { id: 7, name: "Ada", tags: ["a", "b"], text: "abc ".repeat(20) };

/** What a reader makes of bytes: an entry, or nothing because they cannot be read. Anything else is a failure. */
async function readOf(format: Format, bytes: Buffer): Promise<Entry | null> {
  try {
    return await format.read(bytes);
  } catch (error) {
    assert.ok(error instanceof CacheReadError, `${String(error)} for ${bytes.toString("hex")}`);
    return null;
  }
}

test(`${VALUES.toLocaleString("en")} random values: none breaks the reader, and none is taken for a value that it is not`, async () => {
  const random = new Random(20_260);
  const pool = Buffer.from(Array.from({ length: 1 << 16 }, () => random.below(256)));
  const bytesOf = (length: number): Buffer => {
    const at = random.below(pool.length - length);
    return Buffer.from(pool.subarray(at, at + length));
  };
  const good: Buffer[] = [];
  for (const format of formats) {
    for (const extras of [
      { timing: null, tags: [] },
      { timing: { createdAt: 1, freshFor: 2, cost: 3 }, tags: [["t", "v"]] },
    ] as const)
      good.push(Buffer.from((await format.write(TRUE, extras)).bytes));
  }
  let entries = 0;
  for (let n = 0; n < VALUES; n++) {
    const format = formats[n % formats.length] as Format;
    const kind = n % 8;
    const base = good[random.below(good.length)] as Buffer;
    let bytes = bytesOf(random.below(40));
    if (kind === 1) bytes = Buffer.concat([Buffer.from([0xc1, 1]), bytes]);
    if (kind === 2 && n % 80 === 2) bytes = gzipSync(bytes);
    if (kind === 3) bytes = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), bytes]);
    if (kind === 4) bytes = base.subarray(0, random.below(base.length));
    if (kind >= 5) {
      // One to three bytes of a good value are others; at last with a checksum that fits.
      bytes = Buffer.from(base);
      for (let change = random.below(3); change >= 0; change--) bytes[random.below(bytes.length)] = random.below(256);
      if (kind === 7 && bytes[0] === 0xc1) bytes.writeUInt32BE(crc32(bytes.subarray(6)), 2);
    }
    const entry = await readOf(format, bytes);
    if (entry === null) continue;
    entries++;
    // With a checksum that fits, it is what somebody has written. Without, it is bare JSON, or the good value itself.
    if (bytes[0] === 0xc1) {
      if (kind !== 7) assert.deepEqual(entry.value, TRUE, bytes.toString("hex"));
    } else if (bytes[0] !== 0x1f) assert.deepEqual(entry.value, JSON.parse(bytes.toString()));
  }
  assert.ok(entries > 1000, `${entries} entries`);
});

test("a bomb in a head or in none is refused, whatever the head tells of its length", async () => {
  const format = formats[0] as Format;
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  assert.equal(await readOf(format, bomb), null);
  const head = { codec: "json", compression: 1, timing: null, tags: [], isEmpty: false };
  for (const rawLength of [10, settings.maxValueBytes, 10_000_000])
    assert.equal(await readOf(format, writeStored({ ...head, rawLength }, bomb)), null, `${rawLength} bytes told`);
});
