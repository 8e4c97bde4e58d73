import { CommandTimeoutError, ConnectionLostError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";

/** Why a connection ended; the keys of `PoolStats.closedBecause`. */
export type CloseReason =
  | "lost" // the server or the network ended it
  | "socket-timeout" // no byte for `socketTimeout` while a reply was due
  | "protocol" // what came was not RESP, or nobody had asked for it
  | "order" // replies did not belong to their commands any more
  | "handshake" // it never became ready
  | "idle" // surplus for `idleTimeout`
  | "lifetime" // older than `maxLifetime`
  | "credentials" // could not be logged in with fresh credentials
  | "health" // did not answer the PING of a health check
  | "unread" // given back with a reply outstanding
  | "unclean" // given back in a session that could not be repaired
  | "surplus" // a lane that did not help, or a connection that another node of a cluster needs more
  | "replaced" // another node has taken over, and this one is silent
  | "closed"; // the pool was closed or destroyed

/** The error for what was on a connection when it ended; without a command, for its owner. */
export function lostError(
  node: string,
  outcome: "not-sent" | "unknown",
  reason: CloseReason,
  cause?: unknown,
  command?: string,
): ConnectionLostError {
  const known = outcome === "unknown" ? "it may have run" : "it was not sent";
  let why = cause instanceof Error ? `: ${cause.message}` : "";
  if (reason === "unread") why = ": its lease was given back too early, await every command before (`return await`)";
  const message = `the connection to ${node} ended (${reason}${why})${command === undefined ? "" : ` with ${command} on it; ${known}`}`;
  return new ConnectionLostError(outcome, reason, message, {
    node,
    ...(command === undefined ? {} : { command }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error for a request whose deadline passed while a connection had it. */
export function timeoutError(request: Request, node: string): CommandTimeoutError {
  const name = request.spec.name;
  const message =
    request.state === "written"
      ? `${name} got no reply from ${node} within ${request.timeout} ms: the server is busy, paused or out of reach (see its SLOWLOG), or its time limit (commandTimeout, or that of the view) is too short for it`
      : `${name} was not sent to ${node} within ${request.timeout} ms: the connection takes no more bytes; the server reads too slowly`;
  return new CommandTimeoutError(request.outcome, request.timeout, message, { command: name, node });
}
