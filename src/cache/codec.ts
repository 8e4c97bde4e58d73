/** Turns values into bytes, and back. */
export interface Codec<T = unknown> {
  /**
   * Its name in the stored form, by which a reader finds it: 1 to 32 characters of a-z, 0-9, `.`, `_` and `-`. Change it when the
   * bytes change their meaning.
   */
  readonly id: string;
  /**
   * Makes the bytes of a value; a string stands for its UTF-8.
   *
   * @throws CacheValueError, or any error, for a value that would not come back as it is: nothing is stored
   */
  encode(value: T): Uint8Array | string;
  /**
   * Reads what `encode` has made; also what another process of another version has made.
   *
   * @throws any error for bytes that it cannot read: they count as a miss
   */
  decode(bytes: Buffer): T;
}

/** A codec of whatever values, for reading. */
export interface AnyCodec {
  readonly id: string;
  encode(value: never): Uint8Array | string;
  decode(bytes: Buffer): unknown;
}

/** The built-in codecs by their number in the stored form; see docs/cache-format.md. */
const NUMBERS: Readonly<Record<string, number>> = { raw: 0, json: 1, msgpack: 2, protobuf: 3, v8: 4 };
const NAMES = new Map(Object.entries(NUMBERS).map(([id, number]) => [number, id]));

/** The number that stands for a codec of the user's own; its name follows. */
export const OWN_CODEC = 255;

/** The number of a codec in the stored form. */
export function codecNumber(id: string): number {
  return Object.hasOwn(NUMBERS, id) ? (NUMBERS[id] as number) : OWN_CODEC;
}

/** The name of a built-in codec; undefined for a number that is not in use. */
export function codecName(number: number): string | undefined {
  return NAMES.get(number);
}
