import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { ProtocolError } from "../../src/base/errors.ts";
import { Decoder } from "../../src/protocol/decoder.ts";
import { Collected, message, writeMessage, type Message } from "../protocol/wire-tree.ts";
import { bounded } from "./bounds.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Strings that are longer than a chunk, which are collected in memory that all decoders share. */
const large: fc.Arbitrary<Message> = fc
  .tuple(fc.integer({ min: 1000, max: 200_000 }), fc.integer({ min: 0, max: 255 }), fc.boolean(), fc.boolean())
  .map(([size, fill, buffers, streamed]) => {
    const bytes = Buffer.alloc(size, fill);
    // Not all alike, so that a piece in the wrong place shows.
    for (let at = 0; at < size; at += 997) bytes.writeUInt8(at % 256, at);
    if (!streamed) return { reply: { kind: "bulk", bytes }, buffers };
    const half = size >> 1;
    return { reply: { kind: "streamedString", parts: [bytes.subarray(0, half), bytes.subarray(half)] }, buffers };
  });
const messages = fc.array(fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: large }), {
  minLength: 1,
  maxLength: 8,
});
/** Where and how a stream is spoilt; null leaves it as it is. */
const damage = fc.option(
  fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), byte: fc.integer({ min: 0, max: 255 }) }),
  { freq: 2 },
);
const stream = fc.record({ messages, damage }).map(({ messages: all, damage: change }) => {
  const bytes = Buffer.concat(all.map(writeMessage));
  const modes = all.flatMap((one) => ("reply" in one ? [one.buffers] : []));
  if (change !== null) bytes[Math.floor(change.at * bytes.length)] = change.byte;
  return { bytes, modes };
});

/** One connection: its stream, and what its decoder has made of it. */
class Line {
  readonly sink: Collected;
  readonly #decoder: Decoder;
  readonly #bytes: Buffer;
  #at = 0;
  refusal = "";

  constructor(bytes: Buffer, modes: readonly boolean[]) {
    this.#bytes = bytes;
    this.sink = new Collected(modes);
    this.#decoder = new Decoder(this.sink);
  }

  get isThrough(): boolean {
    return this.refusal !== "" || this.#at >= this.#bytes.length;
  }

  /** Reads up to `size` bytes by way of `buffer`, whose content is gone afterwards. */
  read(buffer: Buffer, size: number): void {
    const length = this.#bytes.copy(buffer, 0, this.#at, Math.min(this.#at + size, this.#at + buffer.length));
    this.#at += length;
    try {
      this.#decoder.write(buffer, length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.refusal = error.message;
    }
    buffer.fill("$9\r\n+x\r\n", 0, Math.min(buffer.length, length + 16));
  }

  get outcome(): unknown {
    // Behind a refusal nobody asks what is pending.
    const pending = this.refusal === "" && this.#decoder.pending;
    return { replies: this.sink.replies, pushes: this.sink.pushes, refusal: this.refusal, pending };
  }
}

test("streams of several connections in any pieces, valid or spoilt, through one read buffer never mix", () => {
  const shared = Buffer.alloc(300_000);
  const whole = Buffer.alloc(4 * 1024 * 1024);
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(stream, { minLength: 2, maxLength: 3 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 })), { minLength: 1 }),
      fc.array(fc.nat({ max: 2 }), { minLength: 1 }),
      (streams, sizes, order) => {
        const lines = streams.map(({ bytes, modes }) => new Line(bytes, modes));
        for (let step = 0; lines.some((line) => !line.isThrough); step++) {
          const first = order[step % order.length] as number;
          const line = lines[first % lines.length] as Line;
          const next = line.isThrough ? lines.find((one) => !one.isThrough) : line;
          // Beyond a thousand small pieces the rest comes in large ones.
          next?.read(shared, step > 1000 ? 70_000 : (sizes[step % sizes.length] as number));
        }
        for (const [index, { bytes, modes }] of streams.entries()) {
          const alone = new Line(bytes, modes);
          while (!alone.isThrough) alone.read(whole, whole.length);
          if (alone.refusal !== "") refused++;
          assert.deepEqual((lines[index] as Line).outcome, alone.outcome);
        }
      },
    ),
    bounded(250),
  );
  assert.ok(refused > 5, `${refused} of the streams were refused`);
});

test("any hostile headers, however they are combined, hold memory only for what has come", () => {
  const header = fc.oneof(
    fc
      .constantFrom("*", "%", "~", "$", "!", "=")
      .chain((type) => fc.constantFrom("8388608", "65536", "4096", "1", "?").map((length) => `${type}${length}\r\n`)),
    fc.constantFrom(">8388608\r\n+x\r\n", "|8388608\r\n", "|65536\r\n+a\r\n", ";1\r\na\r\n", "+a\r\n", ":1\r\n"),
  );
  const held: Decoder[] = [];
  const memory = (): number => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const inputs = fc.sample(fc.array(header, { maxLength: 60 }), { ...bounded(0), numRuns: 400 });
  const before = memory();
  for (const input of inputs) {
    const decoder = new Decoder(new Collected());
    held.push(decoder);
    try {
      for (const piece of input) decoder.write(Buffer.from(piece));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  const growth = memory() - before;
  // 64 KiB is the first piece of a string's memory. Each of the headers announces up to half a gigabyte.
  assert.ok(growth < held.length * 80 * 1024, `${held.length} decoders hold ${growth} bytes`);
});
