import type { PushItem } from "./options.ts";

const LEAST_STORE = 64 * 1024;
const CR_LF = "\r\n";
const SIMPLE = "+-:_,#(";
const SIZED = "$=!";
const AGGREGATES = "*~>%|";

/** What was read is no RESP. */
export class NotResp extends Error {}

/** Cuts a stream into whole RESP values; an inline command is one, too. It reads on where it stopped, so large values cost no more than small ones. */
export class FrameReader {
  #store: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** How far the value at `#start` is known. */
  #at = 0;
  /** Items that are still due, of each aggregate around `#at`. */
  readonly #open: number[] = [];

  add(chunk: Buffer): void {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#store.length) {
      // Always a new store: the values that were given out are parts of the old one.
      const store = Buffer.allocUnsafe(Math.max(LEAST_STORE, 2 * (held + chunk.length)));
      this.#store.copy(store, 0, this.#start, this.#end);
      this.#store = store;
      this.#at -= this.#start;
      this.#start = 0;
      this.#end = held;
    }
    chunk.copy(this.#store, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole value, or undefined.
   *
   * @throws NotResp
   */
  next(): Buffer | undefined {
    while (this.#step()) {
      if (this.#open.length > 0) continue;
      const frame = this.#store.subarray(this.#start, this.#at);
      this.#start = this.#at;
      return frame;
    }
    return undefined;
  }

  /** Takes out what is there of a value that is not whole. */
  rest(): Buffer {
    const rest = this.#store.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#at = this.#end;
    this.#open.length = 0;
    return rest;
  }

  /** Reads one header with its payload. @returns false while it is not there */
  #step(): boolean {
    if (this.#at >= this.#end) return false;
    const type = String.fromCharCode(this.#store[this.#at] ?? 0);
    if (!SIMPLE.includes(type) && !SIZED.includes(type) && !AGGREGATES.includes(type)) return this.#inline(type);
    const lineEnd = this.#store.subarray(0, this.#end).indexOf(CR_LF, this.#at, "latin1");
    if (lineEnd === -1) return false;
    const count = Number(this.#store.toString("latin1", this.#at + 1, lineEnd));
    let next = lineEnd + 2;
    if (!SIMPLE.includes(type)) {
      if (!Number.isInteger(count)) throw new NotResp();
      if (SIZED.includes(type) && count >= 0) next += count + 2;
      if (next > this.#end) return false;
    }
    this.#at = next;
    const items = AGGREGATES.includes(type) ? itemsOf(type, count) : 0;
    if (items > 0) this.#open.push(items);
    else this.#itemEnded();
    return true;
  }

  #inline(first: string): boolean {
    // Anything else, such as the beginning of TLS, is not ours to understand.
    if (this.#open.length > 0 || !/[A-Za-z]/.test(first)) throw new NotResp();
    const lineEnd = this.#store.subarray(0, this.#end).indexOf("\n", this.#at, "latin1");
    if (lineEnd === -1) return false;
    this.#at = lineEnd + 1;
    return true;
  }

  #itemEnded(): void {
    const open = this.#open;
    while (open.length > 0) {
      const due = (open.at(-1) ?? 1) - 1;
      open[open.length - 1] = due;
      if (due > 0) return;
      open.pop();
    }
  }
}

/** An attribute is followed by the value that it belongs to. */
function itemsOf(type: string, count: number): number {
  if (type === "%") return 2 * count;
  return type === "|" ? 2 * count + 1 : count;
}

/** The words of a whole command, as UTF-8. */
export function wordsOf(frame: Buffer): string[] {
  if (frame[0] !== 0x2a) return frame.toString("utf8").trim().split(/\s+/);
  const words: string[] = [];
  let at = frame.indexOf(CR_LF) + 2;
  while (at > 1 && at < frame.length) {
    const lineEnd = frame.indexOf(CR_LF, at);
    const size = Number(frame.toString("latin1", at + 1, lineEnd));
    words.push(frame.toString("utf8", lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return words;
}

const MESSAGE = /^\*[34]\r\n\$\d+\r\n[ps]?(?:message|(?:un)?subscribe)\r\n/;

/** Whether a value answers no command: a push, or, where RESP2 may have been subscribed, a message. */
export function isPush(frame: Buffer, mayBeMessage: boolean): boolean {
  return frame[0] === 0x3e || (mayBeMessage && MESSAGE.test(frame.toString("latin1", 0, 40)));
}

export function encodePush(items: readonly PushItem[]): Buffer {
  return Buffer.from(`>${items.length}${CR_LF}${items.map(encodeItem).join("")}`);
}

function encodeItem(item: PushItem): string {
  if (item === null) return `_${CR_LF}`;
  if (typeof item === "number") return `:${item}${CR_LF}`;
  if (typeof item === "string") return `$${Buffer.byteLength(item)}${CR_LF}${item}${CR_LF}`;
  return `*${item.length}${CR_LF}${item.map(encodeItem).join("")}`;
}

/** The bytes of raw text, one per character. */
export function asBytes(raw: string | Buffer): Buffer {
  return typeof raw === "string" ? Buffer.from(raw, "latin1") : raw;
}
