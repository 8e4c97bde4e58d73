import { isIP, type LookupFunction } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { inspect } from "node:util";
import { nodeOf, resolveAddresses, resolveEndpoint, type Given, type NodeAddress } from "./addresses.ts";
import { resolveCredentials, type CredentialsProvider } from "./credentials.ts";
import type { Environment } from "./environment.ts";
import { OptionsError } from "./errors.ts";
import {
  numberOptions,
  optionNames,
  readChoices,
  reconnectOptions,
  retryEffects,
  retryOptions,
  type NumberOption,
  type NumberOptionName,
} from "./option-rules.ts";
import type { Endpoint, TcpEndpoint } from "./transport.ts";
import { parseUrl } from "./url.ts";
import { refuse, validateBoolean, validateChoice, validateNumber, validateObject } from "./validate.ts";

export type { Credentials, CredentialsProvider } from "./credentials.ts";

/** The effects up to which a command whose outcome is unknown may be sent again. */
export type RetryEffects = (typeof retryEffects)[number];

/** How failed commands are tried again. */
export interface RetryOptions {
  /** How often one command is sent again at most; 0 for never. Default 3, 0 to 1000. */
  attempts?: number | undefined;
  /** Shortest pause before sending again, ms. Default 10. */
  minDelay?: number | undefined;
  /** Longest pause before sending again, ms. Default 1000. */
  maxDelay?: number | undefined;
  /**
   * What may be sent again although it may have run already: `none`, `read`, `overwrite` (the end state is the same
   * when repeated, such as SET) or `accumulate` (everything, INCR too). Default `read`.
   */
  effects?: RetryEffects | undefined;
}

/** How a lost connection is made anew. */
export interface ReconnectOptions {
  /** Shortest pause between two attempts, ms. Default 50, from 1. */
  minDelay?: number | undefined;
  /** Longest pause between two attempts, ms. Default 2000, from 1. */
  maxDelay?: number | undefined;
}

/** The options of a client or a pool. Times are in ms; `undefined` is the default. See docs/options.md. */
export interface RedisOptions {
  /** Name or address of the server. Default `localhost`. */
  host?: string | undefined;
  /** TCP port, 1 to 65535. Default 6379. */
  port?: number | undefined;
  /** Path of a unix socket, instead of host and port. No default. */
  path?: string | undefined;
  /** Number of the database, from 0. Default 0. */
  db?: number | undefined;
  /** ACL user; needs `password`. Default: the server's user `default`. */
  username?: string | undefined;
  /** Password of the user. Default: none is sent. */
  password?: string | undefined;
  /** Returns user and password, asked before each connection; instead of `username` and `password`. No default. */
  credentials?: CredentialsProvider | undefined;
  /** TLS with these options of `node:tls`, or `true` for its defaults. Default `false`. */
  tls?: ConnectionOptions | boolean | undefined;
  /** RESP version, 2 or 3; 3 falls back to 2 where the server knows no HELLO. Default 3. */
  protocol?: 2 | 3 | undefined;
  /** Most connections to one node: lanes, leases and subscribers together, 1 to 100000. Default 50. */
  maxConnections?: number | undefined;
  /** Connections kept open although idle, 0 to `maxConnections`. Default 0. */
  minConnections?: number | undefined;
  /** Most shared connections to one node, 1 to `maxConnections`. Default 4, or `maxConnections` where that is less. */
  maxLanes?: number | undefined;
  /** Longest wait for a lease, ms; 0 fails at once, Infinity waits for ever. Default 2000. */
  acquireTimeout?: number | undefined;
  /** Most callers waiting for a lease, 0 to 10000000. Default 10000. */
  maxWaiting?: number | undefined;
  /** Longest time for TCP, TLS and handshake together, ms, from 1. Default 2000. */
  connectTimeout?: number | undefined;
  /** Longest silence of the server while a reply is due, ms, from 1; Infinity for no limit. Default 5000. */
  socketTimeout?: number | undefined;
  /** Longest time for a whole command with its retries, ms, from 1; Infinity for no limit. Default 5000. */
  commandTimeout?: number | undefined;
  /** Most commands of one node without a reply, 1 to 16777216. Default 65536. */
  maxInFlight?: number | undefined;
  /** Most bytes of one node that wait to be written, from 1024. Default 67108864 (64 MiB). */
  maxQueuedBytes?: number | undefined;
  /** Delay of TCP keep-alive, ms, from 1000; `false` for none. Default 30000. */
  keepAlive?: number | false | undefined;
  /** PING on a connection that was silent for so long, ms; 0 for never. Default 30000. */
  healthCheckInterval?: number | undefined;
  /** An idle connection is closed after this time, ms, from 1; Infinity for never. Default 60000. */
  idleTimeout?: number | undefined;
  /** A connection is replaced at this age, ms, from 1; Infinity for never. Default 1800000. */
  maxLifetime?: number | undefined;
  /** How failed commands are tried again. */
  retry?: RetryOptions | undefined;
  /** Whether a command is tried again after `socketTimeout`, within `retry.effects`. Default true. */
  retryOnTimeout?: boolean | undefined;
  /** How a lost connection is made anew. */
  reconnect?: ReconnectOptions | undefined;
  /** Strings in replies are strings; `false` for Buffers. Default true. */
  decodeResponses?: boolean | undefined;
  /** Name of the connections in CLIENT LIST: printable ASCII without spaces. No default. */
  clientName?: string | undefined;
  /** Reports a lease that is held for longer, ms; 0 for no report. Default 0. */
  leakThreshold?: number | undefined;
  /** Resolves host names instead of `node:dns`; as the option of `net.connect`. Default: the system's. */
  lookup?: LookupFunction | undefined;
  /** Replicas of the server, for `readFrom`: URLs or `{ host, port }`. Default: none. */
  replicas?: readonly (string | URL | NodeAddress)[] | undefined;
  /** Where commands that only read may go: they may be older than what was written. Default `primary`. See docs/replicas.md. */
  readFrom?: ReadFrom | undefined;
  /** The availability zone of this process: among the nearest replicas those in it come first. No default. */
  zone?: string | undefined;
  /** Time, chance and network: for tests, which can simulate them. Default: those of the process. See docs/testing.md. */
  environment?: Environment | undefined;
}

/**
 * Where commands that only read go: to the `primary`; to a `replica` or nowhere; to a replica, or the primary while there is none
 * (`preferReplica`); to whichever of them answers fastest (`nearest`).
 */
export type ReadFrom = (typeof readChoices)[number];

/** The pauses and limits of retries, all set. */
export type ResolvedRetry = { readonly [Name in keyof RetryOptions]-?: NonNullable<RetryOptions[Name]> };

/** The pauses of reconnects, all set. */
export type ResolvedReconnect = { readonly [Name in keyof ReconnectOptions]-?: number };

type NumberName = Exclude<NumberOptionName, "port" | "keepAlive">;

/** Every option, checked and set; frozen. Neither `inspect` nor JSON shows a secret of it. */
export interface ResolvedOptions extends Readonly<Record<NumberName, number>> {
  readonly endpoint: Endpoint;
  /** `host:port`, or the path of the unix socket: for messages and statistics. */
  readonly node: string;
  readonly credentials: CredentialsProvider | null;
  /** Whether asking for the credentials again gives the same ones. */
  readonly credentialsAreStatic: boolean;
  readonly tls: ConnectionOptions | null;
  readonly protocol: 2 | 3;
  readonly keepAlive: number | false;
  readonly retry: ResolvedRetry;
  readonly retryOnTimeout: boolean;
  readonly reconnect: ResolvedReconnect;
  readonly decodeResponses: boolean;
  readonly clientName: string | null;
  readonly lookup: LookupFunction | null;
  readonly replicas: readonly TcpEndpoint[];
  readonly readFrom: ReadFrom;
  readonly zone: string | null;
  /** Whether connections are told that they may read from a replica of a cluster (READONLY). Set by the topology. */
  readonly readsReplica: boolean;
  /** null for the process's own. */
  readonly environment: Environment | null;
}

/** The retries where nothing is set. */
export const defaultRetry: ResolvedRetry = Object.freeze({
  attempts: retryOptions.attempts.default,
  minDelay: retryOptions.minDelay.default,
  maxDelay: retryOptions.maxDelay.default,
  effects: "read",
});

/**
 * Checks options and fills in what is left out.
 *
 * @param input a URL or options; nothing is `redis://localhost:6379`
 * @param extra options that go before those of `input`
 * @throws OptionsError `ERR_OPTIONS`, outcome not-sent; never holds a password
 * @see docs/options.md
 */
export function resolveOptions(input?: string | URL | RedisOptions, extra?: RedisOptions): ResolvedOptions {
  const { options: given, secure } = gather(input, extra);
  const endpoint = resolveEndpoint(given);
  const numbers = {} as Record<NumberName, number>;
  for (const [name, rule] of Object.entries(numberOptions)) {
    if (name === "port" || name === "keepAlive") continue;
    numbers[name as NumberName] = name in given ? validateNumber(name, given[name], rule) : rule.default;
  }
  checkConnections(given, numbers);
  const has = (name: string): boolean => name in given;
  return Object.freeze({
    ...numbers,
    endpoint,
    node: nodeOf(endpoint),
    ...resolveCredentials(given),
    tls: resolveTls(given["tls"], secure, endpoint),
    protocol: has("protocol") ? validateChoice("protocol", given["protocol"], [2, 3]) : 3,
    keepAlive: resolveKeepAlive(given["keepAlive"]),
    retry: has("retry") ? resolveRetry(given["retry"]) : defaultRetry,
    retryOnTimeout: has("retryOnTimeout") ? validateBoolean("retryOnTimeout", given["retryOnTimeout"]) : true,
    reconnect: resolveReconnect(has("reconnect") ? given["reconnect"] : {}),
    decodeResponses: has("decodeResponses") ? validateBoolean("decodeResponses", given["decodeResponses"]) : true,
    clientName: has("clientName") ? resolveClientName(given["clientName"]) : null,
    ...resolveReads(given),
    lookup: has("lookup") ? resolveLookup(given["lookup"]) : null,
    environment: has("environment") ? resolveEnvironment(given["environment"]) : null,
  });
}

/**
 * Checks the option `retry`, or that of `with({ retry })`.
 *
 * @param base what holds where the value says nothing
 */
export function resolveRetry(value: unknown, base: ResolvedRetry = defaultRetry): ResolvedRetry {
  const given = defined(validateObject("retry", value, [...Object.keys(retryOptions), "effects"]));
  const { attempts, effects } = given;
  return Object.freeze({
    ...resolveDelays("retry", given, retryOptions, base),
    attempts:
      attempts === undefined ? base.attempts : validateNumber("retry.attempts", attempts, retryOptions.attempts),
    effects: effects === undefined ? base.effects : validateChoice("retry.effects", effects, retryEffects),
  });
}

/** A copy without the names that are undefined; later ones go first. Without a prototype, so that no name is there by inheritance. */
export function defined(...all: readonly object[]): Given {
  const copy = Object.create(null) as Given;
  for (const options of all) {
    for (const [name, value] of Object.entries(options)) if (value !== undefined) copy[name] = value;
  }
  return copy;
}

function gather(input: unknown, extra: unknown): { options: Given; secure: boolean } {
  const more = extra === undefined ? {} : validateObject("options", extra, optionNames);
  if (typeof input === "string" || input instanceof URL) {
    const { options, secure, kind } = parseUrl(String(input));
    if (kind === "cluster" || kind === "sentinel")
      throw new OptionsError(
        "url",
        `a URL of a ${kind} leads to several servers, and one is expected here: pass it to new Redis()`,
      );
    return { options: defined(options, more), secure };
  }
  if (typeof input !== "object" && input !== undefined) {
    refuse("options", "a URL or an object of options", input, "such as redis://localhost:6379 or { host, port }");
  }
  const options = input === undefined ? {} : validateObject("options", input, optionNames);
  return { options: defined(options, more), secure: false };
}

function resolveReads(given: Given): Pick<ResolvedOptions, "replicas" | "readFrom" | "zone" | "readsReplica"> {
  const { replicas, readFrom, zone } = given;
  if (zone !== undefined && (typeof zone !== "string" || zone === "")) refuse("zone", "the name of a zone", zone);
  return {
    replicas: replicas === undefined ? [] : resolveAddresses("replicas", replicas, numberOptions.port.default),
    readFrom: readFrom === undefined ? "primary" : validateChoice("readFrom", readFrom, readChoices),
    zone: zone ?? null,
    readsReplica: false,
  };
}

function resolveLookup(value: unknown): LookupFunction {
  if (typeof value !== "function") refuse("lookup", "a function such as dns.lookup", value);
  return value as LookupFunction;
}

function checkConnections(given: Given, numbers: Record<NumberName, number>): void {
  const { maxConnections } = numbers;
  // A small pool is no reason to refuse the default of maxLanes.
  if (!("maxLanes" in given)) numbers.maxLanes = Math.min(numbers.maxLanes, maxConnections);
  for (const name of ["minConnections", "maxLanes"] as const) {
    if (numbers[name] <= maxConnections) continue;
    const remedy = `lower ${name} or raise maxConnections`;
    throw new OptionsError(
      name,
      `${name} must be at most maxConnections (${maxConnections}), got ${numbers[name]}: ${remedy}`,
    );
  }
}

function resolveTls(tls: unknown, secure: boolean, endpoint: Endpoint): ConnectionOptions | null {
  if (tls === undefined && !secure) return null;
  if (tls === false) {
    if (!secure) return null;
    throw new OptionsError("tls", "tls must not be false with a URL that asks for TLS: change its scheme to redis://");
  }
  if (tls !== undefined && tls !== true && (typeof tls !== "object" || tls === null || Array.isArray(tls))) {
    refuse("tls", "true, false or an object of node:tls options", tls);
  }
  const options: ConnectionOptions = typeof tls === "object" ? { ...tls } : {};
  if ("path" in endpoint) {
    if (options.servername === undefined && options.checkServerIdentity === undefined) {
      const remedy = "set tls.servername to the name in the server's certificate";
      throw new OptionsError("tls", `tls over a unix socket has no host to compare the certificate with: ${remedy}`);
    }
  } else if (options.servername === undefined && isIP(endpoint.host) === 0) {
    // Node would send the host too; set here, it also holds for a transport that is given a ready socket.
    options.servername = endpoint.host;
  }
  // The private key and its passphrase are among these.
  const hidden = { value: () => "TLS options, not shown" };
  return Object.freeze(Object.defineProperties(options, { toJSON: hidden, [inspect.custom]: hidden }));
}

function resolveKeepAlive(value: unknown): number | false {
  if (value === undefined) return numberOptions.keepAlive.default;
  return value === false ? false : validateNumber("keepAlive", value, numberOptions.keepAlive);
}

function resolveReconnect(value: unknown): ResolvedReconnect {
  const given = defined(validateObject("reconnect", value, Object.keys(reconnectOptions)));
  const { minDelay, maxDelay } = reconnectOptions;
  const base = { minDelay: minDelay.default, maxDelay: maxDelay.default };
  return Object.freeze(resolveDelays("reconnect", given, reconnectOptions, base));
}

type Delays = { readonly minDelay: number; readonly maxDelay: number };
type DelayRules = Readonly<Record<keyof Delays, NumberOption>>;

function resolveDelays(option: string, given: Given, rules: DelayRules, base: Delays): Delays {
  const read = (name: keyof Delays): number | undefined =>
    given[name] === undefined ? undefined : validateNumber(`${option}.${name}`, given[name], rules[name]);
  const minDelay = read("minDelay");
  const maxDelay = read("maxDelay");
  if (minDelay !== undefined && maxDelay !== undefined && minDelay > maxDelay) {
    const name = `${option}.minDelay`;
    throw new OptionsError(
      name,
      `${name} must be at most ${option}.maxDelay (${maxDelay}), got ${minDelay}: swap them`,
    );
  }
  // Where one is set, the other's default gives way.
  return {
    minDelay: minDelay ?? Math.min(base.minDelay, maxDelay ?? base.minDelay),
    maxDelay: maxDelay ?? Math.max(base.maxDelay, minDelay ?? base.maxDelay),
  };
}

function resolveClientName(name: unknown): string {
  if (typeof name === "string" && /^[!-~]+$/.test(name)) return name;
  const remedy = name === "" ? "leave it out for no name" : "write - or _ instead of a space";
  refuse("clientName", "printable ASCII without spaces or line ends", name, remedy);
}

function resolveEnvironment(value: unknown): Environment {
  const known = typeof value === "object" && value !== null && "clock" in value && "dialler" in value;
  if (!known) refuse("environment", "an object with clock and dialler", value, "respool/testing has a simulated one");
  return value as Environment;
}
