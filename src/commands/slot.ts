import type { Arg } from "./spec.ts";

/** How many hash slots a cluster has. */
export const SLOTS = 16384;

// CRC16 with the polynomial 0x1021, as the cluster specification tells under "Key distribution model".
const table: Uint16Array = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  table[byte] = crc & 0xffff;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The hash slot of a key: of what stands between its first `{` and the next `}`, when that is not empty. */
export function slotOf(key: Arg): number {
  if (typeof key === "string") {
    const slot = slotOfText(key);
    if (slot !== NOT_ASCII) return slot;
  }
  const bytes = key instanceof Uint8Array ? key : Buffer.from(String(key));
  let start = 0;
  let end = bytes.length;
  const open = bytes.indexOf(OPEN);
  if (open !== -1) {
    const close = bytes.indexOf(CLOSE, open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) ^ (table[(crc >> 8) ^ (bytes[at] as number)] as number)) & 0xffff;
  }
  return crc % SLOTS;
}

const NOT_ASCII = -1;

/** Without the bytes, which nearly every key can do without: it is asked for each command of a cluster. */
function slotOfText(key: string): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf("{");
  if (open !== -1) {
    const close = key.indexOf("}", open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let at = start; at < end; at++) {
    const code = key.charCodeAt(at);
    if (code > 0x7f) return NOT_ASCII;
    crc = ((crc << 8) ^ (table[(crc >> 8) ^ code] as number)) & 0xffff;
  }
  return crc % SLOTS;
}
