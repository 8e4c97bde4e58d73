import type { CertificateSet } from "../certificate.ts";
import type { ServerConfig } from "../config.ts";
import { findServer } from "../find.ts";
import { checkReserved, checkWhole, peerDirectives, refused } from "../group.ts";
import { freePort } from "../ports.ts";
import type { StartServerOptions, TestTlsOptions } from "../server.ts";

/** How to start a cluster; times in ms. */
export interface StartClusterOptions {
  /** How many primaries, which share the slots evenly; default 3. A failover without TAKEOVER needs at least 3. */
  readonly primaries?: number;
  /** How many replicas each primary has; default 1. */
  readonly replicas?: number;
  /** Password of the user `default`, the same on every node; default: none. */
  readonly password?: string;
  /** TLS for clients, replication and the cluster's bus, with certificates of one authority; default false. */
  readonly tls?: boolean | TestTlsOptions;
  /** Further directives for every node, such as `{ "cluster-require-full-coverage": "no" }`. */
  readonly config?: ServerConfig;
  /** `cluster-node-timeout`: after so long a silence a node is held to have failed; default 1500. */
  readonly nodeTimeout?: number;
  /** How long it may take until the cluster is settled; default 30000. */
  readonly startTimeout?: number;
}

export const SLOTS = 16_384;
export const HOST = "127.0.0.1";

const RESERVED: Readonly<Record<string, string>> = {
  "cluster-enabled": "none: startServer starts a server without cluster",
  "cluster-port": "none: it is a free one",
  "cluster-config-file": "none: it is in the node's directory",
  "cluster-node-timeout": "nodeTimeout",
  masterauth: "password",
  "tls-cluster": "tls",
  "tls-replication": "tls",
};

// A replica is there at once: by default it would wait 5 s for others to join in.
const DEFAULTS: ServerConfig = { "repl-diskless-sync-delay": 0 };

/** Refuses what no cluster can be made of; what a single server refuses, it refuses itself. */
export function checkClusterOptions(options: StartClusterOptions): void {
  checkWhole("primaries", options.primaries, 1);
  checkWhole("replicas", options.replicas, 0);
  checkWhole("nodeTimeout", options.nodeTimeout, 100);
  checkWhole("startTimeout", options.startTimeout, 1);
  if ((options.primaries ?? 0) > SLOTS) throw refused(`primaries should be at most ${SLOTS}, got ${options.primaries}`);
  checkReserved(options.config ?? {}, RESERVED, "startCluster");
  const { kind, version } = findServer();
  if (Number.parseInt(version) < 7)
    throw refused(`startCluster needs a server of version 7.0 or newer, got ${kind} ${version}`);
}

/** A node's options as a server. */
export function nodeOptions(options: StartClusterOptions): StartServerOptions {
  const { password, tls, config, startTimeout } = options;
  return {
    host: HOST,
    config: { ...DEFAULTS, ...config },
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    ...(startTimeout === undefined ? {} : { startTimeout }),
  };
}

/** The lines that make a server a node. */
export async function nodeDirectives(
  options: StartClusterOptions,
  certificates: CertificateSet | undefined,
): Promise<string[]> {
  return [
    "cluster-enabled yes",
    "cluster-config-file nodes.conf",
    `cluster-node-timeout ${options.nodeTimeout ?? 1500}`,
    `cluster-port ${await freePort(HOST)}`,
    ...(certificates === undefined ? [] : ["tls-cluster yes"]),
    ...peerDirectives(options.password, certificates),
  ];
}
