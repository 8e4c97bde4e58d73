/** The project itself, as it is built in dist/. */
import { Cache } from "../../dist/cache/index.js";
import { Redis } from "../../dist/index.js";

/** @param level "second": Redis alone; "first": with a first level in memory before it */
export async function connect({ host, port }, { level }) {
  const redis = new Redis({ host, port });
  await redis.ready();
  const cache = new Cache(redis, { namespace: "bench-respool", ttl: 3600, memory: level === "first" });
  // What is told of changes starts with the first look-up.
  await cache.get("none");
  for (let tries = 0; level === "first" && !cache.stats().memory.isLive; tries++) {
    if (tries === 100) throw new Error("respool: the first level is not in use after 1 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    getOrSet: (id, load) => cache.getOrSet(id, load),
    async close() {
      await cache.close();
      redis.destroy();
    },
  };
}
