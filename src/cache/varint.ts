/** 2^53 − 1 in groups of seven bits. */
const MOST_BYTES = 8;

/** Bytes of a whole number from 0 to 2^53 − 1 in LEB128: seven bits each, the lowest first. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes a number; returns where the next byte goes. */
export function writeVarint(into: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  for (; rest >= 128; rest = Math.floor(rest / 128)) into[next++] = (rest % 128) | 128;
  into[next++] = rest;
  return next;
}

/** Reads numbers and texts one after another. */
export class FieldReader {
  readonly #bytes: Buffer;
  /** Where the next byte is. */
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** @throws RangeError where the bytes end before */
  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError("the head ends in the middle");
    return byte;
  }

  /** @throws RangeError for a number that is cut off, or too large */
  varint(): number {
    let value = 0;
    let unit = 1;
    for (let count = 0; count < MOST_BYTES; count++) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      unit *= 128;
    }
    throw new RangeError("a number in the head is too large");
  }

  /** A text behind its length in bytes. */
  text(): string {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError("the head ends in the middle");
    const text = this.#bytes.toString("utf8", this.at, end);
    this.at = end;
    return text;
  }
}
