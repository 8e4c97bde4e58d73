import { connect, type Socket } from "node:net";
import { FrameReader } from "./fault-proxy/frames.ts";

/** A RESP2 reply, one character per byte; an error reply is an Error. */
export type Reply = string | number | null | Error | readonly Reply[];

/** A command's words; text is sent as UTF-8. */
export type Words = readonly (string | number | Buffer)[];

/** Where a server is reached and what it wants to hear first. */
export interface Door {
  /** Its unix socket. */
  readonly path: string;
  readonly password: string | undefined;
}

/**
 * Sends commands over a connection of their own and resolves to their replies, in order, an error reply as an Error.
 * Enough to see whether a server answers and to set it up; it must not use the client that the server is there to test.
 *
 * @param timeout for all of them together, in ms
 * @throws Error when the connection fails, or time is up
 */
export function exchange(door: Door, commands: readonly Words[], timeout: number): Promise<Reply[]> {
  const all = door.password === undefined ? commands : [["AUTH", door.password], ...commands];
  return new Promise((resolve, reject) => {
    const socket = connect({ path: door.path });
    const limit = setTimeout(() => {
      socket.destroy(new Error(`no reply to ${nameOf(commands)} within ${timeout} ms`));
    }, timeout);
    collect(socket, all.length, (replies) => {
      // A refused AUTH shows in the replies behind it.
      resolve(replies.slice(all.length - commands.length));
      socket.destroy();
    });
    socket.on("connect", () => socket.write(Buffer.concat(all.map(encode))));
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(limit);
      reject(new Error(`the connection was closed before ${nameOf(commands)} was answered`));
    });
  });
}

function collect(socket: Socket, count: number, done: (replies: Reply[]) => void): void {
  const reader = new FrameReader();
  const replies: Reply[] = [];
  socket.on("data", (chunk: Buffer) => {
    reader.add(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) replies.push(parse(frame));
    if (replies.length >= count) done(replies);
  });
}

function nameOf(commands: readonly Words[]): string {
  return String(commands[0]?.[0]);
}

function encode(words: Words): Buffer {
  const parts: (string | Buffer)[] = [`*${words.length}\r\n`];
  for (const word of words) {
    const bytes = typeof word === "object" ? word : Buffer.from(String(word));
    parts.push(`$${bytes.length}\r\n`, bytes, "\r\n");
  }
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

function parse(frame: Buffer): Reply {
  const text = frame.toString("latin1");
  let at = 0;
  const next = (): Reply => {
    const lineEnd = text.indexOf("\r\n", at);
    const type = text[at];
    const line = text.slice(at + 1, lineEnd);
    at = lineEnd + 2;
    if (type === "-") return new Error(line);
    if (type === ":") return Number(line);
    const size = Number(line);
    if (type === "*") return size < 0 ? null : Array.from({ length: size }, next);
    if (type !== "$") return line;
    if (size < 0) return null;
    at += size + 2;
    return text.slice(at - size - 2, at - 2);
  };
  return next();
}
