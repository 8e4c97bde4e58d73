/** node-redis: as shipped, without its time limit per command, the same in RESP2, and its pool of clients. */
import { createClient, createClientPool, createCluster } from "redis";

/** Connections of its pool where commands go through it. */
const POOLED = 50;

function optionsFor({ host, port, ca }, variant) {
  const socket = { host, port, ...(ca === undefined ? {} : { tls: true, ca }) };
  if (variant === "shipped") return { socket };
  return { socket, commandOptions: { timeout: 0 }, ...(variant === "resp2" && { RESP: 2 }) };
}

function listened(client) {
  client.on("error", (error) => {
    throw error;
  });
  return client;
}

export async function connect(place, { variant, connections = POOLED }) {
  const pooled = variant === "pool";
  const options = optionsFor(place, variant);
  const client = pooled
    ? createClientPool(options, { minimum: connections, maximum: connections, acquireTimeout: 60_000 })
    : createClient(options);
  await listened(client).connect();
  const binary = client.withTypeMapping({ 36: Buffer });
  const blocking = [];
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getBuffer: (key) => binary.get(key),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mGet(keys),
    hgetall: (key) => client.hGetAll(key),
    lrange: (key) => client.lRange(key, 0, -1),
    zrange: (key) => client.zRangeWithScores(key, 0, -1),
    pipeline(keys) {
      const batch = client.multi();
      for (const key of keys) batch.get(key);
      return batch.execAsPipeline();
    },
    /** A client of its own for each, as its guide to blocking commands advises. */
    async blpop(key, seconds) {
      const own = listened(createClient({ ...options, commandOptions: { timeout: 0 } }));
      blocking.push(own);
      await own.connect();
      return own.blPop(key, seconds);
    },
    borrow: pooled ? () => client.execute(() => {}) : undefined,
    fields: Object.entries,
    members: (reply) => reply.map(({ value, score }) => [value, score]),
    close() {
      client.destroy();
      for (const own of blocking) own.destroy();
    },
  };
}

export async function connectCluster({ nodes }, { variant }) {
  const rootNodes = nodes.map((socket) => ({ socket }));
  const untimed = variant === "shipped" ? {} : { commandOptions: { timeout: 0 } };
  const client = listened(createCluster({ rootNodes, ...untimed }));
  await client.connect();
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    close: () => client.destroy(),
  };
}

export function connectPool(place, { connections }) {
  return connect(place, { variant: "pool", connections });
}
