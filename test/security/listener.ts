import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A port that does what a test says with each connection, and keeps all bytes that come in, per connection. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** What each connection has sent, in order; over TLS what was decrypted. */
  readonly received: readonly Buffer[];
  readonly open: number;
}

/** Starts one. @param tls speaks TLS with these options */
export async function startListener(
  onConnection: (socket: Socket, index: number) => void,
  tls?: TlsOptions,
): Promise<Listener> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    const index = received.push(Buffer.alloc(0)) - 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => (received[index] = Buffer.concat([received[index] as Buffer, chunk])));
    onConnection(socket, index);
  };
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received,
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
