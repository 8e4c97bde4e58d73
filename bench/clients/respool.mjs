/** The project itself, as it is built in dist/. */
export async function connect(server) {
  const { Redis } = await import("../../dist/index.js");
  const redis = new Redis(server.path ? { path: server.path } : { host: server.host, port: server.port });
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    close: () => redis.close(),
  };
}
