import { MAX_DURATION } from "./clock.ts";
import type { NumberRule } from "./validate.ts";

/** A number option: its rule, unit and default. */
export interface NumberOption extends NumberRule {
  readonly unit: string;
  readonly default: number;
}

const limit = (fallback: number, rest: Partial<NumberRule> = {}): NumberOption => ({
  kind: "duration",
  unit: "ms",
  default: fallback,
  min: 1,
  max: MAX_DURATION,
  ...rest,
});

const count = (unit: string, fallback: number, min: number, max: number): NumberOption => ({
  kind: "count",
  unit,
  default: fallback,
  min,
  max,
});

const noLimit = { infinite: true, remedy: "Infinity is for no limit" } as const;

/** The names of the number options at the top level. */
export type NumberOptionName =
  | "port"
  | "db"
  | "maxConnections"
  | "minConnections"
  | "maxLanes"
  | "acquireTimeout"
  | "maxWaiting"
  | "connectTimeout"
  | "socketTimeout"
  | "commandTimeout"
  | "maxInFlight"
  | "maxQueuedBytes"
  | "keepAlive"
  | "healthCheckInterval"
  | "idleTimeout"
  | "maxLifetime"
  | "leakThreshold";

/** Every number option at the top level. docs/options.md is compared with this table. */
export const numberOptions: Readonly<Record<NumberOptionName, NumberOption>> = {
  port: count("", 6379, 1, 65535),
  db: count("", 0, 0, MAX_DURATION),
  maxConnections: count("connections", 50, 1, 100_000),
  minConnections: count("connections", 0, 0, 100_000),
  maxLanes: count("connections", 4, 1, 1000),
  acquireTimeout: limit(2000, { ...noLimit, min: 0 }),
  maxWaiting: count("callers", 10_000, 0, 10_000_000),
  connectTimeout: limit(2000),
  socketTimeout: limit(5000, noLimit),
  commandTimeout: limit(5000, noLimit),
  maxInFlight: count("commands", 65_536, 1, 2 ** 24),
  maxQueuedBytes: count("bytes", 64 * 2 ** 20, 1024, 2 ** 40),
  // Node counts the delay in whole seconds; below one, the system's own delay of two hours would hold.
  keepAlive: limit(30_000, { min: 1000, remedy: "false is for none" }),
  healthCheckInterval: limit(30_000, { min: 0, remedy: "0 is for never" }),
  idleTimeout: limit(60_000, { infinite: true, remedy: "Infinity keeps idle connections open" }),
  maxLifetime: limit(1_800_000, { infinite: true, remedy: "Infinity never replaces a connection for its age" }),
  leakThreshold: limit(0, { min: 0, remedy: "0 is for no report" }),
};

/** The number options of `retry`. */
export const retryOptions: Readonly<Record<"attempts" | "minDelay" | "maxDelay", NumberOption>> = {
  attempts: count("times", 3, 0, 1000),
  minDelay: limit(10, { min: 0 }),
  maxDelay: limit(1000, { min: 0 }),
};

/** The number options of `reconnect`. */
export const reconnectOptions: Readonly<Record<"minDelay" | "maxDelay", NumberOption>> = {
  minDelay: limit(50),
  maxDelay: limit(2000),
};

/** The effects up to which a command whose outcome is unknown may be sent again. */
export const retryEffects = ["none", "read", "overwrite", "accumulate"] as const;

/** Every option there is, in the order of the documentation. */
export const optionNames = [
  "host",
  "port",
  "path",
  "db",
  "username",
  "password",
  "credentials",
  "tls",
  "protocol",
  "maxConnections",
  "minConnections",
  "maxLanes",
  "acquireTimeout",
  "maxWaiting",
  "connectTimeout",
  "socketTimeout",
  "commandTimeout",
  "maxInFlight",
  "maxQueuedBytes",
  "keepAlive",
  "healthCheckInterval",
  "idleTimeout",
  "maxLifetime",
  "retry",
  "retryOnTimeout",
  "reconnect",
  "decodeResponses",
  "clientName",
  "leakThreshold",
  "lookup",
  "replicas",
  "readFrom",
  "zone",
  "environment",
] as const;

/** Where reads may go. */
export const readChoices = ["primary", "replica", "preferReplica", "nearest"] as const;

/** The number options of clusters and sentinels. */
export const topologyOptions: Readonly<Record<"refreshInterval" | "maxTotalConnections", NumberOption>> = {
  refreshInterval: limit(60_000, { min: 0, remedy: "0 is for never" }),
  maxTotalConnections: count("connections", 1000, 1, 1_000_000),
};

/** The options that may stand in a URL's query. */
export const queryOptions: readonly string[] = optionNames.filter(
  (name) =>
    ![
      "host",
      "port",
      "path",
      "username",
      "password",
      "credentials",
      "tls",
      "retry",
      "reconnect",
      "lookup",
      "replicas",
      "environment",
    ].includes(name),
);
