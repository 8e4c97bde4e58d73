import type { Clock } from "../base/clock.ts";
import { ConnectError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { scheduleAwake } from "../base/stall.ts";
import type { Dialler } from "../base/transport.ts";
import { connectTimeout, toConnectError, type ConnectStep } from "./connect-error.ts";
import { Connection } from "./connection.ts";
import { askCredentials, handshake } from "./handshake.ts";

/**
 * Opens a connection that is ready for commands: stream, TLS and handshake within `connectTimeout` together.
 *
 * @param signal ends the attempt; it is never tied to a caller's own deadline, for a connection that comes late serves the
 *   next one
 * @throws ConnectError saying at which step it failed, and what to do
 */
export async function openConnection(
  options: ResolvedOptions,
  dialler: Dialler,
  clock: Clock,
  signal: AbortSignal,
): Promise<Connection> {
  const connection = new Connection(options.node, options.db, options.socketTimeout, clock);
  const attempt = new AbortController();
  let step: ConnectStep =
    options.credentials === null || options.credentialsAreStatic ? "no connection" : "credentials() has not settled";
  const timer = scheduleAwake(clock, () => attempt.abort(connectTimeout(step, options)), options.connectTimeout);
  const cancel = (): void => attempt.abort(ended(options, "was ended: the pool was closed", true));
  const aborted = new Promise<never>((_, reject) => {
    attempt.signal.addEventListener("abort", () => {
      connection.close("handshake", attempt.signal.reason);
      reject(attempt.signal.reason as Error);
    });
  });
  const ready = async (): Promise<void> => {
    // Asked before dialling: a full server says so at once and hangs up, which must be read as its reply to the handshake.
    const credentials = await askCredentials(options);
    attempt.signal.throwIfAborted();
    step = "no connection";
    connection.attach(await dialler.dial(connection, attempt.signal));
    step = "no reply to the handshake";
    await handshake(connection, options, credentials);
  };
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  try {
    // A race, because credentials() is the user's and may hang.
    await Promise.race([ready(), aborted]);
    if (!connection.isOpen) throw ended(options, "failed: the connection ended at once", false);
    return connection;
  } catch (error) {
    connection.close("handshake", error);
    throw attempt.signal.aborted ? attempt.signal.reason : toConnectError(error, options);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", cancel);
  }
}

function ended(options: ResolvedOptions, what: string, permanent: boolean): ConnectError {
  return new ConnectError("ERR_CONNECT", `connecting to ${options.node} ${what}`, permanent, { node: options.node });
}
