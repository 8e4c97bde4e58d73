import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError, ServerError } from "../../src/base/errors.ts";
import { Decoder, type ReplySink } from "../../src/protocol/decoder.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { message, writeMessage } from "./wire-tree.ts";

const INPUTS = 1_000_000;
const MAX_INPUT = 256;
const MEBIBYTE = 1024 * 1024;
/** Bytes that mean something on the wire: random bytes alone would all be refused at once. */
const TELLING = Buffer.from("+-:$*_#,(!=%~|>;.?\r\n0123456789tfinae\xff\0", "latin1");
const LENGTHS = [
  "0",
  "1",
  "2",
  "9",
  "-1",
  "-2",
  "?",
  "255",
  "65536",
  "536870912",
  "2147483648",
  "99999999999999999999",
];

/** Numbers from a seed (mulberry32), so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Sums up what comes, so that two ways of decoding can be compared without keeping it. */
class Digest implements ReplySink {
  sum = 0;
  replies = 0;
  pushes = 0;

  wantsBuffers(): boolean {
    return (this.replies & 1) === 1;
  }
  onReply(reply: Reply): void {
    this.replies++;
    this.#take(reply);
  }
  onPush(items: Reply[]): void {
    this.pushes++;
    assert.equal(typeof items[0], "string");
    this.#take(items);
  }

  #mix(value: number): void {
    this.sum = (Math.imul(this.sum, 31) + value) | 0;
  }
  #take(reply: Reply): void {
    if (typeof reply === "string") for (let at = 0; at < reply.length; at++) this.#mix(reply.charCodeAt(at));
    else if (reply === null || typeof reply !== "object") this.#take(typeof reply + String(reply));
    else if (Buffer.isBuffer(reply)) for (const byte of reply) this.#mix(byte ^ 0x55);
    else if (reply instanceof ServerError) this.#take(`!${reply.message}`);
    else if (Array.isArray(reply)) for (const item of reply) this.#take(item);
    else this.#take(Object.entries(reply).flat());
    this.#mix(13);
  }
}

/** Makes inputs in one buffer: streams that are valid, changed in one to four places, or random. */
class Mutator {
  readonly bytes: Buffer = Buffer.alloc(MAX_INPUT * 4);
  length = 0;
  readonly #streams: readonly Buffer[];
  readonly #next: (below: number) => number;

  constructor(streams: readonly Buffer[], next: (below: number) => number) {
    this.#streams = streams;
    this.#next = next;
  }

  make(): void {
    const next = this.#next;
    const kind = next(10);
    if (kind < 2) return this.#random(kind === 0);
    const stream = this.#streams[next(this.#streams.length)] as Buffer;
    this.length = stream.copy(this.bytes);
    for (let times = next(4); times >= 0; times--) this.#change(next(6));
  }

  #random(telling: boolean): void {
    const next = this.#next;
    this.length = 1 + next(40);
    for (let at = 0; at < this.length; at++) {
      this.bytes[at] = telling ? (TELLING[next(TELLING.length)] as number) : next(256);
    }
  }

  #change(how: number): void {
    const next = this.#next;
    const at = next(this.length + 1);
    if (how === 0) this.bytes[at] = (this.bytes[at] as number) ^ (1 << next(8));
    else if (how === 1) this.#replace(at, at, TELLING.subarray(next(TELLING.length)).subarray(0, 1));
    else if (how === 2) this.#replace(at, Math.min(this.length, at + 1 + next(8)), Buffer.alloc(0));
    else if (how === 3) this.#splice(at);
    else if (how === 4) this.length = at;
    else this.#changeLength(at);
  }

  #splice(at: number): void {
    const next = this.#next;
    const other = this.#streams[next(this.#streams.length)] as Buffer;
    const from = next(other.length);
    this.#replace(at, Math.min(this.length, at + next(16)), other.subarray(from, from + 1 + next(64)));
  }

  /** Puts another number behind the next type byte that has a length. */
  #changeLength(from: number): void {
    let at = from;
    while (at < this.length && !"$*%~|>!=;".includes(String.fromCharCode(this.bytes[at] as number))) at++;
    let end = at + 1;
    while (end < this.length && this.bytes[end] !== 0x0d) end++;
    if (end < this.length) this.#replace(at + 1, end, Buffer.from(LENGTHS[this.#next(LENGTHS.length)] as string));
  }

  #replace(from: number, to: number, by: Buffer): void {
    const length = this.length - (to - from) + by.length;
    if (length > this.bytes.length) return;
    this.bytes.copyWithin(from + by.length, to, this.length);
    by.copy(this.bytes, from);
    this.length = length;
  }
}

/** Decodes an input cut in two places; gives the words of the refusal, or "" when there was none. */
function outcome(sink: Digest, input: Mutator, first: number, second: number): string {
  const decoder = new Decoder(sink);
  const { bytes, length } = input;
  try {
    if (first > 0) decoder.write(bytes.subarray(0, first));
    if (second > first) decoder.write(bytes.subarray(first, second));
    decoder.write(bytes.subarray(second), length - second);
    return decoder.pending ? "pending" : "";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.message;
  }
}

function run(seed: number): { refused: number; whole: number } {
  const next = random(seed);
  const streams = fc
    .sample(fc.array(message, { minLength: 1, maxLength: 4 }), { numRuns: 2000, seed })
    .map((messages) => Buffer.concat(messages.map(writeMessage)))
    .filter((bytes) => bytes.length <= MAX_INPUT);
  const input = new Mutator(streams, next);
  const counts = { refused: 0, whole: 0 };
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < INPUTS; index++) {
    input.make();
    const whole = new Digest();
    const cut = new Digest();
    const first = next(input.length + 1);
    const words = outcome(whole, input, 0, 0);
    const cutWords = outcome(cut, input, first, first + next(input.length - first + 1));
    if (words !== cutWords || whole.sum !== cut.sum || whole.replies !== cut.replies || whole.pushes !== cut.pushes) {
      const hex = input.bytes.toString("hex", 0, input.length);
      assert.fail(`seed ${seed}, input ${index} (${hex}): whole "${words}", cut at ${first} "${cutWords}"`);
    }
    if (words === "") counts.whole++;
    else if (words !== "pending") counts.refused++;
    if (index % 50_000 === 0) {
      const growth = process.memoryUsage().arrayBuffers - before;
      assert.ok(growth < 512 * MEBIBYTE, `seed ${seed}, input ${index}: buffers grew by ${growth} bytes`);
    }
  }
  return counts;
}

test(
  `${INPUTS} random and mutated inputs decode, or are refused, the same however they are cut`,
  { timeout: 300_000 },
  () => {
    const seed = Number(process.env["RESPOOL_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
    const stackTraceLimit = Error.stackTraceLimit;
    // Half of the inputs end in an error whose stack nobody reads.
    Error.stackTraceLimit = 0;
    try {
      const { refused, whole } = run(seed);
      console.log(
        `decoder fuzz: ${INPUTS} inputs, ${whole} decoded whole, ${refused} refused, seed ${seed} (RESPOOL_FUZZ_SEED)`,
      );
      assert.ok(refused > INPUTS / 10 && whole > INPUTS / 20, "the inputs are neither all valid nor all refused");
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  },
);
