import { systemClock, type Clock } from "../base/clock.ts";
import { resolveOptions, type RedisOptions, type ResolvedOptions } from "../base/options.ts";
import { resolveCluster } from "../base/topology-options.ts";
import type { Dialler } from "../base/transport.ts";
import { urlKind } from "../base/url.ts";
import { SocketDialler } from "../connection/socket.ts";
import { Cluster } from "../topology/cluster/cluster.ts";
import { Standalone } from "../topology/standalone/standalone.ts";
import type { Topology } from "../topology/topology.ts";

/** What a client and its views stand on. */
export interface Core {
  readonly options: ResolvedOptions;
  readonly topology: Topology;
  readonly clock: Clock;
}

/** The one server of a pool. */
export interface ServerCore extends Core {
  readonly topology: Standalone;
}

/** One server, by its URL or options. */
export function serverCore(input?: string | URL | RedisOptions, extra?: RedisOptions): ServerCore {
  const options = resolveOptions(input, extra);
  const clock = clockOf(options);
  return { options, topology: new Standalone(options, diallerOf(options), clock), clock };
}

/** A cluster, by some of its nodes. */
export function clusterCore(nodes: unknown, extra: unknown): Core {
  const cluster = resolveCluster(nodes, extra);
  const { options } = cluster;
  const clock = clockOf(options);
  return { options, topology: new Cluster(cluster, diallerOf, clock), clock };
}

/** What a URL or options lead to: one server or a cluster. */
export function coreOf(input?: string | URL | RedisOptions, extra?: RedisOptions): Core {
  const several = typeof input === "string" || input instanceof URL ? urlKind(String(input)) : "server";
  return several === "cluster" ? clusterCore(input, extra) : serverCore(input, extra);
}

function clockOf({ environment }: ResolvedOptions): Clock {
  return environment?.clock ?? systemClock;
}

function diallerOf(options: ResolvedOptions): Dialler {
  return options.environment?.dialler(options.endpoint) ?? new SocketDialler(options);
}
