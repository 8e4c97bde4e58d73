/** cache-manager over Keyv: @keyv/redis, and before it the memory store of its authors, which keeps the values themselves. */
import { createKeyv as createMemory } from "@cacheable/memory";
import { createKeyv as createRedis } from "@keyv/redis";
import { createCache } from "cache-manager";

const HOUR = 3_600_000;

export async function connect({ host, port }, { level }) {
  const second = createRedis(`redis://${host}:${port}`, { namespace: "bench-manager" });
  const first = createMemory({ ttl: HOUR, lruSize: 10_000, useClone: false });
  const cache = createCache({ stores: level === "first" ? [first, second] : [second], ttl: HOUR });
  return {
    getOrSet: (id, load) => cache.wrap(String(id), load),
    close: () => cache.disconnect(),
  };
}
