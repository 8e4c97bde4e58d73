import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { TestServerError } from "./errors.ts";

// Below the range that systems give to outgoing connections (32768 and up on Linux, 49152 on macOS): otherwise, while
// a server restarts, somebody's outgoing connection may take its port, or a client that dials it may reach itself.
const LOWEST = 10_000;
const HIGHEST = 32_000;

/**
 * Chooses a port that nothing listens on. Another process may take it before the caller does,
 * so whoever binds it must be ready to ask for another.
 */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await canListen(host, port)) return port;
  }
  throw new TestServerError("ERR_SERVER_START", `no free port found on ${host} between ${LOWEST} and ${HIGHEST}`);
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
