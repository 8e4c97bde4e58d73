/** Valkey GLIDE: a Rust core behind a native addon. */
import { Batch, Decoder, GlideClient, GlideClusterClient } from "@valkey/valkey-glide";

// As many in flight as the largest workload has; 1000 is its default, beyond which it refuses.
const LIMITS = { requestTimeout: 60_000, inflightRequestsLimit: 10_000 };

function optionsFor(place) {
  const tls =
    place.ca === undefined
      ? {}
      : { useTLS: true, advancedConfiguration: { tlsAdvancedConfiguration: { rootCertificates: place.ca } } };
  return { addresses: [{ host: place.host, port: place.port }], ...LIMITS, ...tls };
}

export async function connect(place) {
  const client = await GlideClient.createClient(optionsFor(place));
  const blocking = [];
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getBuffer: (key) => client.get(key, { decoder: Decoder.Bytes }),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(keys),
    hgetall: (key) => client.hgetall(key),
    lrange: (key) => client.lrange(key, 0, -1),
    zrange: (key) => client.zrangeWithScores(key, { start: 0, end: -1 }),
    pipeline(keys) {
      const batch = new Batch(false);
      for (const key of keys) batch.get(key);
      return client.exec(batch, false);
    },
    async blpop(key, seconds) {
      const own = await GlideClient.createClient(optionsFor(place));
      blocking.push(own);
      return own.blpop([key], seconds);
    },
    fields: (reply) => reply.map(({ field, value }) => [field, value]),
    members: (reply) => reply.map(({ element, score }) => [element, score]),
    close() {
      client.close();
      for (const own of blocking) own.close();
    },
  };
}

export async function connectCluster({ nodes }) {
  const client = await GlideClusterClient.createClient({ addresses: nodes, ...LIMITS });
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    close: () => client.close(),
  };
}

/** It has no pool: as many clients as connections. */
export async function connectPool(place, { connections }) {
  const clients = [];
  for (let n = 0; n < connections; n++) clients.push(await GlideClient.createClient(optionsFor(place)));
  return {
    close() {
      for (const client of clients) client.close();
    },
  };
}
