/**
 * For tests: real Redis and Valkey servers, a proxy that breaks connections, and a world whose time, chance, network and servers are simulated.
 *
 * @see docs/testing.md
 * @packageDocumentation
 */
export { startCluster } from "./cluster/cluster.ts";
export type { StartClusterOptions } from "./cluster/options.ts";
export type { SlotMove } from "./cluster/slot-move.ts";
export type { ClusterNode, TestCluster } from "./cluster/test-cluster.ts";
export type { ServerConfig } from "./config.ts";
export { TestServerError, type TestServerErrorCode } from "./errors.ts";
export { FaultProxyError } from "./fault-proxy/error.ts";
export type { Fault } from "./fault-proxy/fault.ts";
export type {
  CommandScope,
  FaultDirection,
  FaultKind,
  FaultOptions,
  FaultScope,
  FaultTime,
  LinkScope,
  PushItem,
} from "./fault-proxy/options.ts";
export {
  startFaultProxy,
  type FaultArguments,
  type FaultProxy,
  type FaultProxyOptions,
  type FaultProxyTarget,
} from "./fault-proxy/proxy.ts";
export { findServer, type ServerBinary } from "./find.ts";
export type { StartSentinelsOptions } from "./sentinel/options.ts";
export { startSentinels, type TestSentinels } from "./sentinel/sentinels.ts";
export { startServer, type StartServerOptions, type TestServer, type TestTls, type TestTlsOptions } from "./server.ts";
export { SimulatedCluster, type SimulatedClusterOptions } from "./simulation/cluster/cluster.ts";
export { SlotMigration } from "./simulation/cluster/migration.ts";
export { SimulatedNode } from "./simulation/cluster/node.ts";
export { ClusterView } from "./simulation/cluster/view.ts";
export {
  SimulatedNetwork,
  type Link,
  type LinkDirection,
  type Peer,
  type PeerListener,
  type Weather,
} from "./simulation/network.ts";
export { Random } from "./simulation/random.ts";
export { SimulatedServer, type ExecutionListener } from "./simulation/server.ts";
export { type Session } from "./simulation/session.ts";
export { Timeline } from "./simulation/timeline.ts";
export { SimulatedWorld } from "./simulation/world.ts";
