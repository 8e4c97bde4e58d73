import type { ConnectionOptions } from "node:tls";
import { nodeOf, resolveAddress, resolveAddresses, type Given, type NodeAddress } from "./addresses.ts";
import { OptionsError } from "./errors.ts";
import { defined, resolveOptions, type ResolvedOptions } from "./options.ts";
import { resolveDiscovery, type DiscoveryOptions, type ResolvedDiscovery } from "./topology-options.ts";
import type { TcpEndpoint } from "./transport.ts";
import { parseUrl } from "./url.ts";
import { refuse, refuseUnknown, validateObject } from "./validate.ts";

/** Where the sentinels are, how they are logged in to, and what they are asked for. */
export interface SentinelSetup {
  /** What the sentinels call the primary. */
  name: string;
  /** At least one sentinel: URLs or `{ host, port }`; they tell of the others. */
  sentinels: readonly (string | URL | NodeAddress)[];
  /** ACL user of the sentinels; needs `password`. Default: their user `default`. */
  username?: string | undefined;
  /** Password of the sentinels, which is not that of the servers. Default: none is sent. */
  password?: string | undefined;
  /** TLS to the sentinels: options of `node:tls`, or `true` for its defaults. Default `false`. */
  tls?: ConnectionOptions | boolean | undefined;
}

/** The options of a client that finds its servers through sentinels; they hold for the servers. See docs/sentinel.md. */
export interface SentinelOptions extends DiscoveryOptions {}

/** Sentinels and what they watch, checked. `seeds` are the sentinels; `options` are those of the servers. */
export interface ResolvedSentinel extends ResolvedDiscovery {
  readonly name: string;
  /** The options for connections to one sentinel. */
  sentinelOptions(endpoint: TcpEndpoint): ResolvedOptions;
}

/** The port that sentinels have unless told otherwise. */
const SENTINEL_PORT = 26_379;
/** One connection for questions, one for the sentinel's news. */
const CONNECTIONS = 2;
/** What is asked now and then needs no connection in between, ms. */
const IDLE_TIMEOUT = 10_000;
/** Sentinels that are back are to be found soon: longest pause between two attempts to connect, ms. */
const RECONNECT_DELAY = 500;

/** What holds for connections to sentinels as for those to servers. */
const SHARED = ["protocol", "connectTimeout", "socketTimeout", "keepAlive", "lookup", "clientName", "environment"];

/** What a caller has given, in one form. */
interface Gathered {
  readonly setup: Given;
  readonly seeds: readonly TcpEndpoint[];
  /** Options of the servers. */
  readonly given: Given;
  readonly secure: boolean;
}

/**
 * Checks what sentinels are asked, and the options of the servers that they watch.
 *
 * @param setup a SentinelSetup; or a URL `redis+sentinel://user:password@a:26379,b:26379/mymaster/0`, whose user is that of the
 *   servers
 * @throws OptionsError `ERR_OPTIONS`
 */
export function resolveSentinel(setup: unknown, extra: unknown): ResolvedSentinel {
  const gathered = gather(setup, extra);
  const { given, seeds } = gathered;
  const { name } = gathered.setup;
  if (typeof name !== "string" || name === "")
    refuse("name", "the name that the sentinels know the primary by", name, "such as mymaster");
  if ("maxTotalConnections" in given) refuseUnknown("option", "maxTotalConnections", ["maxConnections"]);
  const discovery = resolveDiscovery(given, seeds, gathered.secure);
  const sentinelOptions = sentinelOptionsOf(gathered);
  sentinelOptions(seeds[0] as TcpEndpoint); // a bad user, password or tls is refused at once
  return {
    ...discovery,
    name,
    nodeOptions: (endpoint) => onlyReplica(discovery.nodeOptions(endpoint)),
    sentinelOptions,
  };
}

function gather(setup: unknown, extra: unknown): Gathered {
  const given = extra === undefined ? {} : extra;
  if (typeof given !== "object" || given === null || Array.isArray(given)) refuse("options", "an object", given);
  if (typeof setup === "string" || setup instanceof URL) return gatherUrl(String(setup), given);
  const known = ["name", "sentinels", "username", "password", "tls"];
  const own = defined(validateObject("sentinel", setup, known));
  const seeds = resolveAddresses("sentinels", own["sentinels"], SENTINEL_PORT);
  if (seeds.length === 0) throw new OptionsError("sentinels", "sentinels must name at least one sentinel, got none");
  const secure = (own["sentinels"] as unknown[]).some((each) => isSecure(each));
  if (secure && own["tls"] === false)
    throw new OptionsError("tls", "tls must not be false beside a sentinel's URL that asks for TLS: change its scheme");
  if (secure) own["tls"] ??= true;
  return { setup: own, seeds, given: defined(given), secure: false };
}

/** A URL says who logs in to the servers; TLS, if it asks for that, is for both. */
function gatherUrl(text: string, extra: object): Gathered {
  const url = parseUrl(text);
  if (url.kind !== "sentinel") {
    const expected = "redis+sentinel://host:26379,host:26379/name";
    throw new OptionsError("url", `a URL of sentinels is expected here, such as ${expected}`);
  }
  const given = defined(url.options, extra);
  const tls = url.secure ? { tls: given["tls"] ?? true } : {};
  const seeds = url.nodes.map((node) => resolveAddress(node, SENTINEL_PORT));
  return { setup: defined({ name: url.name, ...tls }), seeds, given, secure: url.secure };
}

function isSecure(each: unknown): boolean {
  return (typeof each === "string" || each instanceof URL) && parseUrl(String(each)).secure;
}

/** Nothing of the servers' user and password goes into them. */
function sentinelOptionsOf({ setup, given }: Gathered): (endpoint: TcpEndpoint) => ResolvedOptions {
  const shared = Object.fromEntries(SHARED.filter((name) => name in given).map((name) => [name, given[name]]));
  const { username, password, tls } = setup;
  const known = new Map<string, ResolvedOptions>();
  return (endpoint) => {
    const node = nodeOf(endpoint);
    let options = known.get(node);
    if (options === undefined) {
      const all = {
        ...shared,
        ...defined({ username, password, tls }),
        ...endpoint,
        maxConnections: CONNECTIONS,
        maxLanes: 1,
        idleTimeout: IDLE_TIMEOUT,
        reconnect: { maxDelay: RECONNECT_DELAY },
      };
      options = resolveOptions(all);
      known.set(node, options);
    }
    return options;
  };
}

/** READONLY is for nodes of a cluster: elsewhere a replica reads for everybody. */
function onlyReplica(options: ResolvedOptions): ResolvedOptions {
  return options.readsReplica ? Object.freeze({ ...options, readsReplica: false }) : options;
}
