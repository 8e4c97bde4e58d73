import fc from "fast-check";
import { ServerError } from "../../src/base/errors.ts";
import { Decoder, type ReplySink } from "../../src/protocol/decoder.ts";
import type { DecoderLimits } from "../../src/protocol/limits.ts";
import type { Reply } from "../../src/protocol/reply.ts";

/** An element as it stands on the wire; `parts` and `streamed` say in which of its forms. */
export type Wire =
  | { kind: "simple" | "error"; text: string }
  | { kind: "integer" | "big"; value: bigint }
  | { kind: "double"; text: string }
  | { kind: "boolean"; value: boolean }
  | { kind: "null"; form: "_" | "$-1" | "*-1" }
  | { kind: "bulk" | "blobError" | "verbatim"; bytes: Buffer }
  | { kind: "streamedString"; parts: Buffer[] }
  | { kind: "array" | "set"; items: Wire[]; streamed: boolean }
  | { kind: "map"; pairs: [Wire, Wire][]; streamed: boolean }
  | { kind: "attribute"; pairs: [Wire, Wire][]; of: Wire }
  | { kind: "pushBefore"; push: [string, ...Wire[]]; of: Wire };

/** A top-level reply, or a push (which carries the wire form of its kind and its other elements). */
export type Message =
  | { reply: Wire; buffers: boolean }
  | { push: [string, ...Wire[]]; attributes: [Wire, Wire][] | null };

const CRLF = "\r\n";

function block(type: string, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${type}${bytes.length}${CRLF}`), bytes, Buffer.from(CRLF)]);
}

function aggregate(type: string, length: number, streamed: boolean, items: Wire[]): Buffer {
  const header = Buffer.from(`${type}${streamed ? "?" : length}${CRLF}`);
  return Buffer.concat([header, ...items.map(writeWire), Buffer.from(streamed ? `.${CRLF}` : "")]);
}

function writePush(push: [string, ...Wire[]]): Buffer {
  const [kind, ...rest] = push;
  return aggregate(">", push.length, false, [{ kind: "bulk", bytes: Buffer.from(kind) }, ...rest]);
}

/** The bytes of an element. */
export function writeWire(wire: Wire): Buffer {
  switch (wire.kind) {
    case "simple":
      return Buffer.from(`+${wire.text}${CRLF}`);
    case "error":
      return Buffer.from(`-${wire.text}${CRLF}`);
    case "integer":
      return Buffer.from(`:${wire.value}${CRLF}`);
    case "big":
      return Buffer.from(`(${wire.value}${CRLF}`);
    case "double":
      return Buffer.from(`,${wire.text}${CRLF}`);
    case "boolean":
      return Buffer.from(wire.value ? `#t${CRLF}` : `#f${CRLF}`);
    case "null":
      return Buffer.from(wire.form + CRLF);
    case "bulk":
      return block("$", wire.bytes);
    case "blobError":
      return block("!", wire.bytes);
    case "verbatim":
      return block("=", Buffer.concat([Buffer.from("txt:"), wire.bytes]));
    case "streamedString":
      return Buffer.concat([
        Buffer.from(`$?${CRLF}`),
        ...wire.parts.map((part) => block(";", part)),
        Buffer.from(`;0${CRLF}`),
      ]);
    case "array":
      return aggregate("*", wire.items.length, wire.streamed, wire.items);
    case "set":
      return aggregate("~", wire.items.length, wire.streamed, wire.items);
    case "map":
      return aggregate("%", wire.pairs.length, wire.streamed, wire.pairs.flat());
    case "attribute":
      return Buffer.concat([aggregate("|", wire.pairs.length, false, wire.pairs.flat()), writeWire(wire.of)]);
    case "pushBefore":
      return Buffer.concat([writePush(wire.push), writeWire(wire.of)]);
  }
}

export function writeMessage(message: Message): Buffer {
  if ("reply" in message) return writeWire(message.reply);
  const attributes = message.attributes;
  const lead = attributes === null ? Buffer.alloc(0) : aggregate("|", attributes.length, false, attributes.flat());
  return Buffer.concat([lead, writePush(message.push)]);
}

/** A value in a form that deepStrictEqual compares as these tests mean it. */
export type Plain = unknown;

function text(bytes: Buffer, buffers: boolean): Plain {
  return buffers ? { hex: bytes.toString("hex") } : bytes.toString("utf8");
}

function doubleOf(word: string): number {
  if (word.endsWith("inf")) return word.startsWith("-") ? -Infinity : Infinity;
  return word.endsWith("nan") ? NaN : Number(word);
}

/** What an element must be decoded to. Pushes on the way are added to `pushes`. */
export function expected(wire: Wire, buffers: boolean, pushes: Plain[]): Plain {
  switch (wire.kind) {
    case "simple":
      return text(Buffer.from(wire.text), buffers);
    case "error":
      return { error: wire.text };
    case "integer":
      return Number.isSafeInteger(Number(wire.value)) ? Number(wire.value) : wire.value;
    case "big":
    case "boolean":
      return wire.value;
    case "double":
      return doubleOf(wire.text);
    case "null":
      return null;
    case "bulk":
    case "verbatim":
      return text(wire.bytes, buffers);
    case "blobError":
      return { error: wire.bytes.toString() };
    case "streamedString":
      return text(Buffer.concat(wire.parts), buffers);
    case "array":
    case "set":
      return wire.items.map((item) => expected(item, buffers, pushes));
    case "map":
      return { map: expectedMap(wire.pairs, buffers, pushes) };
    case "attribute":
      for (const pair of wire.pairs) for (const item of pair) expected(item, buffers, pushes);
      return expected(wire.of, buffers, pushes);
    case "pushBefore":
      expectedPush(wire.push, pushes);
      return expected(wire.of, buffers, pushes);
  }
}

function expectedMap(pairs: [Wire, Wire][], buffers: boolean, pushes: Plain[]): Map<string, Plain> {
  const map = new Map<string, Plain>();
  for (const [key, value] of pairs) {
    const field = expected(key, buffers, pushes) as string | { hex: string } | number | bigint | boolean | null;
    const name = typeof field === "object" && field !== null ? Buffer.from(field.hex, "hex").toString() : String(field);
    map.set(name, expected(value, buffers, pushes));
  }
  return map;
}

export function expectedPush(push: [string, ...Wire[]], pushes: Plain[]): void {
  const [kind, ...rest] = push;
  const inner = rest.map((item) => expected(item, true, pushes));
  pushes.push([kind, ...inner]);
}

/** A reply in the form of `expected`. */
export function plain(reply: Reply): Plain {
  if (typeof reply !== "object" || reply === null) return reply;
  if (Buffer.isBuffer(reply)) return { hex: reply.toString("hex") };
  if (reply instanceof ServerError) return { error: reply.message };
  if (Array.isArray(reply)) return reply.map(plain);
  if (Object.getPrototypeOf(reply) !== null) throw new Error("a map with a prototype");
  return { map: new Map(Object.entries(reply).map(([field, value]) => [field, plain(value)])) };
}

/** Keeps what comes; `modes` says for each reply whether Buffers are wanted. */
export class Collected implements ReplySink {
  readonly replies: Plain[] = [];
  readonly pushes: Plain[] = [];
  asked = 0;
  readonly #modes: readonly boolean[];

  constructor(modes: readonly boolean[] = []) {
    this.#modes = modes;
  }

  wantsBuffers(): boolean {
    return this.#modes[this.asked++] ?? false;
  }
  onReply(reply: Reply): void {
    this.replies.push(plain(reply));
  }
  onPush(items: Reply[]): void {
    this.pushes.push(items.map(plain));
  }
}

// As a connection's read buffer: one for all, longer than what it holds, overwritten after every chunk.
const readBuffer = Buffer.alloc(256 * 1024, 0x24);

/** Decodes `bytes` cut at the given places, from a read buffer that is overwritten after every chunk. */
export function decodeCut(
  bytes: Buffer,
  cuts: readonly number[],
  modes: readonly boolean[] = [],
  limits: Partial<DecoderLimits> = {},
): Collected & { pending: boolean } {
  const sink = new Collected(modes);
  const decoder = new Decoder(sink, limits);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const length = bytes.copy(readBuffer, 0, from, to);
    decoder.write(readBuffer, length);
    readBuffer.fill("\r\n:7\r\n$", 0, length + 16);
    from = to;
  }
  return Object.assign(sink, { pending: decoder.pending });
}

/** Cuts after every byte. */
export function everyByte(length: number): number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1);
}

const lineText = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !/[\r\n]/.test(value));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 24 }).map((array) => Buffer.from(array)),
  fc.string({ maxLength: 12 }).map((value) => Buffer.from(value)),
  fc.constantFrom("", "\r\n", "$1\r\na\r\n", "+OK\r\n", "__proto__", "é", "\0").map((value) => Buffer.from(value)),
);
const push = fc.tuple(fc.constantFrom("message", "invalidate", "pmessage"));
const doubleText = fc.oneof(
  fc.constantFrom("inf", "-inf", "nan", "-nan", "0", "-0", "1e300", "1.5E-7", "10", "+3.25", ".5", "7."),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

/** Fields of maps: every scalar type, but no bytes that are not UTF-8 (they have a test of their own). */
const field: fc.Arbitrary<Wire> = fc.oneof(
  fc
    .constantFrom("__proto__", "constructor", "1", "a", "")
    .map((value): Wire => ({ kind: "bulk", bytes: Buffer.from(value) })),
  lineText.map((value): Wire => ({ kind: "simple", text: value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Wire => ({ kind: "integer", value })),
  fc.constantFrom<Wire>({ kind: "boolean", value: true }, { kind: "null", form: "_" }, { kind: "double", text: "1.5" }),
);

/** Random elements: every type of RESP3, nested, with attributes and pushes in between. */
export const wireTree: fc.Arbitrary<Wire> = fc.letrec<{ tree: Wire; leaf: Wire }>((tie) => ({
  leaf: fc.oneof(
    lineText.map((value): Wire => ({ kind: "simple", text: value })),
    lineText.map((value): Wire => ({ kind: "error", text: `ERR ${value}` })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Wire => ({ kind: "integer", value })),
    fc.integer({ min: -20, max: 2000 }).map((value): Wire => ({ kind: "integer", value: BigInt(value) })),
    fc.bigInt().map((value): Wire => ({ kind: "big", value })),
    doubleText.map((value): Wire => ({ kind: "double", text: value })),
    fc.boolean().map((value): Wire => ({ kind: "boolean", value })),
    fc.constantFrom("_", "$-1", "*-1").map((form): Wire => ({ kind: "null", form })),
    bytes.map((value): Wire => ({ kind: "bulk", bytes: value })),
    bytes.map((value): Wire => ({ kind: "bulk", bytes: value })),
    bytes.map((value): Wire => ({ kind: "blobError", bytes: value })),
    bytes.map((value): Wire => ({ kind: "verbatim", bytes: value })),
    fc
      .array(
        bytes.filter((value) => value.length > 0),
        { maxLength: 3 },
      )
      .map((parts): Wire => ({ kind: "streamedString", parts })),
  ),
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("leaf"),
    fc.record({
      kind: fc.constantFrom("array", "set"),
      items: fc.array(tie("tree"), { maxLength: 4 }),
      streamed: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("map"),
      pairs: fc.array(fc.tuple(field, tie("tree")), { maxLength: 3 }),
      streamed: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("attribute"),
      pairs: fc.array(fc.tuple(field, tie("tree")), { maxLength: 2 }),
      of: tie("tree"),
    }),
    fc.record({
      kind: fc.constant("pushBefore"),
      push: fc
        .tuple(push, fc.array(tie("leaf"), { maxLength: 2 }))
        .map(([[kind], rest]): [string, ...Wire[]] => [kind, ...rest]),
      of: tie("tree"),
    }),
  ) as fc.Arbitrary<Wire>,
})).tree;

/** Elements that RESP2 has. */
export const resp2Tree: fc.Arbitrary<Wire> = fc.letrec<{ tree: Wire }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    bytes.map((value): Wire => ({ kind: "bulk", bytes: value })),
    lineText.map((value): Wire => ({ kind: "simple", text: value })),
    lineText.map((value): Wire => ({ kind: "error", text: `WRONGTYPE ${value}` })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Wire => ({ kind: "integer", value })),
    fc.constantFrom("$-1", "*-1").map((form): Wire => ({ kind: "null", form })),
    fc.array(tie("tree"), { maxLength: 4 }).map((items): Wire => ({ kind: "array", items, streamed: false })),
  ),
})).tree;

/** A message of a stream. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ reply: wireTree, buffers: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ reply: resp2Tree, buffers: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      push: fc
        .tuple(push, fc.array(wireTree, { maxLength: 2 }))
        .map(([[kind], rest]): [string, ...Wire[]] => [kind, ...rest]),
      attributes: fc.option(fc.array(fc.tuple(field, wireTree), { maxLength: 2 })),
    }),
  },
);

/** What a stream of messages must be decoded to, and how its replies are asked for. */
export function expectedStream(messages: readonly Message[]): { replies: Plain[]; pushes: Plain[]; modes: boolean[] } {
  const result = { replies: [] as Plain[], pushes: [] as Plain[], modes: [] as boolean[] };
  for (const entry of messages) {
    if ("reply" in entry) {
      result.modes.push(entry.buffers);
      result.replies.push(expected(entry.reply, entry.buffers, result.pushes));
    } else {
      for (const pair of entry.attributes ?? []) for (const item of pair) expected(item, false, result.pushes);
      expectedPush(entry.push, result.pushes);
    }
  }
  return result;
}
