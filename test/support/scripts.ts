import type { Script, ScriptedConnection } from "./scripted-server.ts";

/**
 * A script for a server that knows no HELLO (so RESP2 is spoken) and takes every other step of a handshake; the rest is the
 * caller's.
 *
 * @param answer gets the command's name in capitals and the rest of it
 */
export function afterHandshake(
  answer: (
    name: string,
    args: string[],
    connection: ScriptedConnection,
  ) => string | Buffer | null | Promise<string | Buffer | null>,
): Script {
  return ([name = "", ...args], connection) => {
    const command = name.toUpperCase();
    if (command === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
    if (command === "CLIENT" && args[0]?.toUpperCase() === "ID") return `:${connection.id}\r\n`;
    if (command === "CLIENT" || command === "SELECT" || command === "AUTH") return "+OK\r\n";
    return answer(command, args, connection);
  };
}
