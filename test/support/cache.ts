import { after, before } from "node:test";
import { Cache, type CacheOptions } from "../../src/cache/index.ts";
import { Redis, type RedisOptions } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";

/** Limits with which a busy machine makes no misses. */
export const PATIENT = { readTimeout: 2000, writeTimeout: 2000 } as const;

/** What the tests of a file have in common. */
export interface SharedCaches {
  readonly server: TestServer;
  /** The client of the caches. */
  readonly redis: Redis;
  /** One more client, as of another program; it is closed behind the tests. */
  readonly another: (options?: RedisOptions) => Redis;
  /** A namespace that nobody else has. */
  readonly namespace: () => string;
  /** A patient cache, in a namespace of its own unless one is given. */
  readonly cacheOf: <T = unknown>(options?: Partial<CacheOptions<T>>, client?: Redis) => Cache<T>;
}

/** One server and one client for all tests of a file; to be called at its top. */
export function sharedCaches(): SharedCaches {
  let server: TestServer | undefined;
  const clients: Redis[] = [];
  let count = 0;
  before(async () => {
    server = await startServer();
    shared.another();
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server?.stop();
  });
  const shared: SharedCaches = {
    get server() {
      if (server === undefined) throw new Error("the server runs only within tests");
      return server;
    },
    get redis() {
      return clients[0] as Redis;
    },
    another: (options = {}) => {
      const client = new Redis({ host: shared.server.host, port: shared.server.port, ...options });
      clients.push(client);
      return client;
    },
    namespace: () => `n${++count}`,
    cacheOf: (options = {}, client = shared.redis) =>
      new Cache(client, { namespace: shared.namespace(), ...PATIENT, ...options }),
  };
  return shared;
}
