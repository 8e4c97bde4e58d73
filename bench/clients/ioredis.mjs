/** ioredis, and iovalkey, which has the same interface: as shipped, with auto-pipelining, and in RESP2. */
import { Cluster, Redis } from "ioredis";
import { adaptIoredis, adaptIoredisCluster, adaptIoredisPool } from "./ioredis-like.mjs";

export const connect = (place, options) => adaptIoredis(Redis, place, options);
export const connectCluster = (place, options) => adaptIoredisCluster(Cluster, place, options);
export const connectPool = (place, options) => adaptIoredisPool(Redis, place, options);
