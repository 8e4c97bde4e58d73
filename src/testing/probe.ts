import { connect } from "node:net";

/**
 * Sends one command over a unix socket and resolves to the first line of its reply, such as `+PONG`.
 * Enough to see whether a server answers; it must not use the client that the server is there to test.
 */
export function ask(path: string, password: string | undefined, command: string, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const lines = password === undefined ? 1 : 2;
    let text = "";
    const limit = setTimeout(() => socket.destroy(new Error(`no reply to ${command} within ${timeout} ms`)), timeout);
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      const words = password === undefined ? [[command]] : [["AUTH", password], [command]];
      socket.write(words.map(encode).join(""));
    });
    socket.on("data", (chunk: string) => {
      text += chunk;
      const replies = text.split("\r\n");
      if (replies.length <= lines) return;
      resolve(replies[lines - 1] ?? "");
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(limit);
      reject(new Error(`the connection was closed before ${command} was answered`));
    });
  });
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
