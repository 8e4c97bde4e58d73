import { setTimeout as sleep } from "node:timers/promises";
import type { CertificateSet } from "./certificate.ts";
import { CERTIFICATE_FILES, quote } from "./config.ts";
import { TestServerError } from "./errors.ts";
import { exchange, type Reply, type Words } from "./exchange.ts";
import { certificatesFor, type RunningServer, type StartServerOptions } from "./server.ts";

// All is local: a server answers at once, or is in trouble. Only MIGRATE may wait, for half as long, for another server.
const REPLY_TIMEOUT = 10_000;
const POLL_INTERVAL = 25;

/** What servers of one group share, when they have TLS. */
export function sharedCertificates(tls: StartServerOptions["tls"]): CertificateSet | undefined {
  return tls === undefined || tls === false ? undefined : certificatesFor(tls);
}

/** The lines with which a server finds its way into others of its group. */
export function peerDirectives(password: string | undefined, certificates: CertificateSet | undefined): string[] {
  const lines = password === undefined ? [] : [`masterauth ${quote(password)}`];
  if (certificates === undefined) return lines;
  // A server's own certificate says that it is for servers; towards others it is a client.
  return [
    ...lines,
    "tls-replication yes",
    `tls-client-cert-file ${CERTIFICATE_FILES.clientCert}`,
    `tls-client-key-file ${CERTIFICATE_FILES.clientKey}`,
  ];
}

/** Refuses directives that belong to the one who starts the group. */
export function checkReserved(config: object, reserved: Readonly<Record<string, string>>, starter: string): void {
  for (const name of Object.keys(config)) {
    const instead = reserved[name.toLowerCase()];
    if (instead === undefined) continue;
    throw refused(`config["${name}"] is set by ${starter} itself; option to use: ${instead}`);
  }
}

/** Refuses what is no whole number of at least `least`. */
export function checkWhole(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw refused(`${name} should be a whole number of at least ${least}, got ${String(value)}`);
}

export function refused(message: string): TestServerError {
  return new TestServerError("ERR_SERVER_OPTIONS", message);
}

export function disagreed(message: string): TestServerError {
  return new TestServerError("ERR_SERVER_TOPOLOGY", message);
}

/** Waits for all, also when one has failed: whoever ends what was started must know of it. */
export async function startAll<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(starting);
  return await Promise.all(starting);
}

/**
 * Sends commands to a server and resolves to their replies.
 *
 * @throws TestServerError `ERR_SERVER_TOPOLOGY` when it does not answer, or refuses one of them
 */
export async function tell(server: RunningServer, commands: readonly Words[]): Promise<Reply[]> {
  if (commands.length === 0) return [];
  const replies = await exchange(server, commands, REPLY_TIMEOUT).catch((error: unknown) => {
    throw disagreed(`${addressOf(server)} cannot be asked: ${String(error)}`);
  });
  const failed = replies.findIndex((reply) => reply instanceof Error);
  if (failed === -1) return replies;
  const what = commands[failed]?.slice(0, 3).join(" ");
  throw disagreed(`${addressOf(server)} refused ${what}: ${(replies[failed] as Error).message}`);
}

/**
 * Waits until nothing is missing any more.
 *
 * @param missing says what is missing, or throws it
 * @throws TestServerError `ERR_SERVER_TOPOLOGY`, with what was missing in the end
 */
export async function untilNothing(
  missing: () => Promise<string | undefined>,
  options: { readonly timeout: number; readonly what: string },
): Promise<void> {
  const deadline = Date.now() + options.timeout;
  for (;;) {
    const reason = await missing().catch(String);
    if (reason === undefined) return;
    if (Date.now() > deadline) throw disagreed(`${options.what} took more than ${options.timeout} ms: ${reason}`);
    await sleep(POLL_INTERVAL);
  }
}

export function addressOf(server: { readonly host: string; readonly port: number }): string {
  return `${server.host}:${server.port}`;
}
