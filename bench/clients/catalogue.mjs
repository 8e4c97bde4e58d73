/**
 * The clients that are measured, and how each is set up. Unless said otherwise all have: one client object in one process,
 * replies as strings, the same server on loopback, no offline queue limits reached, no password.
 *
 * `pools`: the workloads of pools that it takes part in; where a library has no pool, its users' generic-pool is around it.
 * `quick`: also in a quick run: the fastest settings of each.
 * `role`: "floor" is what any client must at least pay; "peer" is what respool is compared with; `shipped` marks a peer with its
 * default settings, the others have the fastest settings that their documentation offers.
 */
export const clients = {
  floor: {
    quick: true,
    title: "bare floor",
    file: "floor.mjs",
    role: "floor",
    settings:
      "a bare socket of at most 80 lines: one write per turn of the event loop, no errors, time limits or reconnect",
  },
  respool: {
    quick: true,
    title: "respool",
    file: "respool.mjs",
    role: "respool",
    package: "respool",
    pools: ["borrow", "idle"],
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
    quick: true,
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
    pools: ["borrow", "idle"],
    settings: "createClientPool, minimum = maximum = 50, commandOptions.timeout 0",
  },
  ioredis: {
    title: "ioredis",
    file: "ioredis.mjs",
    variant: "shipped",
    role: "peer",
    shipped: true,
    package: "ioredis",
    pools: ["borrow", "idle"],
    settings: "as shipped: no time limit per command; its pool is generic-pool",
  },
  "ioredis-auto": {
    quick: true,
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
    pools: ["borrow", "idle"],
    settings: "as shipped: RESP2, no time limit per command; its pool is generic-pool",
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
    quick: true,
    title: "GLIDE",
    file: "glide.mjs",
    role: "peer",
    shipped: true,
    package: "@valkey/valkey-glide",
    pools: ["idle"],
    settings: "requestTimeout 60 s, inflightRequestsLimit 10,000 (its default of 1,000 refuses the largest loads)",
  },
  bun: {
    quick: true,
    title: "Bun's client",
    file: "bun.mjs",
    role: "peer",
    runtime: "bun",
    settings: "Bun's own runtime; automatic pipelining on, as shipped",
  },
};
