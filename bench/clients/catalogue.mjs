import { caches } from "../caches/catalogue.mjs";

/**
 * The clients that are measured, and how each is set up. Unless said otherwise all have: one client object in one process,
 * replies as strings, the same server on loopback, no offline queue limits reached, no password.
 *
 * `quick`: also in a quick run: one of the faster settings of each.
 * `role`: "floor" is a plain loop on a bare socket for small values, one write per turn; "peer" is what respool is compared with;
 *   "single" is respool on one server, taking turns with what is measured in a cluster.
 * `only`, `without`: steps or workloads that it takes part in alone, or not in; see taking-part.mjs.
 * `beyond`: the workloads beyond commands that it takes part in. `borrow` and `idle` want a pool, or as many clients as
 * connections; `churn` wants a single connection; `loading` is measured once for each package.
 * `cluster`: in the workloads of the cluster, too.
 * `suite`: those of the caches, which are in a catalogue of their own, take part in their own workloads.
 * `settings`: all that differs from its defaults, for the report.
 */
/** Where it matters which protocol a reply comes in. */
const COLLECTIONS = ["mget", "hgetall", "lrange", "zrange"];

export const clients = {
  floor: {
    quick: true,
    title: "bare floor",
    file: "clients/floor.mjs",
    role: "floor",
    beyond: ["churn"],
    without: ["get-16kb", "set-16kb", "get-1mb", "set-1mb", "beside-large"],
    settings:
      "a plain loop on a bare socket for small values, at most 80 lines: one write per turn of the event loop, no errors, " +
      "time limits or reconnect",
  },
  respool: {
    quick: true,
    title: "respool",
    file: "clients/respool.mjs",
    role: "respool",
    package: "respool",
    beyond: ["borrow", "churn", "idle", "loading"],
    cluster: true,
    settings:
      "as shipped: RESP3, commandTimeout 5 s, retries, session shadow and stats on; beside 50 blocked pops maxConnections 64 " +
      "instead of 50; in the workloads of pools minConnections = maxConnections = 10, and 1,000 idle ones; Redis.cluster in a cluster",
  },
  "respool-single": {
    quick: true,
    title: "respool, one server",
    file: "clients/respool.mjs",
    role: "single",
    beyond: [],
    cluster: true,
    settings: "as respool, on one server: what it costs in a cluster is compared with this",
  },
  redis: {
    title: "redis",
    file: "clients/redis.mjs",
    variant: "shipped",
    role: "peer",
    package: "redis",
    beyond: ["churn", "loading"],
    cluster: true,
    settings: "as shipped: RESP3, a time limit of 5 s per command; createCluster in a cluster",
  },
  "redis-untimed": {
    quick: true,
    title: "redis, no time limit",
    file: "clients/redis.mjs",
    variant: "untimed",
    role: "peer",
    package: "redis",
    beyond: ["churn"],
    cluster: true,
    settings: "commandOptions.timeout 0: no time limit per command; createCluster in a cluster",
  },
  "redis-resp2": {
    title: "redis, RESP2, no time limit",
    file: "clients/redis.mjs",
    variant: "resp2",
    role: "peer",
    package: "redis",
    beyond: [],
    only: COLLECTIONS,
    settings: "RESP 2, commandOptions.timeout 0; only where the protocol of a reply matters",
  },
  "redis-pool": {
    title: "redis, its pool",
    file: "clients/redis.mjs",
    variant: "pool",
    role: "peer",
    package: "redis",
    beyond: ["borrow", "idle"],
    settings:
      "createClientPool, minimum = maximum = 50 (10 in the workloads of pools, and 1,000 idle ones), acquireTimeout 60 s, " +
      "commandOptions.timeout 0",
  },
  ioredis: {
    title: "ioredis",
    file: "clients/ioredis.mjs",
    variant: "shipped",
    role: "peer",
    package: "ioredis",
    beyond: ["borrow", "churn", "idle", "loading"],
    cluster: true,
    settings:
      "as shipped: RESP3, no time limit per command; its pool is generic-pool, min = max = 10, and 1,000 idle ones; Cluster in a cluster",
  },
  "ioredis-auto": {
    quick: true,
    title: "ioredis, auto-pipelining",
    file: "clients/ioredis.mjs",
    variant: "auto",
    role: "peer",
    package: "ioredis",
    beyond: ["churn"],
    cluster: true,
    settings: "enableAutoPipelining, no time limit per command; Cluster in a cluster",
  },
  "ioredis-resp2": {
    title: "ioredis, RESP2",
    file: "clients/ioredis.mjs",
    variant: "resp2",
    role: "peer",
    package: "ioredis",
    beyond: [],
    only: COLLECTIONS,
    settings: "protocol 2, else as shipped; only where the protocol of a reply matters",
  },
  iovalkey: {
    title: "iovalkey",
    file: "clients/iovalkey.mjs",
    variant: "shipped",
    role: "peer",
    package: "iovalkey",
    beyond: ["borrow", "churn", "idle", "loading"],
    cluster: true,
    settings:
      "as shipped: RESP2, no time limit per command; its pool is generic-pool, min = max = 10, and 1,000 idle ones; Cluster in a cluster",
  },
  "iovalkey-auto": {
    title: "iovalkey, auto-pipelining",
    file: "clients/iovalkey.mjs",
    variant: "auto",
    role: "peer",
    package: "iovalkey",
    beyond: ["churn"],
    cluster: true,
    settings: "enableAutoPipelining, no time limit per command; Cluster in a cluster",
  },
  glide: {
    quick: true,
    title: "GLIDE",
    file: "clients/glide.mjs",
    role: "peer",
    package: "@valkey/valkey-glide",
    beyond: ["churn", "idle", "loading"],
    cluster: true,
    settings:
      "as shipped but for two limits: requestTimeout 60 s instead of 250 ms, inflightRequestsLimit 10,000 (its default of " +
      "1,000 refuses the largest loads); idle connections are clients, it has no pool; GlideClusterClient in a cluster",
  },
  bun: {
    quick: true,
    title: "Bun's client",
    file: "clients/bun.mjs",
    role: "peer",
    runtime: "bun",
    beyond: ["churn"],
    settings: "Bun's own runtime; automatic pipelining on, as shipped",
  },
  ...caches,
};
