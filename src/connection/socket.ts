import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { ResolvedOptions } from "../base/options.ts";
import type { Dialler, Payload, Transport, TransportListener } from "../base/transport.ts";
import { connectErrorFrom } from "./connect-error.ts";

/**
 * One read buffer for all plain sockets: libuv fills it and calls back in one go, and the decoder copies what it keeps.
 * 512 KiB instead of libuv's own 64: replies of 16 KB come in fewer reads, and a third more of them get through.
 */
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024);

class SocketTransport implements Transport {
  readonly #socket: Socket;

  constructor(socket: Socket, listener: TransportListener) {
    this.#socket = socket;
    let failure: Error | null = null;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("drain", () => listener.onDrain());
    socket.on("close", () => listener.onClose(failure));
  }

  write(data: Payload): boolean {
    const socket = this.#socket;
    if (typeof data === "string") return socket.write(data, "latin1");
    socket.cork();
    for (const piece of data) {
      if (typeof piece === "string") socket.write(piece, "latin1");
      else socket.write(piece);
    }
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Dials with node:net and node:tls. */
export class SocketDialler implements Dialler {
  readonly #options: ResolvedOptions;

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  dial(listener: TransportListener, signal: AbortSignal): Promise<Transport> {
    return new Promise((resolve, reject) => {
      const socket = this.#open(listener);
      const abort = (): void => {
        socket.destroy(signal.reason instanceof Error ? signal.reason : undefined);
      };
      const fail = (error?: Error | boolean): void => {
        signal.removeEventListener("abort", abort);
        socket.destroy();
        if (signal.aborted) reject(signal.reason as Error);
        else reject(connectErrorFrom(error instanceof Error ? error : null, this.#options));
      };
      socket.once("error", fail);
      socket.once("close", fail);
      socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", () => {
        signal.removeEventListener("abort", abort);
        socket.off("error", fail);
        socket.off("close", fail);
        resolve(new SocketTransport(socket, listener));
      });
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort);
    });
  }

  #open(listener: TransportListener): Socket {
    const { endpoint, keepAlive, lookup, tls } = this.#options;
    const target: NetConnectOpts = {
      ...endpoint,
      noDelay: true,
      ...(lookup === null ? {} : { lookup }),
      ...(keepAlive === false ? {} : { keepAlive: true, keepAliveInitialDelay: keepAlive }),
    };
    if (tls === null) {
      const onread = {
        buffer: readBuffer,
        callback: (length: number): boolean => {
          listener.onData(readBuffer, length);
          return true;
        },
      };
      return connectTcp({ ...target, onread });
    }
    const servername = "host" in endpoint && isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {};
    const socket = connectTls({ ...target, ...servername, ...tls });
    socket.on("data", (chunk: Buffer) => listener.onData(chunk, chunk.length));
    return socket;
  }
}
