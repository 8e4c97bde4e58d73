/** The project itself, as it is built in dist/. */
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../dist/index.js";

function optionsFor(place) {
  const tls = place.ca === undefined ? {} : { tls: { ca: place.ca } };
  return { host: place.host, port: place.port, ...tls };
}

export async function connect(place, { maxConnections }) {
  const redis = new Redis({ ...optionsFor(place), ...(maxConnections !== undefined && { maxConnections }) });
  return adapt(redis);
}

export function connectCluster({ nodes }) {
  return adapt(Redis.cluster(nodes));
}

async function adapt(redis) {
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
    fields: Object.entries,
    members: (reply) => reply,
    // What is still blocked would hold a close up.
    close: () => redis.destroy(),
  };
}

/** A pool without a client, whose lane would keep one connection back. */
export async function connectPool(place, { connections }) {
  const pool = new ConnectionPool({ ...optionsFor(place), minConnections: connections, maxConnections: connections });
  while (pool.stats().idle < connections) await sleep(5);
  return {
    async borrow() {
      const lease = await pool.lease();
      lease.release();
    },
    close: () => pool.destroy(),
  };
}
