/** The project itself, as it is built in dist/. */
import { ConnectionPool, Redis } from "../../dist/index.js";
import { entriesOf } from "../replies.mjs";

function optionsFor(place) {
  const tls = place.ca === undefined ? {} : { tls: { ca: place.ca } };
  return { host: place.host, port: place.port, ...tls };
}

export async function connect(place, { connections } = {}) {
  const limit = connections === undefined ? {} : { maxConnections: connections };
  const redis = new Redis({ ...optionsFor(place), ...limit });
  await redis.ready();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    getBuffer: (key) => redis.buffers.get(key),
    incr: (key) => redis.incr(key),
    mget: (keys) => redis.mget(keys),
    hgetall: (key) => redis.hgetall(key),
    lrange: (key) => redis.lrange(key, 0, -1),
    zrange: (key) => redis.zrange(key, 0, -1, { withscores: true }),
    pipeline(keys) {
      const batch = redis.pipeline();
      for (const key of keys) batch.get(key);
      return batch.exec();
    },
    blpop: (key, seconds) => redis.blpop(key, seconds),
    fields: entriesOf,
    members: (reply) => reply,
    // What is still blocked would hold a close up.
    close: () => redis.destroy(),
  };
}

/** A pool alone: `borrow` is one cycle of taking a connection and giving it back. */
export async function connectPool(place, { connections }) {
  const pool = new ConnectionPool({
    ...optionsFor(place),
    minConnections: connections,
    maxConnections: connections,
    maxWaiting: 100_000,
    acquireTimeout: 60_000,
  });
  const redis = new Redis({ pool });
  while (pool.stats().idle < connections) await new Promise((resolve) => setTimeout(resolve, 5));
  return {
    async borrow() {
      const lease = await pool.lease();
      lease.release();
    },
    get: (key) => redis.get(key),
    close: () => pool.destroy(),
  };
}
