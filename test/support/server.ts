import { after, before } from "node:test";
import { startServer, type StartServerOptions, type TestServer } from "../../src/testing/index.ts";

/**
 * One server for all tests of a file (or of the `describe` that it is called in), started before and stopped after them.
 *
 *     const server = sharedServer();
 *     test("…", async () => { … server().port … });
 */
export function sharedServer(options: StartServerOptions = {}): () => TestServer {
  let server: TestServer | undefined;
  before(async () => {
    server = await startServer(options);
  });
  after(async () => {
    await server?.stop();
  });
  return () => {
    if (server === undefined) throw new Error("the shared server runs only within tests and hooks");
    return server;
  };
}
