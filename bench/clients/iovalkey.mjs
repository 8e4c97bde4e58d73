import { Cluster, Redis } from "iovalkey";
import { adaptIoredis, adaptIoredisCluster, adaptIoredisPool } from "./ioredis-like.mjs";

export const connect = (place, options) => adaptIoredis(Redis, place, options);
export const connectCluster = (place, options) => adaptIoredisCluster(Cluster, place, options);
export const connectPool = (place, options) => adaptIoredisPool(Redis, place, options);
