import { connect, type Socket } from "node:net";
import { ServerError } from "../../src/base/errors.ts";
import { Decoder } from "../../src/protocol/decoder.ts";
import type { Payload } from "../../src/base/transport.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { buildCall } from "../../src/commands/call.ts";
import { attachCommands, type Dispatcher } from "../../src/commands/methods.ts";
import type { Request } from "../../src/commands/request.ts";
import type { Commands } from "../../src/commands/typings.generated.ts";

interface Waiting {
  readonly request: Request;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Command methods over one socket, and nothing else: no pool, no retries, replies in order. */
export class RawCommands implements Dispatcher {
  readonly #socket: Socket;
  readonly #buffers: boolean;
  readonly #waiting: Waiting[] = [];

  private constructor(socket: Socket, buffers: boolean) {
    this.#socket = socket;
    this.#buffers = buffers;
    const decoder = new Decoder({
      wantsBuffers: () => this.#buffers,
      onReply: (reply) => this.#settle(reply),
      onPush: () => undefined,
    });
    socket.on("data", (chunk: Buffer) => decoder.write(chunk));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("closed"));
    });
  }

  static async connect(path: string, protocol: 2 | 3, buffers = false): Promise<RawCommands> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const raw = new RawCommands(socket, buffers);
    if (protocol === 3) await raw.call("HELLO", "3");
    return raw;
  }

  call(name: string, ...args: unknown[]): Promise<unknown> {
    return this.dispatch(buildCall(name, args));
  }

  dispatch(request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      for (const piece of piecesOf(request.payload)) this.#socket.write(piece, "latin1");
    });
  }

  refuse(error: unknown): Promise<never> {
    return Promise.reject(error);
  }

  close(): void {
    this.#socket.destroy();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error("a reply without a request");
    if (reply instanceof ServerError) return waiting.reject(reply);
    try {
      waiting.resolve(waiting.request.transform === null ? reply : waiting.request.transform(reply));
    } catch (error) {
      waiting.reject(error);
    }
  }
}

export interface RawCommands extends Commands {}

attachCommands(RawCommands.prototype);

/** Builds requests and hands them back: to look at what would be sent. */
export class Recorder implements Dispatcher {
  dispatch(request: Request): Request {
    return request;
  }

  refuse(error: unknown): never {
    throw error;
  }
}

attachCommands(Recorder.prototype);

/** The method of a command by its wire name, bound: `CONFIG GET` gives `config.get`. */
export function methodOf(owner: object, name: string): (...args: unknown[]) => unknown {
  const [first, second] = name.toLowerCase().replaceAll("-", "_").split(" ") as [string, string | undefined];
  const member = (owner as Record<string, unknown>)[first];
  if (second === undefined) return (member as (...args: unknown[]) => unknown).bind(owner);
  const space = member as Record<string, (...args: unknown[]) => unknown>;
  return (space[second] as (...args: unknown[]) => unknown).bind(space);
}

export function piecesOf(payload: Payload): readonly (string | Buffer)[] {
  return typeof payload === "string" ? [payload] : payload;
}
