/** What ioredis and iovalkey have in common: the interface. */
import genericPool from "generic-pool";

function optionsFor(place) {
  const tls = place.ca === undefined ? {} : { tls: { ca: place.ca } };
  return { host: place.host, port: place.port, ...tls };
}

function open(Client, ...options) {
  return new Promise((resolve, reject) => {
    const client = new Client(...options);
    client.once("ready", () => resolve(client)).once("error", reject);
  });
}

/** `[a, 1, b, 2]` → `[[a, 1], [b, 2]]` */
function inPairs(flat) {
  const pairs = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at], flat[at + 1]]);
  return pairs;
}

export async function adaptIoredis(Client, place, { variant }) {
  const client = await open(Client, {
    ...optionsFor(place),
    enableAutoPipelining: variant === "auto",
    ...(variant === "resp2" && { protocol: 2 }),
  });
  const blocking = [];
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getBuffer: (key) => client.getBuffer(key),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(keys),
    hgetall: (key) => client.hgetall(key),
    lrange: (key) => client.lrange(key, 0, -1),
    zrange: (key) => client.zrange(key, 0, -1, "WITHSCORES"),
    async pipeline(keys) {
      const batch = client.pipeline();
      for (const key of keys) batch.get(key);
      const results = await batch.exec();
      return results.map(([error, value]) => error ?? value);
    },
    /** A connection of its own for each: on a shared one everything behind it would wait. */
    async blpop(key, seconds) {
      const own = client.duplicate();
      blocking.push(own);
      return own.blpop(key, seconds);
    },
    fields: Object.entries,
    members: (reply) => inPairs(reply).map(([member, score]) => [member, Number(score)]),
    close() {
      client.disconnect();
      for (const own of blocking) own.disconnect();
    },
  };
}

export async function adaptIoredisCluster(Cluster, { nodes }, { variant }) {
  const client = await open(Cluster, nodes, { enableAutoPipelining: variant === "auto" });
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    close: () => client.disconnect(),
  };
}

/** Neither has a pool: generic-pool is what their users put around them. */
export async function adaptIoredisPool(Client, place, { connections }) {
  const pool = genericPool.createPool(
    { create: () => open(Client, optionsFor(place)), destroy: (client) => client.disconnect() },
    { min: connections, max: connections },
  );
  await pool.ready();
  return {
    borrow: () => pool.use(async () => {}),
    async close() {
      await pool.drain();
      await pool.clear();
    },
  };
}
