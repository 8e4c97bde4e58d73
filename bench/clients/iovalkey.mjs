import { Redis } from "iovalkey";
import { adaptIoredis, adaptIoredisPool } from "./ioredis-like.mjs";

export const connect = (place, options) => adaptIoredis(Redis, place, options);
export const connectPool = (place, options) => adaptIoredisPool(Redis, place, options);
