/** ioredis, and iovalkey, which has the same interface: as shipped, with auto-pipelining, and in RESP2. */
import { Redis } from "ioredis";
import { adaptIoredis, adaptIoredisPool } from "./ioredis-like.mjs";

export const connect = (place, options) => adaptIoredis(Redis, place, options);
export const connectPool = (place, options) => adaptIoredisPool(Redis, place, options);
