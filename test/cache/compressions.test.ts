import assert from "node:assert/strict";
import { test } from "node:test";
import { compressionOf } from "../../src/cache/compression/compressions.ts";
import type { CompressionName } from "../../src/cache/compression/compression.ts";
import { wasmZstd } from "../../src/cache/compression/zstd-wasm.ts";
import type { Compression } from "../../src/cache/compression/compression.ts";

const NAMES: readonly CompressionName[] = ["gzip", "brotli", "zstd", "lz4", "snappy"];
const TEXT = Buffer.from(JSON.stringify(Array.from({ length: 2000 }, (_, id) => ({ id, name: `name ${id % 7}` }))));

function all(): [string, Compression][] {
  return [
    ...NAMES.map((name): [string, Compression] => [name, compressionOf(name)]),
    ["zstd of a package", wasmZstd()],
  ];
}

for (const [name, compression] of all()) {
  test(`${name}: what is compressed comes back, inline and later, whichever way it was made`, async () => {
    const later = await compression.compressLater(TEXT);
    assert.ok(later.length < TEXT.length / 2, `${later.length} of ${TEXT.length} bytes`);
    assert.deepEqual(await compression.decompressLater(later, TEXT.length), TEXT);
    assert.equal(compression.isReady, true);
    assert.deepEqual(compression.decompress(compression.compress(TEXT), TEXT.length), TEXT);
    assert.deepEqual(compression.decompress(later, TEXT.length), TEXT);
  });

  test(`${name}: nothing empty or short is too small for it`, async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from("x")])
      assert.deepEqual(await compression.decompressLater(await compression.compressLater(bytes), 10), bytes);
  });

  test(`${name}: what would become too long is refused, before it takes the memory`, async () => {
    const bomb = await compression.compressLater(Buffer.alloc(50_000_000));
    const before = process.memoryUsage();
    assert.throws(() => compression.decompress(bomb, 1_000_000));
    await assert.rejects(compression.decompressLater(bomb, 1_000_000));
    const after = process.memoryUsage();
    assert.ok(after.external - before.external < 20_000_000, "it has been unpacked");
  });

  test(`${name}: bytes that are none of it, or cut off, are refused`, async () => {
    const whole = await compression.compressLater(TEXT);
    // A cut block of LZ4 may be read as something: the stored form has a checksum for that.
    const cut = name === "lz4" ? [] : [whole.subarray(0, whole.length / 2)];
    for (const bytes of [Buffer.from("no such thing at all"), TEXT, ...cut])
      await assert.rejects(compression.decompressLater(bytes, 1_000_000));
  });
}
