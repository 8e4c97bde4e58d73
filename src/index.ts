export type { BufferRedis } from "./client/buffer-redis.ts";
export { Redis, type RedisStats } from "./client/redis.ts";
export type { SharedPoolOptions } from "./client/shared-pool.ts";
export { ConnectionPool, type CloseOptions, type LeaseOptions } from "./client/connection-pool.ts";
export { Lease } from "./client/lease.ts";
export type { BufferCommands, Commands } from "./commands/typings.generated.ts";
export type { MultiChain, Outcomes, PipelineChain } from "./client/chain-types.ts";
export type { CommandOptions } from "./client/settings.ts";
export type { KeyScanOptions, ScanOptions } from "./client/scan.ts";
export type { Script, ScriptOptions } from "./client/script.ts";
export {
  Subscription,
  type Gap,
  type Message,
  type MessageListener,
  type SubscribeOptions,
  type SubscriptionKind,
} from "./client/subscription.ts";
export type { KeyTracking, TrackingOptions } from "./client/tracking.ts";
export type { Transaction, TransactionOptions, TransactionResult } from "./client/transaction.ts";
export type { PoolStats } from "./pool/stats.ts";
export type { LoadSample, SizingAdvice } from "./pool/advice.ts";
export type { LeaseLeak } from "./pool/housekeeper.ts";
export type { Percentiles } from "./base/histogram.ts";
export type { Clock, Timer } from "./base/clock.ts";
export type { Environment } from "./base/environment.ts";
export type { SentinelOptions, SentinelSetup } from "./base/sentinel-options.ts";
export type { NodeAddress } from "./base/addresses.ts";
export type { ClusterOptions, DiscoveryOptions, NatMap } from "./base/topology-options.ts";
export type { Dialler, Endpoint, Payload, TcpEndpoint, Transport, TransportListener } from "./base/transport.ts";
export type {
  Credentials,
  CredentialsProvider,
  ReadFrom,
  ReconnectOptions,
  RedisOptions,
  RetryEffects,
  RetryOptions,
} from "./base/options.ts";
export {
  ClosedError,
  CommandTimeoutError,
  ConnectError,
  ConnectionLostError,
  OptionsError,
  PoolTimeoutError,
  ProtocolError,
  QueueFullError,
  RedisError,
  ServerError,
  WatchError,
  type ConnectErrorCode,
  type ErrorFacts,
  type Outcome,
  type QueueLimit,
} from "./base/errors.ts";
export type { Arg } from "./commands/spec.ts";
export type { Reply, ReplyMap } from "./protocol/reply.ts";
