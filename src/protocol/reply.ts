import type { ServerError } from "../base/errors.ts";

/**
 * A decoded reply. RESP2 and RESP3 give the same value wherever the wire tells enough:
 *
 * | on the wire | value |
 * |---|---|
 * | simple, bulk, verbatim and streamed strings | string, or Buffer where buffers are asked for |
 * | integer | number, or bigint beyond ±(2^53 − 1) |
 * | big number | bigint |
 * | double (also inf, -inf, nan) | number |
 * | boolean | boolean |
 * | null in all its forms | null |
 * | array, set, push | array |
 * | map | an object without a prototype |
 * | error, inside an aggregate too | ServerError |
 * | attribute | skipped |
 */
export type Reply = string | Buffer | number | bigint | boolean | null | ServerError | Reply[] | ReplyMap;

/** A map's entries; its prototype is null, so that a field called `__proto__` is data. */
export interface ReplyMap {
  [field: string]: Reply;
}
