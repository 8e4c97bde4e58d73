import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector, copyBytes } from "../../src/protocol/collector.ts";

test("collecting byte by byte moves memory a few times only, whether the size is announced or not", () => {
  for (const announced of [Infinity, 1_000_000]) {
    const collector = new Collector(256);
    const moves = new Set<Buffer>();
    const chunk = Buffer.from("x");
    for (let size = 0; size < 1_000_000; size++) {
      collector.append(chunk, 0, 1, announced);
      moves.add(collector.bytes);
    }
    assert.equal(collector.size, 1_000_000);
    assert.ok(moves.size <= 14, `moved ${moves.size} times`);
    assert.ok(collector.bytes.subarray(0, collector.size).every((byte) => byte === 0x78));
    if (announced === 1_000_000) assert.equal(collector.bytes.length, announced, "nothing is left over");
  }
});

test("memory follows the bytes that came, not the size that was announced", () => {
  const collector = new Collector(64 * 1024);
  for (let size = 1; size <= 4; size++) {
    collector.append(Buffer.alloc(100_000), 0, 100_000, 500_000_000);
    assert.ok(collector.bytes.length <= Math.max(64 * 1024, size * 200_000));
  }
});

test("bytes that were released stay as they are while the collector goes on", () => {
  const collector = new Collector(256);
  collector.append(Buffer.from("first"), 0, 5, 5);
  const first = collector.bytes;
  collector.release();
  collector.append(Buffer.from("other"), 0, 5, 5);
  assert.equal(first.toString("latin1", 0, 5), "first");
  assert.equal(collector.bytes.toString("latin1", 0, 5), "other");
});

test("memory that was given back is used for the next large string, and only where it comes back again", () => {
  const collector = new Collector(256);
  const other = new Collector(256);
  const large = Buffer.alloc(300_000, "a");
  collector.append(large, 0, large.length, large.length, true);
  const memory = collector.bytes;
  collector.recycle();
  other.append(large, 0, 1000, 200_000);
  assert.notEqual(other.bytes, memory, "a string that is kept has memory of its own");
  collector.append(large, 0, 1000, 200_000, true);
  assert.equal(collector.bytes, memory);
  other.release();
  other.append(large, 0, 1000, 200_000, true);
  assert.notEqual(other.bytes, memory, "one memory is never lent twice");
});

test("a copy of bytes is exact at every size", () => {
  const source = Buffer.from(Array.from({ length: 5000 }, (_, index) => index & 0xff));
  for (const size of [0, 1, 15, 16, 17, 4095, 4096]) {
    assert.deepEqual(copyBytes(source, 7, 7 + size), source.subarray(7, 7 + size));
  }
});
