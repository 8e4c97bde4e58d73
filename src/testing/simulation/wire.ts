/** A reply of the simulated server. */
export type WireReply =
  | null
  | number
  | string
  | Status
  | Failure
  | readonly WireReply[]
  | { readonly map: readonly (readonly [string, WireReply])[] };

/** A simple string, such as OK. */
export class Status {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An error reply; its first word is the code. */
export class Failure {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export const OK: Status = new Status("OK");

/** Encodes a reply, one character per byte. */
export function encodeReply(reply: WireReply, protocol: 2 | 3): string {
  if (reply === null) return protocol === 3 ? "_\r\n" : "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (typeof reply === "string") return `$${reply.length}\r\n${reply}\r\n`;
  if (reply instanceof Status) return `+${reply.text}\r\n`;
  if (reply instanceof Failure) return `-${reply.text}\r\n`;
  if (isList(reply)) return encodeList("*", reply, protocol);
  const { map } = reply;
  if (protocol === 2) return encodeList("*", map.flat(), protocol);
  return `%${map.length}\r\n${map.map(([name, value]) => encodeReply(name, 3) + encodeReply(value, 3)).join("")}`;
}

/** Encodes what nobody asked for: a push, which RESP2 sends as an array. */
export function encodePush(items: readonly WireReply[], protocol: 2 | 3): string {
  return encodeList(protocol === 3 ? ">" : "*", items, protocol);
}

function encodeList(type: string, items: readonly WireReply[], protocol: 2 | 3): string {
  return `${type}${items.length}\r\n${items.map((item) => encodeReply(item, protocol)).join("")}`;
}

function isList(reply: WireReply): reply is readonly WireReply[] {
  return Array.isArray(reply);
}

/** Reads commands out of a stream: arrays of strings, one character per byte. */
export class CommandReader {
  #text = "";

  add(bytes: Buffer): void {
    this.#text += bytes.toString("latin1");
  }

  /** How many whole commands there are. */
  get waiting(): number {
    const ahead = new CommandReader();
    ahead.#text = this.#text;
    let count = 0;
    while (ahead.next() !== undefined) count++;
    return count;
  }

  /**
   * The next whole command, or undefined.
   *
   * @throws Error for what is no command: a client must never send it
   */
  next(): string[] | undefined {
    const text = this.#text;
    if (text === "") return undefined;
    let [count, at] = readLength(text, 0, "*");
    if (at === -1) return undefined;
    const command: string[] = [];
    for (; count > 0; count--) {
      const [size, from] = readLength(text, at, "$");
      if (from === -1 || text.length < from + size + 2) return undefined;
      if (text.slice(from + size, from + size + 2) !== "\r\n") throw garbage(text, from + size);
      command.push(text.slice(from, from + size));
      at = from + size + 2;
    }
    this.#text = text.slice(at);
    return command;
  }
}

/** @returns the length and where its line ends; -1 while it is not whole */
function readLength(text: string, at: number, type: string): [length: number, next: number] {
  if (at >= text.length) return [0, -1];
  if (text[at] !== type) throw garbage(text, at);
  const end = text.indexOf("\r\n", at);
  if (end === -1) return [0, -1];
  const length = Number(text.slice(at + 1, end));
  if (!Number.isInteger(length) || length < 0) throw garbage(text, at);
  return [length, end + 2];
}

function garbage(text: string, at: number): Error {
  return new Error(`expected a command, got ${JSON.stringify(text.slice(at, at + 40))}`);
}
