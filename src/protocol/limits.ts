/** How far the other side is trusted. What is beyond is a `ProtocolError`, and never an allocation. */
export interface DecoderLimits {
  /** Aggregates inside each other; default 128. */
  readonly maxDepth: number;
  /** Bytes of one string, also of a streamed one; default 512 MiB, as the server's `proto-max-bulk-len`. */
  readonly maxBulkBytes: number;
  /** Elements of one aggregate; default 2^26. V8 ends the process when an array outgrows 112 million. */
  readonly maxAggregateLength: number;
  /** Pairs of one map; default 2^23, behind which V8's objects take minutes to grow. */
  readonly maxMapLength: number;
  /** Bytes of one line that is a number or a length; default 64 KiB. */
  readonly maxLineBytes: number;
  /** Bytes of one simple string or simple error; default 1 MiB. */
  readonly maxTextBytes: number;
}

/** Generous to every real server. */
export const DEFAULT_LIMITS: DecoderLimits = {
  maxDepth: 128,
  maxBulkBytes: 512 * 1024 * 1024,
  maxAggregateLength: 2 ** 26,
  maxMapLength: 2 ** 23,
  maxLineBytes: 64 * 1024,
  maxTextBytes: 1024 * 1024,
};
