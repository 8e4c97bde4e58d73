/** The client built into Bun; it runs in Bun only. Its automatic pipelining is on, as shipped. */
import { RedisClient } from "bun";

async function open(place) {
  const url = `${place.ca === undefined ? "redis" : "rediss"}://${place.host}:${place.port}`;
  const client = new RedisClient(url, place.ca === undefined ? {} : { tls: { ca: place.ca } });
  await client.connect();
  return client;
}

export async function connect(place) {
  const client = await open(place);
  const blocking = [];
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getBuffer: (key) => client.getBuffer(key),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(...keys),
    hgetall: (key) => client.hgetall(key),
    lrange: (key) => client.lrange(key, 0, -1),
    zrange: (key) => client.zrange(key, 0, -1, "WITHSCORES"),
    /** It has no pipeline to fill: commands given in one turn go out together. */
    pipeline: (keys) => Promise.all(keys.map((key) => client.get(key))),
    async blpop(key, seconds) {
      const own = await open(place);
      blocking.push(own);
      return own.blpop(key, seconds);
    },
    fields: Object.entries,
    members: (reply) => reply,
    close() {
      client.close();
      for (const own of blocking) own.close();
    },
  };
}
