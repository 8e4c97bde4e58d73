/**
 * The clients that are measured, and how each is set up. Unless said otherwise all have: one client object in one process,
 * replies as strings, the same server on loopback, no offline queue limits reached, no password.
 *
 * `role`: "floor" is what any client must at least pay; "peer" is what respool is compared with; `shipped` marks a peer with its
 * default settings, the others have the fastest settings that their documentation offers.
 */
export const clients = {
  floor: {
    title: "bare floor",
    file: "floor.mjs",
    role: "floor",
    settings:
      "a bare socket of at most 80 lines: one write per turn of the event loop, no errors, time limits or reconnect",
  },
  respool: {
    title: "respool",
    file: "respool.mjs",
    role: "respool",
    package: "respool",
    settings: "as shipped: RESP3, commandTimeout 5 s, retries, session shadow and stats on",
  },
  redis: {
    title: "redis",
    file: "redis.mjs",
    variant: "shipped",
    role: "peer",
    shipped: true,
    package: "redis",
    settings: "as shipped: RESP3, a time limit of 5 s per command",
  },
  "redis-untimed": {
    title: "redis, no time limit",
    file: "redis.mjs",
    variant: "untimed",
    role: "peer",
    package: "redis",
    settings: "commandOptions.timeout 0: no time limit per command",
  },
  "redis-pool": {
    title: "redis, its pool",
    file: "redis.mjs",
    variant: "pool",
    role: "peer",
    package: "redis",
    settings: "createClientPool, minimum = maximum = 50, commandOptions.timeout 0",
  },
  ioredis: {
    title: "ioredis",
    file: "ioredis.mjs",
    variant: "shipped",
    role: "peer",
    shipped: true,
    package: "ioredis",
    settings: "as shipped: no time limit per command",
  },
  "ioredis-auto": {
    title: "ioredis, auto-pipelining",
    file: "ioredis.mjs",
    variant: "auto",
    role: "peer",
    package: "ioredis",
    settings: "enableAutoPipelining, no time limit per command",
  },
  iovalkey: {
    title: "iovalkey",
    file: "iovalkey.mjs",
    variant: "shipped",
    role: "peer",
    shipped: true,
    package: "iovalkey",
    settings: "as shipped: RESP2, no time limit per command",
  },
  "iovalkey-auto": {
    title: "iovalkey, auto-pipelining",
    file: "iovalkey.mjs",
    variant: "auto",
    role: "peer",
    package: "iovalkey",
    settings: "enableAutoPipelining, no time limit per command",
  },
  glide: {
    title: "GLIDE",
    file: "glide.mjs",
    role: "peer",
    shipped: true,
    package: "@valkey/valkey-glide",
    settings: "requestTimeout 60 s, inflightRequestsLimit 10,000 (its default of 1,000 refuses the largest loads)",
  },
  bun: {
    title: "Bun's client",
    file: "bun.mjs",
    role: "peer",
    runtime: "bun",
    settings: "Bun's own runtime; automatic pipelining on, as shipped",
  },
};
