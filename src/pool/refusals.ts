import { ClosedError, ConnectError, PoolTimeoutError, QueueFullError, type RedisError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { Request } from "../commands/request.ts";
import type { PoolStats } from "./stats.ts";
import type { Waiter } from "./waiters.ts";

/** The state of a pool in an error's text: `10/10 leased, 1 shared, 37 waiting`. */
function occupancy(stats: PoolStats, options: ResolvedOptions): string {
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
  stats: PoolStats,
  options: ResolvedOptions,
  lastError: RedisError | null,
): PoolTimeoutError {
  const { maxConnections, node } = options;
  let remedy = "raise maxConnections or hold leases for less time";
  if (stats.connecting > 0)
    remedy = "a connection is being opened, and the server has not answered yet: is it busy or paused?";
  if (lastError instanceof ConnectError) remedy = `the latest attempt to connect failed: ${lastError.message}`;
  else if (lastError !== null) remedy = `the latest connection did not last: ${lastError.message}`;
  const message = `no connection within ${waiter.timeout} ms (${occupancy(stats, options)}): ${remedy}`;
  const state = { leased: stats.leased, waiting: stats.waiting, maxConnections };
  return new PoolTimeoutError(waiter.timeout, state, message, {
    node,
    ...(lastError === null ? {} : { cause: lastError }),
  });
}

/** The error for somebody who found the queue of waiters full. */
export function tooManyWaiting(stats: PoolStats, options: ResolvedOptions): QueueFullError {
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

/** The error for a request, or for a lease (null), on a closed pool. */
export function poolClosed(request: Request | null, options: ResolvedOptions): ClosedError {
  const command = request === null ? {} : { command: request.spec.name };
  const subject = request === null ? "no connection can be leased" : `${request.spec.name} was not sent`;
  return new ClosedError(request?.outcome ?? "not-sent", `${subject}: the client is closed`, {
    node: options.node,
    ...command,
  });
}
