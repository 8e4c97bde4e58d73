/** How many hash slots a cluster has. */
export const SLOTS = 16384;

/** The hash slot of a key, one character per byte: CRC16 (XMODEM) of its tag in braces, or of all of it. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const text = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (let at = 0; at < text.length; at++) {
    crc ^= text.charCodeAt(at) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}

/** Which arguments of a command are keys. */
export function keysOf(name: string, args: readonly string[]): readonly string[] {
  if (EVERY.has(name)) return args;
  if (name === "MSET") return args.filter((_arg, index) => index % 2 === 0);
  if (name === "BLPOP" || name === "BRPOP") return args.slice(0, -1);
  return FIRST.has(name) ? args.slice(0, 1) : [];
}

/** Whether a command is held back while writes are paused, and never run by a replica. */
export function isWrite(name: string): boolean {
  return WRITES.has(name);
}

const EVERY = new Set(["MGET", "DEL", "UNLINK", "EXISTS", "TOUCH", "WATCH"]);
const READS = ["GET", "LLEN", "LRANGE", "HGETALL"];
const ONE_KEY_WRITES = ["SET", "INCR", "INCRBY", "LPUSH", "RPUSH", "LPOP", "HSET"];
const FIRST = new Set([...READS, ...ONE_KEY_WRITES]);
const WRITES = new Set([...ONE_KEY_WRITES, "DEL", "UNLINK", "MSET", "BLPOP", "BRPOP", "FLUSHALL"]);
