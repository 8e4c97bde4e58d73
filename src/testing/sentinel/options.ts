import { quote, type ServerConfig } from "../config.ts";
import { checkReserved, checkWhole, refused } from "../group.ts";
import type { TestTlsOptions } from "../server.ts";

/** How to start a primary, its replicas and their sentinels; times in ms. */
export interface StartSentinelsOptions {
  /** How many sentinels; default 3. */
  readonly sentinels?: number;
  /** How many replicas the primary has; default 1. */
  readonly replicas?: number;
  /** What the sentinels call the primary: letters, digits and `.-_`; default `mymaster`. */
  readonly name?: string;
  /** How many sentinels have to hold the primary for down; default a majority. */
  readonly quorum?: number;
  /** `down-after-milliseconds`: after so long a silence a server is held for down; default 1000. */
  readonly downAfter?: number;
  /** Password of the user `default` on the primary and the replicas, without white space and quotes; default: none. */
  readonly password?: string;
  /** Password of the user `default` on the sentinels, without white space and quotes; default: none. */
  readonly sentinelPassword?: string;
  /** TLS on all of them, with certificates of one authority; default false. */
  readonly tls?: boolean | TestTlsOptions;
  /** Further directives for the primary and the replicas. */
  readonly config?: ServerConfig;
  /** How long it may take until all know each other; default 30000. */
  readonly startTimeout?: number;
}

const RESERVED: Readonly<Record<string, string>> = {
  replicaof: "none: the first server is the primary",
  slaveof: "none: the first server is the primary",
  masterauth: "password",
  "tls-replication": "tls",
};

// An automatic failover is tried again after twice this time.
const FAILOVER_TIMEOUT = 5000;

/** Refuses what cannot be meant; what a single server refuses, it refuses itself. */
export function checkSentinelOptions(options: StartSentinelsOptions): void {
  const { sentinels = 3, quorum, name = "mymaster" } = options;
  checkWhole("sentinels", sentinels, 1);
  checkWhole("replicas", options.replicas, 0);
  checkWhole("quorum", quorum, 1);
  checkWhole("downAfter", options.downAfter, 100);
  checkWhole("startTimeout", options.startTimeout, 1);
  if ((quorum ?? 1) > sentinels) throw refused(`quorum should be at most the ${sentinels} sentinels, got ${quorum}`);
  if (!/^[\w.-]+$/.test(name)) throw refused(`name should have only letters, digits and .-_, got "${name}"`);
  checkPassword("password", options.password);
  checkPassword("sentinelPassword", options.sentinelPassword);
  checkReserved(options.config ?? {}, RESERVED, "startSentinels");
}

function checkPassword(name: string, password: string | undefined): void {
  if (password === "") throw refused(`${name} should not be empty: leave it out for none`);
  // A sentinel writes its configuration anew all the time, and the passwords in it without quotes.
  if (/[\s\0"']/.test(password ?? ""))
    throw refused(`${name} should have no white space and no quotes, for Sentinel's sake`);
}

/** The lines that make a sentinel watch a primary. */
export function sentinelDirectives(
  options: StartSentinelsOptions,
  primary: { readonly host: string; readonly port: number },
): string[] {
  const { name = "mymaster", sentinels = 3, password, sentinelPassword } = options;
  const quorum = options.quorum ?? Math.floor(sentinels / 2) + 1;
  const lines = [
    `sentinel monitor ${name} ${primary.host} ${primary.port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${options.downAfter ?? 1000}`,
    `sentinel failover-timeout ${name} ${FAILOVER_TIMEOUT}`,
  ];
  if (password !== undefined) lines.push(`sentinel auth-pass ${name} ${quote(password)}`);
  if (sentinelPassword !== undefined) lines.push(`sentinel sentinel-pass ${quote(sentinelPassword)}`);
  return lines;
}

/**
 * Sentinels tell each other news every 2 s, look after servers every 10 s, and do nothing for 30 s after a pause: too
 * long for a test. Servers before 7.0 do not know the command, and everything takes its time.
 */
export const HASTE: readonly string[] = [
  "SENTINEL",
  "DEBUG",
  "PUBLISH-PERIOD",
  "500",
  "INFO-PERIOD",
  "1000",
  "TILT-PERIOD",
  "2000",
];
