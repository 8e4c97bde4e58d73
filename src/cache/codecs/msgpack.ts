import type { Codec } from "../codec.ts";
import { CacheValueError } from "../errors.ts";
import { peer } from "../peer.ts";
import { refuseLost, type Keeps } from "./lost.ts";

/** How MessagePack is written. */
export interface MsgpackOptions {
  /**
   * Writes objects in msgpackr's record extension, which is smaller and faster, keeps Maps, and can be read by msgpackr only.
   * Default false: what any MessagePack library can read.
   */
  readonly records?: boolean | undefined;
  /** The package, where it cannot be found by its name, as in a bundle: `import * as library from "msgpackr"`. */
  readonly library?: Msgpackr | undefined;
}

/** What is used of the package `msgpackr`. */
export interface Msgpackr {
  readonly Packr: new (options: Readonly<Record<string, unknown>>) => {
    pack(value: unknown): Uint8Array;
    unpack(bytes: Uint8Array): unknown;
  };
}

/**
 * undefined is an extension that others can skip, but not read: in the portable form it is refused. So are Maps: they would come
 * back as objects.
 */
const PORTABLE: Keeps = { nonFinite: true, bigintBits: 64, dates: true, buffers: true };
const RECORDS: Keeps = { ...PORTABLE, undefined: true, maps: true };

/**
 * MessagePack, by the package `msgpackr`, which has to be installed. Keeps Dates, Buffers, NaN, and bigints of 64 bits.
 *
 * @throws OptionsError when the package cannot be found
 */
export function msgpack<T = unknown>(options: MsgpackOptions = {}): Codec<T> {
  const { records = false, library = peer<Msgpackr>("msgpackr", "the codec msgpack") } = options;
  const packr = new library.Packr({ useRecords: records, mapsAsObjects: !records, variableMapSize: true });
  const keeps = records ? RECORDS : PORTABLE;
  return {
    id: "msgpack",
    encode(value) {
      refuseLost("msgpack", value, keeps);
      try {
        // A copy of its own: the bytes are a part of the packer's buffer, which it goes on to write to.
        return Buffer.from(packr.pack(value));
      } catch (error) {
        throw new CacheValueError("msgpack", "$", error instanceof Error ? error.message : String(error), error);
      }
    },
    decode: (bytes) => packr.unpack(bytes) as T,
  };
}
