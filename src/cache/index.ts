export { Cache, type CacheId } from "./cache.ts";
export type { GetOrSetOptions, SetOptions } from "./call-options.ts";
export type { AnyCodec, Codec } from "./codec.ts";
export { json, type JsonOptions } from "./codecs/json.ts";
export { msgpack, type MsgpackOptions, type Msgpackr } from "./codecs/msgpack.ts";
export {
  protobuf,
  type Bufbuild,
  type BufbuildSchema,
  type ProtobufJsType,
  type ProtobufOptions,
} from "./codecs/protobuf.ts";
export { raw } from "./codecs/raw.ts";
export { v8 } from "./codecs/v8.ts";
export type { CompressionName } from "./compression/compression.ts";
export { CacheReadError, CacheValueError } from "./errors.ts";
export { KeyvStore, type KeyvEntry, type KeyvStoreOptions } from "./keyv.ts";
export type { BreakerOptions, CacheOptions, CompressOptions, MemoryOptions } from "./options.ts";
export type { CacheErrorPlace } from "./report.ts";
export { serverStats, type ServerStats } from "./server-stats.ts";
export type { CacheStats, MemoryStats } from "./stats.ts";
export type { BreakerState } from "./breaker.ts";
export type { TwoKeys } from "./two-keys.ts";
