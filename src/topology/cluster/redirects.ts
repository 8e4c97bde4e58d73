import { backoffDelay } from "../../base/backoff.ts";
import { ServerError, type RedisError } from "../../base/errors.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import type { Request, RetryPolicy } from "../../commands/request.ts";
import { encodeOpening } from "../../protocol/encoder.ts";
import { isUnreachable, type RetryQueue } from "../retry.ts";

/** So often a command is sent on at once; then with pauses, for the nodes do not agree. */
const AT_ONCE = 5;
const PAUSES = { minDelay: 10, maxDelay: 500 };
const ASKING = `${encodeOpening(["ASKING"], 0)}\r\n`;

/** A node's word on where a slot is. */
export interface Redirect {
  readonly kind: "MOVED" | "ASK";
  readonly slot: number;
  readonly endpoint: TcpEndpoint;
}

/** The cluster, as its redirects see it. */
export interface RedirectTarget {
  /**
   * Makes the address of a redirect absolute; `node` has given it.
   *
   * @throws whatever `natMap` throws, which is the user's
   */
  locate(host: string, port: string, node: string | undefined): TcpEndpoint | null;
  /** The slot belongs to another node now. */
  moved(slot: number, endpoint: TcpEndpoint): void;
  /** Learns what a node says of its state: its part of the cluster is not as the slot map has it. */
  learn(error: ServerError): void;
  /** Something has changed that the slot map may not know. */
  suspect(): void;
  /** Runs a request on one node. */
  executeOn(endpoint: TcpEndpoint, request: Request): void;
}

/** Reads MOVED and ASK; null for every other error, and where they lead nowhere: then the error's cause tells why. */
export function redirectOf(error: RedisError, target: Pick<RedirectTarget, "locate">): Redirect | null {
  if (!(error instanceof ServerError) || (error.code !== "MOVED" && error.code !== "ASK")) return null;
  const parts = /^(?:MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})(?:;.*)?$/.exec(error.message);
  if (parts === null) return null;
  let endpoint: TcpEndpoint | null;
  try {
    endpoint = target.locate(parts[2] as string, parts[3] as string, error.node);
  } catch (cause) {
    // A reply is being read, and what is thrown now would end the connection for everybody on it.
    error.cause = cause;
    return null;
  }
  return endpoint === null ? null : { kind: error.code, slot: Number(parts[1]), endpoint };
}

/**
 * Follows the redirects of a cluster, and leaves everything else to the view's own rules. That a node sends a command on is no
 * failure: it is followed without `retry` too.
 */
export class Redirector implements RetryPolicy {
  readonly #target: RedirectTarget;
  readonly #rules: RetryPolicy | null;
  readonly #queue: RetryQueue;

  constructor(target: RedirectTarget, rules: RetryPolicy | null, queue: RetryQueue) {
    this.#target = target;
    this.#rules = rules;
    this.#queue = queue;
  }

  takeOver(request: Request, error: RedisError): boolean {
    request.precede(null);
    const redirect = redirectOf(error, this.#target);
    if (redirect !== null) return this.#follow(request, error, redirect);
    if (error instanceof ServerError && (error.code === "MOVED" || TELLING.has(error.code))) this.#target.learn(error);
    if (isUnreachable(error) && this.#rules !== null) return this.#elsewhere(request);
    return this.#rules !== null && this.#rules.takeOver(request, error);
  }

  /** The wait for a connection was in vain, and by now another node may have taken over. */
  #elsewhere(request: Request): boolean {
    this.#target.suspect();
    const delay = backoffDelay(PAUSES, 1, this.#queue.clock.random());
    if (!this.#queue.hasRoom || this.#queue.clock.now() + delay >= request.deadline) return false;
    request.again(false);
    this.#queue.push(request, delay);
    return true;
  }

  #follow(request: Request, error: RedisError, { kind, slot, endpoint }: Redirect): boolean {
    if (kind === "MOVED") this.#target.moved(slot, endpoint);
    const redirects = request.redirects + 1;
    const delay = redirects <= AT_ONCE ? 0 : backoffDelay(PAUSES, redirects - AT_ONCE, this.#queue.clock.random());
    if (delay > 0 && (!this.#queue.hasRoom || this.#queue.clock.now() + delay >= request.deadline)) {
      const why = kind === "ASK" ? "the slot is being moved" : "the nodes do not agree on who has the slot";
      error.message += `; ${request.spec.name} was sent on ${redirects - 1} times: ${why}`;
      return false;
    }
    request.redirects = redirects;
    request.again(false);
    if (delay > 0) {
      this.#queue.push(request, delay);
    } else {
      if (kind === "ASK") request.precede(ASKING);
      this.#target.executeOn(endpoint, request);
    }
    return true;
  }
}

/** What a node says when its part of the cluster is not as the map has it. */
export const TELLING: ReadonlySet<string> = new Set([
  "CLUSTERDOWN",
  "TRYAGAIN",
  "READONLY",
  "MASTERDOWN",
  "UNBLOCKED",
  "LOADING",
]);
