/** Bentocache, on ioredis with auto-pipelining. In memory it keeps texts: with `serialize: false` it cannot read back what it has stored (1.6.1). */
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisDriver } from "bentocache/drivers/redis";
import { Redis } from "ioredis";

export async function connect({ host, port }, { level }) {
  const connection = new Redis({ host, port, enableAutoPipelining: true });
  const second = bentostore().useL2Layer(redisDriver({ connection, prefix: "bench-bento" }));
  const store = level === "first" ? second.useL1Layer(memoryDriver({ maxItems: 10_000 })) : second;
  const cache = new BentoCache({ default: "bench", ttl: "1h", stores: { bench: store } });
  return {
    getOrSet: (id, factory) => cache.getOrSet({ key: String(id), factory }),
    close: () => cache.disconnectAll(),
  };
}
