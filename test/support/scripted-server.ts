import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { parseReply } from "./raw-client.ts";

/** One accepted connection, for a handler that has to do more than answer. */
export interface ScriptedConnection {
  /** 1 for the first one accepted. */
  readonly id: number;
  /** Sends bytes as they are; a string is Latin-1. */
  send(raw: string | Buffer): void;
  /** Ends the connection: by FIN after what was sent, or at once by RST. */
  end(): void;
  reset(): void;
}

/**
 * Gets each command; returns the raw bytes to send (a string is Latin-1), or null for silence.
 * It may also send by itself, and answer later.
 */
export type Script = (
  command: string[],
  connection: ScriptedConnection,
) => string | Buffer | null | Promise<string | Buffer | null>;

export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: ReadonlySet<ScriptedConnection>;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** All commands received, in order of arrival, with their connection's id. */
  readonly received: readonly { connection: number; command: string[] }[];
  close(): Promise<void>;
}

/**
 * A server that says what the script says: hostile replies, silence, an old version, wrong order.
 *
 * @param options.greeting raw bytes sent to each connection before anything is asked
 */
export async function startScriptedServer(
  script: Script,
  options: { port?: number; greeting?: string | Buffer } = {},
): Promise<ScriptedServer> {
  const connections = new Map<ScriptedConnection, Socket>();
  const received: { connection: number; command: string[] }[] = [];
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    const connection = scriptedConnection(accepted, socket);
    connections.set(connection, socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => connections.delete(connection));
    if (options.greeting !== undefined) connection.send(options.greeting);
    readCommands(socket, (command) => {
      received.push({ connection: connection.id, command });
      const answer = script(command, connection);
      if (answer instanceof Promise) void answer.then((raw) => raw !== null && connection.send(raw));
      else if (answer !== null) connection.send(answer);
    });
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return new Set(connections.keys());
    },
    get accepted() {
      return accepted;
    },
    received,
    close: () => closeAll(server, connections.values()),
    [Symbol.asyncDispose]: () => closeAll(server, connections.values()),
  };
}

function scriptedConnection(id: number, socket: Socket): ScriptedConnection {
  return {
    id,
    send: (raw) => {
      if (!socket.destroyed) socket.write(typeof raw === "string" ? Buffer.from(raw, "latin1") : raw);
    },
    end: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
  };
}

function readCommands(socket: Socket, onCommand: (command: string[]) => void): void {
  let input: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    for (;;) {
      const parsed = parseReply(input, 0);
      if (parsed === undefined) return;
      input = input.subarray(parsed.end);
      if (!Array.isArray(parsed.value)) throw new Error(`a client sends arrays, got ${String(parsed.value)}`);
      onCommand(parsed.value.map(String));
    }
  });
}

async function closeAll(server: Server, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  if (!server.listening) return;
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
