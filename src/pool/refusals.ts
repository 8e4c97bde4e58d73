import {
  ClosedError,
  CommandTimeoutError,
  ConnectError,
  ConnectionLostError,
  PoolTimeoutError,
  QueueFullError,
  type RedisError,
} from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Request } from "../commands/request.ts";
import type { Waiter } from "./waiters.ts";

/** What a pool's connections do: a part of its stats. */
type Occupancy = Readonly<Record<"leased" | "lanes" | "total" | "subscribers" | "connecting" | "waiting", number>>;

/** The state of a pool in an error's text: `10/10 leased, 1 shared, 37 waiting`. */
function occupancy(stats: Occupancy, options: ResolvedOptions): string {
  const parts = [`${stats.leased}/${options.maxConnections} leased`];
  if (stats.lanes > 0) parts.push(`${stats.lanes} shared`);
  else if (stats.leased > 0 && stats.total < options.maxConnections) parts.push("1 kept for shared commands");
  if (stats.subscribers > 0) parts.push(`${stats.subscribers} subscribed`);
  if (stats.connecting > 0) parts.push(`${stats.connecting} connecting`);
  parts.push(`${stats.waiting} waiting`);
  return parts.join(", ");
}

/** The error for somebody who waited too long for a connection. */
export function waitedTooLong(
  waiter: Waiter,
  stats: Occupancy,
  options: ResolvedOptions,
  lastError: RedisError | null,
): PoolTimeoutError {
  const { maxConnections, node } = options;
  let remedy = "raise maxConnections or hold leases for less time";
  if (stats.connecting > 0)
    remedy = "a connection is being opened, and the server has not answered yet: is it busy or paused?";
  if (lastError instanceof ConnectError) remedy = `the latest attempt to connect failed: ${lastError.message}`;
  else if (lastError !== null) remedy = `the latest connection did not last: ${lastError.message}`;
  const timeout = Math.round(waiter.timeout);
  const message = `no connection within ${timeout} ms (${occupancy(stats, options)}): ${remedy}`;
  const state = { leased: stats.leased, waiting: stats.waiting, maxConnections };
  return new PoolTimeoutError(timeout, state, message, {
    node,
    ...(lastError === null ? {} : { cause: lastError }),
  });
}

/** The error for a command that waited too long for a lane. */
export function commandWaitedTooLong(
  request: Request,
  node: string,
  lastError: RedisError | null,
  connecting: boolean,
): CommandTimeoutError {
  const command = request.spec.name;
  let why = "no connection was free in time: raise maxConnections or hold leases for less time";
  if (lastError !== null) why = lastError.message;
  else if (connecting)
    why = `${node} was still being connected to: check host, port and tls, or raise the limit above connectTimeout`;
  const sent = request.outcome === "not-sent" ? "sent" : "sent again";
  const message = `${command} was not ${sent} within ${request.timeout} ms: ${why}`;
  const cause = lastError === null ? {} : { cause: lastError };
  return new CommandTimeoutError(request.outcome, request.timeout, message, { command, node, ...cause });
}

/** The error for somebody who found the queue of waiters full. */
export function tooManyWaiting(stats: Occupancy, options: ResolvedOptions): QueueFullError {
  const { maxWaiting, node } = options;
  const message = `${maxWaiting} callers are waiting for a connection already (${occupancy(stats, options)}): lower the load, or raise maxConnections or maxWaiting`;
  return new QueueFullError("maxWaiting", message, { node });
}

/** The error for a command that found a queue of commands full. */
export function tooMuchQueued(
  request: Request,
  limit: "maxInFlight" | "maxQueuedBytes",
  options: ResolvedOptions,
): QueueFullError {
  const command = request.spec.name;
  const { node, maxInFlight, maxQueuedBytes } = options;
  let message = `${command} was refused: ${maxInFlight} commands are in flight or queued for ${node}; the server or the network is slower than the load: send less at once, or raise maxInFlight`;
  if (request.bytes > maxQueuedBytes) {
    message = `${command} was refused: it has ${request.bytes} bytes, more than maxQueuedBytes (${maxQueuedBytes}): split it, or raise maxQueuedBytes`;
  } else if (limit === "maxQueuedBytes") {
    message = `${command} was refused: with its ${request.bytes} bytes more than ${maxQueuedBytes} would be waiting to be written to ${node}; the server or the network is slower than the load: send less at once, or raise maxQueuedBytes`;
  }
  return new QueueFullError(limit, message, { command, node });
}

/** The error for a command that could only be answered too late. */
export function tooLongAlready(
  request: Request,
  { outstanding, wait }: { readonly outstanding: number; readonly wait: number },
  options: ResolvedOptions,
): QueueFullError {
  const command = request.spec.name;
  const { node } = options;
  const message = `${command} was refused: ${outstanding} commands are ahead of it at ${node}, so it would wait for about ${Math.round(wait)} ms, longer than its limit of ${request.timeout} ms; the server is slower than the load: send less at once, or give it more time`;
  return new QueueFullError("commandTimeout", message, { command, node });
}

/** The reason for which a blocked command ends with its client. */
export function blockedAtEnd(): ClosedError {
  return new ClosedError("rejected", "the client was closed; the blocked command got nothing");
}

/** The error for what is to go to a node that serves nothing any more: another one can take it. */
export function nodeLeft(command: string | null, { node }: ResolvedOptions): ConnectionLostError {
  const subject = command ?? "the wait for a connection";
  const message = `${subject} has to go elsewhere: ${node} is no longer part of the topology`;
  return new ConnectionLostError("not-sent", "replaced", message, { node, ...(command === null ? {} : { command }) });
}

/** The error for a request, or for a lease (null), on a closed pool. */
export function poolClosed(request: Request | null, options: ResolvedOptions): ClosedError {
  const command = request === null ? {} : { command: request.spec.name };
  const subject = request === null ? "no connection can be leased" : `${request.spec.name} was not sent`;
  return new ClosedError(request?.outcome ?? "not-sent", `${subject}: the client is closed`, {
    node: options.node,
    ...command,
  });
}
