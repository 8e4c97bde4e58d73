/** The real servers of a run, one plain and one with TLS, filled with the same data. */
import { fill } from "./dataset.mjs";

export async function openServers() {
  const { startServer } = await import("../dist/testing/index.js");
  const { Redis } = await import("../dist/index.js");
  const plain = await startServer();
  const tls = await startServer({ tls: true }).catch(async (error) => {
    await plain.stop();
    throw error;
  });
  for (const server of [plain, tls]) {
    const redis = new Redis(server.url, { ...(server.tls && { tls: { ca: server.tls.ca } }), commandTimeout: 30_000 });
    await fill((name, ...args) => redis.call(name, ...args));
    await redis.close();
  }
  return {
    plain: { host: plain.host, port: plain.port },
    tls: { host: tls.host, port: tls.port, ca: tls.tls.ca },
    url: plain.url,
    stop: async () => {
      await Promise.all([plain.stop(), tls.stop()]);
    },
  };
}
