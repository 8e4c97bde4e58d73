import { OptionsError } from "./errors.ts";
import { optionNames, topologyOptions } from "./option-rules.ts";
import { nodeOf, resolveAddress, resolveAddresses, type Given, type NodeAddress } from "./addresses.ts";
import { defined, resolveOptions, type RedisOptions, type ResolvedOptions } from "./options.ts";
import type { TcpEndpoint } from "./transport.ts";
import { parseUrl } from "./url.ts";
import { refuse, refuseUnknown, validateNumber, validateObject } from "./validate.ts";

/** Where a node is to be dialled that the others know by another address: by `host:port`, or a function of it. */
export type NatMap =
  | Readonly<Record<string, NodeAddress | string>>
  | ((node: { readonly host: string; readonly port: number }) => NodeAddress | undefined);

/** What clusters and sentinels have in common, beside the options of each connection. Times in ms. */
export interface DiscoveryOptions extends Omit<RedisOptions, "host" | "port" | "path" | "replicas"> {
  /** Addresses as this process reaches them, by the `host:port` that the servers tell. Default: as told. */
  natMap?: NatMap | undefined;
  /** The topology is looked at again after this time, ms, −20 % at random, whatever happens; 0 for never. Default 60000. */
  refreshInterval?: number | undefined;
}

/** The options of a cluster. See docs/cluster.md. */
export interface ClusterOptions extends Omit<DiscoveryOptions, "db"> {
  /** Most connections to all nodes together, 1 to 1000000. Default 1000. */
  maxTotalConnections?: number | undefined;
}

/** What a topology of several nodes needs to know, checked. */
export interface ResolvedDiscovery {
  /** Where it is asked first: nodes of the cluster, or sentinels. */
  readonly seeds: readonly TcpEndpoint[];
  /** What holds for all nodes; its endpoint is the first seed. */
  readonly options: ResolvedOptions;
  /** ms; 0 for never. */
  readonly refreshInterval: number;
  /** The options of one node. */
  nodeOptions(endpoint: TcpEndpoint): ResolvedOptions;
  /** Where a node is dialled that was told as `told`. */
  readonly translate: (told: TcpEndpoint) => TcpEndpoint;
}

/** A cluster, checked. */
export interface ResolvedCluster extends ResolvedDiscovery {
  readonly maxTotalConnections: number;
}

const OWN = ["natMap", "refreshInterval", "maxTotalConnections"];
const LOGIN: readonly string[] = ["username", "password"];
/** What the topology finds by itself. */
const FOUND: readonly string[] = ["host", "port", "path", "replicas"];

/**
 * Checks the options of a cluster.
 *
 * @param nodes at least one, from which the others are learnt; or a URL `redis+cluster://a:7000,b:7001`
 * @throws OptionsError `ERR_OPTIONS`
 */
export function resolveCluster(nodes: unknown, extra: unknown): ResolvedCluster {
  const { given, seeds, secure } = gatherNodes(nodes, extra);
  if (given["db"] !== undefined && given["db"] !== 0)
    throw new OptionsError("db", "db must be 0 in a cluster, which has no other database: leave it out");
  const { maxTotalConnections: rule } = topologyOptions;
  const most = given["maxTotalConnections"];
  return {
    ...resolveDiscovery(given, seeds, secure),
    maxTotalConnections: most === undefined ? rule.default : validateNumber("maxTotalConnections", most, rule),
  };
}

function gatherNodes(nodes: unknown, extra: unknown): { given: Given; seeds: TcpEndpoint[]; secure: boolean } {
  const more = extra === undefined ? {} : plainObject("options", extra);
  if (typeof nodes === "string" || nodes instanceof URL) {
    const url = parseUrl(String(nodes));
    if (url.kind === "cluster") {
      const seeds = url.nodes.map((node) => resolveAddress(node, 6379));
      return { given: defined(url.options, more), seeds, secure: url.secure };
    }
    nodes = [nodes];
  }
  const seeds = resolveAddresses("nodes", nodes, 6379, LOGIN);
  if (seeds.length === 0) throw new OptionsError("nodes", "nodes must name at least one node of the cluster, got none");
  const secure = (nodes as unknown[]).some((node) => isSecure(node));
  const given = defined(more);
  return { given: defined(loginOf(nodes as unknown[], given), given), seeds, secure };
}

/** The user and password of the nodes' URLs, which must be the same wherever they stand: they hold for every node. */
function loginOf(nodes: readonly unknown[], options: Given): Given {
  const login = defined();
  for (const [index, node] of nodes.entries()) {
    if (!isUrl(node)) continue;
    const url = parseUrl(String(node)).options;
    for (const name of LOGIN) {
      if (!Object.hasOwn(url, name)) continue;
      const other = login[name] ?? options[name];
      if (other !== undefined && other !== url[name])
        throw new OptionsError(
          `nodes[${index}]`,
          `nodes[${index}] has another ${name} than another node or the options: one holds for all nodes`,
        );
      login[name] = url[name];
    }
  }
  return login;
}

function isSecure(node: unknown): boolean {
  return isUrl(node) && parseUrl(String(node)).secure;
}

function isUrl(node: unknown): node is string | URL {
  return typeof node === "string" || node instanceof URL;
}

function plainObject(option: string, value: unknown): Given {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Given)
    : validateObject(option, value, []);
}

/** Checks what clusters and sentinels have in common. */
export function resolveDiscovery(given: Given, seeds: readonly TcpEndpoint[], secure: boolean): ResolvedDiscovery {
  const rest = connectionOptions(given, secure);
  const known = new Map<string, ResolvedOptions>();
  const nodeOptions = (endpoint: TcpEndpoint): ResolvedOptions => {
    const node = nodeOf(endpoint);
    let options = known.get(node);
    if (options === undefined) {
      const resolved = resolveOptions({ ...rest, ...endpoint });
      options = Object.freeze({ ...resolved, readsReplica: resolved.readFrom !== "primary" });
      known.set(node, options);
    }
    return options;
  };
  const { refreshInterval: rule } = topologyOptions;
  const interval = given["refreshInterval"];
  return {
    seeds,
    options: nodeOptions(seeds[0] as TcpEndpoint),
    refreshInterval: interval === undefined ? rule.default : validateNumber("refreshInterval", interval, rule),
    nodeOptions,
    translate: translation(given["natMap"]),
  };
}

/** What holds for the connections to every node. */
function connectionOptions(given: Given, secure: boolean): Given {
  const rest = defined(given);
  for (const name of OWN) delete rest[name];
  const known: readonly string[] = optionNames.filter((name) => !FOUND.includes(name));
  for (const name of Object.keys(rest)) {
    if (FOUND.includes(name))
      throw new OptionsError(name, `${name} cannot be given here: the nodes are found by themselves`);
    if (!known.includes(name)) refuseUnknown("option", name, [...known, ...OWN]);
  }
  if (secure) {
    if (rest["tls"] === false)
      throw new OptionsError("tls", "tls must not be false with a URL that asks for TLS: change its scheme");
    rest["tls"] ??= true;
  }
  return rest;
}

/** Checks `natMap`, and makes a function of it. */
function translation(natMap: unknown): (told: TcpEndpoint) => TcpEndpoint {
  if (natMap === undefined) return (told) => told;
  if (typeof natMap === "function") {
    return (told) => {
      const answer: unknown = natMap({ host: told.host, port: told.port });
      return answer === undefined ? told : addressOf(`natMap(${nodeOf(told)})`, answer);
    };
  }
  if (typeof natMap !== "object" || natMap === null || Array.isArray(natMap))
    refuse("natMap", "an object of addresses by host:port, or a function", natMap);
  const map = new Map(Object.entries(natMap).map(([told, place]) => [told, addressOf(`natMap["${told}"]`, place)]));
  return (told) => map.get(nodeOf(told)) ?? told;
}

function addressOf(option: string, value: unknown): TcpEndpoint {
  if (typeof value !== "string") return resolveAddress(validateObject(option, value, ["host", "port"]), 6379);
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  if (parts === null) refuse(option, "host:port or { host, port }", value);
  return resolveAddress({ host: parts[1] ?? parts[2], port: Number(parts[3]) }, 6379);
}
