import { OptionsError } from "../base/errors.ts";
import { latin1Text, writeUtf8 } from "./text.ts";

/**
 * A whole encoded command. A string holds one byte per character (latin1), so a batch of commands is one string and
 * one socket write; large arguments stand between strings by reference.
 */
export type Payload = string | readonly (string | Buffer)[];

/** What can stand as an argument: text goes out as UTF-8, bytes as they are, numbers in decimal. */
export type EncodableArg = string | Uint8Array | number | bigint;

/** From this size on, bytes: a value goes to the socket as a buffer of its own instead of through the joined string. */
const LARGE = 4096;
/** Up to this length, characters: a loop over the character codes beats the call of `Buffer.byteLength`. */
const SHORT = 24;

/** `\r\n$<n>\r\n`: the end of one argument and the beginning of the next are one piece, which saves a concatenation. */
const nextPrefixes: readonly string[] = Array.from({ length: 1024 }, (_, size) => `\r\n$${size}\r\n`);
const firstPrefixes: readonly string[] = Array.from({ length: 1024 }, (_, size) => `$${size}\r\n`);
const arrayPrefixes: readonly string[] = Array.from({ length: 64 }, (_, size) => `*${size}\r\n`);

/** Room for the longest string that is not large, at three bytes per UTF-16 unit. */
const scratch: Buffer = Buffer.allocUnsafeSlow(LARGE * 3);

/** The size of a payload on the wire, bytes. */
export function payloadBytes(payload: Payload): number {
  if (typeof payload === "string") return payload.length;
  let bytes = 0;
  for (const piece of payload) bytes += piece.length;
  return bytes;
}

/** A command's name as encoded bulk strings: `["CONFIG", "GET"]` gives `$6\r\nCONFIG\r\n$3\r\nGET\r\n`. */
export function encodeHead(tokens: readonly string[]): string {
  let head = "";
  for (const token of tokens) {
    const bytes = latin1Bytes(token);
    head += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return head;
}

/**
 * Encodes one whole command; nothing of it exists when an argument is refused.
 *
 * @param name the command's name for the error's text
 * @param head its name as {@link encodeHead} made it
 * @param headLength how many bulk strings `head` holds
 * @returns a binary string, or pieces where an argument is large; a large Buffer is held by reference and must not change
 * until it was written
 * @throws OptionsError for an argument that is no string, no bytes and no number; its value is never part of the message
 */
export function encodeCommand(name: string, head: string, headLength: number, args: readonly EncodableArg[]): Payload {
  const count = headLength + args.length;
  let text = (arrayPrefixes[count] ?? `*${count}\r\n`) + head;
  if (args.length === 0) return text;
  let prefixes = firstPrefixes;
  let lead = "";
  let pieces: (string | Buffer)[] | null = null;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index];
    // Text that is short and ASCII is nearly every argument: no call is left on its way.
    const bytes = typeof arg === "string" && arg.length <= SHORT && isShortAscii(arg) ? arg : inline(arg, name, index);
    if (bytes === null) {
      const large = largeBytes(arg);
      (pieces ??= []).push(`${text}${lead}$${large.length}\r\n`, large);
      text = "";
    } else {
      const size = bytes.length;
      text += size < 1024 ? (prefixes[size] as string) : `${lead}$${size}\r\n`;
      text += bytes;
    }
    prefixes = nextPrefixes;
    lead = "\r\n";
  }
  text += "\r\n";
  if (pieces === null) return text;
  pieces.push(text);
  return pieces;
}

function isShortAscii(text: string): boolean {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits |= text.charCodeAt(index);
  return bits < 0x80;
}

/** The argument's bytes, one per character, or null where they are too many and go as a piece of their own. */
function inline(arg: unknown, name: string, index: number): string | null {
  if (typeof arg === "string") {
    if (arg.length >= LARGE) return null;
    const bytes = latin1Bytes(arg);
    return bytes.length >= LARGE ? null : bytes;
  }
  if (typeof arg === "number") return numberText(arg, name, index);
  if (arg instanceof Uint8Array) {
    return arg.length >= LARGE ? null : latin1Text(asBuffer(arg), 0, arg.length);
  }
  if (typeof arg === "bigint") return arg.toString();
  return refuse(name, index, describe(arg));
}

/** UTF-8 with one character per byte. A lone surrogate becomes U+FFFD, as in `Buffer.from`. */
function latin1Bytes(text: string): string {
  if (text.length <= SHORT ? isShortAscii(text) : Buffer.byteLength(text) === text.length) return text;
  const room = text.length <= LARGE ? scratch : Buffer.allocUnsafe(text.length * 3);
  return latin1Text(room, 0, writeUtf8(room, text));
}

function largeBytes(arg: unknown): Buffer {
  return typeof arg === "string" ? Buffer.from(arg) : asBuffer(arg as Uint8Array);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The shortest decimal that reads back as the same number; the server's words for the infinities. */
function numberText(value: number, name: string, index: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return refuse(name, index, "NaN");
  return value > 0 ? "inf" : "-inf";
}

function refuse(name: string, index: number, got: string): never {
  throw new OptionsError(
    `${name} argument ${index + 1}`,
    `${name} argument ${index + 1}: expected a string, Buffer, number or bigint, got ${got}: convert it first`,
    { command: name },
  );
}

/** Says what kind of value it is, never which. */
function describe(arg: unknown): string {
  if (arg === null || arg === undefined) return String(arg);
  if (typeof arg !== "object") return `a ${typeof arg}`;
  if (Array.isArray(arg)) return "an array";
  if (arg instanceof Date) return "a Date";
  return arg instanceof Promise ? "a Promise (is an await missing?)" : "an object";
}
