import { systemClock, type Clock } from "../base/clock.ts";
import { resolveOptions, type RedisOptions, type ResolvedOptions } from "../base/options.ts";
import { refuseReplicas, resolveReplicas } from "../base/replica-options.ts";
import { resolveSentinel } from "../base/sentinel-options.ts";
import { resolveCluster } from "../base/topology-options.ts";
import type { Dialler } from "../base/transport.ts";
import { urlKind } from "../base/url.ts";
import { SocketDialler } from "../connection/socket.ts";
import { Cluster } from "../topology/cluster/cluster.ts";
import type { Discovery, Members } from "../topology/discovery.ts";
import { Replicated } from "../topology/replicated/replicated.ts";
import { Sentinels } from "../topology/sentinel/sentinels.ts";
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
  return standaloneCore(resolveOptions(input, extra));
}

/** A cluster, by some of its nodes. */
export function clusterCore(nodes: unknown, extra: unknown): Core {
  const cluster = resolveCluster(nodes, extra);
  const { options } = cluster;
  const clock = clockOf(options);
  return { options, topology: new Cluster(cluster, diallerOf, clock), clock };
}

/** A primary and its replicas, by the sentinels that watch them. */
export function sentinelCore(setup: unknown, extra: unknown): Core {
  const sentinel = resolveSentinel(setup, extra);
  const { options } = sentinel;
  const clock = clockOf(options);
  const discover = (members: Members): Discovery => new Sentinels(sentinel, members, diallerOf);
  return { options, topology: new Replicated({ options, clock, dialler: diallerOf, discover }), clock };
}

/** What a URL or options lead to: one server, with replicas or without, a cluster, or what sentinels name. */
export function coreOf(input?: string | URL | RedisOptions, extra?: RedisOptions): Core {
  const kind = typeof input === "string" || input instanceof URL ? urlKind(String(input)) : "server";
  if (kind === "cluster") return clusterCore(input, extra);
  if (kind === "sentinel") return sentinelCore(input, extra);
  const options = resolveOptions(input, extra);
  if (options.replicas.length > 0) return replicatedCore(options, resolveReplicas(input, extra, options));
  refuseReplicas(options, "no replica is known", "pass replicas, or use Redis.sentinel() or Redis.cluster()");
  return standaloneCore(options);
}

function replicatedCore(options: ResolvedOptions, replicas: readonly ResolvedOptions[]): Core {
  const clock = clockOf(options);
  const topology = new Replicated({ options, clock, dialler: diallerOf, discover: null });
  topology.setMembers(options, replicas);
  return { options, topology, clock };
}

function standaloneCore(options: ResolvedOptions): ServerCore {
  const clock = clockOf(options);
  return { options, topology: new Standalone(options, diallerOf(options), clock), clock };
}

function clockOf({ environment }: ResolvedOptions): Clock {
  return environment?.clock ?? systemClock;
}

function diallerOf(options: ResolvedOptions): Dialler {
  return options.environment?.dialler(options.endpoint) ?? new SocketDialler(options);
}
