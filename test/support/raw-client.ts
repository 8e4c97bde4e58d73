import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

/** A RESP2 reply; an error reply within an array is an Error. */
export type RawReply = string | number | null | Error | RawReply[];

export interface RawClientOptions {
  host?: string;
  port?: number;
  path?: string;
  password?: string | undefined;
  tls?: ConnectionOptions | undefined;
}

/** A minimal client to look at a server from outside: one socket, RESP2, replies in order. Strings are UTF-8. */
export class RawClient {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (reply: RawReply) => void; reject: (error: Error) => void }[] = [];
  #input: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error("the raw connection was closed"));
    });
  }

  /** Sends one command; an error reply rejects. */
  command(...words: (string | number | Buffer)[]): Promise<RawReply> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error("the raw connection is closed"));
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encodeCommand(words));
    });
  }

  /** CLIENT LIST as records, this client left out unless `all`. */
  async clients(options: { all?: boolean } = {}): Promise<Record<string, string>[]> {
    const own = await this.command("CLIENT", "ID");
    const list = String(await this.command("CLIENT", "LIST"));
    return list
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => Object.fromEntries(line.split(" ").map((field) => splitOnce(field, "="))))
      .filter((client) => options.all === true || client["id"] !== String(own));
  }

  /** INFO as a record of all its fields. */
  async info(section = "default"): Promise<Record<string, string>> {
    const text = String(await this.command("INFO", section));
    return Object.fromEntries(
      text
        .split("\r\n")
        .filter((line) => /^\w+:/.test(line))
        .map((line) => splitOnce(line, ":")),
    );
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    for (;;) {
      const parsed = parseReply(this.#input, 0);
      if (parsed === undefined) return;
      this.#input = this.#input.subarray(parsed.end);
      const waiting = this.#waiting.shift();
      if (parsed.value instanceof Error) waiting?.reject(parsed.value);
      else waiting?.resolve(parsed.value);
    }
  }
}

/** Connects to a server, or to anything that has its address, such as a TestServer or a proxy. */
export async function connectRaw(options: RawClientOptions): Promise<RawClient> {
  const address =
    options.port === undefined || (options.path !== undefined && options.host === undefined)
      ? { path: options.path ?? "" }
      : { host: options.host ?? "127.0.0.1", port: options.port };
  const socket = options.tls === undefined ? connect(address) : connectTls({ ...address, ...options.tls });
  await new Promise<void>((resolve, reject) => {
    socket.once(options.tls === undefined ? "connect" : "secureConnect", resolve);
    socket.once("error", reject);
  });
  const client = new RawClient(socket);
  if (options.password !== undefined) await client.command("AUTH", options.password);
  return client;
}

/** A command as an array of bulk strings. */
export function encodeCommand(words: readonly (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === "object" ? word : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** Parses one RESP2 value; undefined if it is not whole yet. Slow and simple: it must not share code with the library. */
export function parseReply(input: Buffer, start: number): { value: RawReply; end: number } | undefined {
  const lineEnd = input.indexOf("\r\n", start, "latin1");
  if (lineEnd === -1) return undefined;
  const type = String.fromCharCode(input[start] ?? 0);
  const line = input.toString("utf8", start + 1, lineEnd);
  let end = lineEnd + 2;
  if (type === "+") return { value: line, end };
  if (type === "-") return { value: new Error(line), end };
  if (type === ":") return { value: Number(line), end };
  const size = Number(line);
  if (type === "$") {
    if (size < 0) return { value: null, end };
    if (input.length < end + size + 2) return undefined;
    return { value: input.toString("utf8", end, end + size), end: end + size + 2 };
  }
  if (type !== "*")
    throw new Error(`not a RESP2 reply: ${JSON.stringify(input.toString("latin1", start, start + 40))}`);
  if (size < 0) return { value: null, end };
  const items: RawReply[] = [];
  while (items.length < size) {
    const item = parseReply(input, end);
    if (item === undefined) return undefined;
    items.push(item.value);
    end = item.end;
  }
  return { value: items, end };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
