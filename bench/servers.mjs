/** The real servers of a run, filled with the same data: one plain, one with TLS, and a cluster where a workload wants it. */
import { fill } from "./dataset.mjs";

/** A busy machine is no reason to hold a node to have failed: the server's own default, ms. */
const NODE_TIMEOUT = 15_000;

/** @param workloads what they are for */
export async function openServers(workloads) {
  const { startCluster, startServer } = await import("../dist/testing/index.js");
  const { Redis } = await import("../dist/index.js");
  const started = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
  };
  /** What `start` gives, filled through the client that `connect` makes for it. */
  const open = async (start, connect) => {
    const server = await start();
    started.push(server);
    const redis = connect(server, { commandTimeout: 30_000 });
    await fill((name, ...args) => redis.call(name, ...args));
    await redis.close();
    return server;
  };
  try {
    const plain = await open(startServer, ({ url }, options) => new Redis(url, options));
    const tls = await open(
      () => startServer({ tls: true }),
      ({ url, tls: { ca } }, options) => new Redis(url, { ...options, tls: { ca } }),
    );
    const cluster = workloads.some((workload) => workload.cluster)
      ? await open(
          () => startCluster({ primaries: 3, replicas: 0, nodeTimeout: NODE_TIMEOUT }),
          ({ urls }, options) => Redis.cluster(urls, options),
        )
      : null;
    return {
      plain: { host: plain.host, port: plain.port },
      tls: { host: tls.host, port: tls.port, ca: tls.tls.ca },
      cluster: cluster && { nodes: cluster.nodes.map(({ host, port }) => ({ host, port })) },
      url: plain.url,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
