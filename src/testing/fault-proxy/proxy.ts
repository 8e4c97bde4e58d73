import { once } from "node:events";
import { createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from "node:net";
import { ProxiedConnection, type ConnectionHost } from "./connection.ts";
import { checkFault, refuse } from "./check.ts";
import { ActiveFault, type Fault, type FaultListener } from "./fault.ts";
import { asBytes, encodePush } from "./frames.ts";
import type { FaultDirection, FaultKind, FaultOptions } from "./options.ts";

/** Whom a proxy stands in front of, such as a `TestServer`. */
export interface FaultProxyTarget {
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** A unix socket; used where there is no port. */
  readonly path?: string | undefined;
  /** Only for `url`. */
  readonly password?: string | undefined;
  /** Of a server with TLS: then the proxy passes bytes that it does not understand. */
  readonly tls?: unknown;
}

/** How a proxy is set up. */
export interface FaultProxyOptions {
  /** Where it listens, on 127.0.0.1; default 0: a free port. */
  readonly port?: number | undefined;
  /** Passes bytes without looking for commands in them; default false, and true in front of a server with TLS. */
  readonly raw?: boolean | undefined;
}

/** A fault's options, which may be left out where none is needed. */
export type FaultArguments<K extends FaultKind> =
  Record<never, never> extends FaultOptions[K] ? [options?: FaultOptions[K]] : [options: FaultOptions[K]];

/** A TCP proxy in front of one server, which does to its connections what networks and servers do on bad days. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** For a client that is to go through the proxy. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Bytes forwarded since the start. */
  forwarded(direction: FaultDirection): number;
  /**
   * Injects a fault. Several may be in force at once; a command may be struck by more than one.
   *
   *     proxy.inject("cut", { command: "INCR", nth: 3, at: "mid-reply" });
   *     proxy.inject("blackhole", { direction: "toClient", for: 500 });
   *
   * @throws FaultProxyError `ERR_FAULT_OPTIONS`: what was expected, and what came
   */
  inject<K extends FaultKind>(kind: K, ...options: FaultArguments<K>): Fault;
  /** Ends all faults; what they held back arrives. */
  heal(): Promise<void>;
  /** Ends the proxy and all its connections; may be called more than once. */
  close(): Promise<void>;
}

/**
 * Starts a proxy in front of a server, on loopback. It keeps the event loop alive until it is closed; `await using` closes it.
 *
 * It knows RESP2 and RESP3 well enough to tell which reply belongs to which command, subscriptions and CLIENT REPLY included; MONITOR
 * and replication only pass.
 *
 * @throws FaultProxyError `ERR_FAULT_OPTIONS` for an address or an option that cannot be
 * @see docs/testing.md
 */
export async function startFaultProxy(target: FaultProxyTarget, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const { port = 0, raw = target.tls !== undefined && target.tls !== null } = options;
  if (target.port === undefined && target.path === undefined)
    refuse("server", "an address with a port or a path", target);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) refuse("port", "a whole number from 0 to 65535", port);
  if (typeof raw !== "boolean") refuse("raw", "true or false", raw);
  const proxy = new RunningProxy(target, !raw);
  await proxy.listen(port);
  return proxy;
}

class RunningProxy implements FaultProxy, ConnectionHost, FaultListener {
  readonly host = "127.0.0.1";
  readonly target: NetConnectOpts;
  readonly knowsResp: boolean;
  readonly faults = new Set<ActiveFault>();
  port = 0;
  accepted = 0;
  readonly #login: string;
  readonly #connections = new Map<number, ProxiedConnection>();
  readonly #forwarded = { toServer: 0, toClient: 0 };
  #server: Server | undefined;
  #closed = false;

  constructor(target: FaultProxyTarget, knowsResp: boolean) {
    const { port, path = "", host = "127.0.0.1", password, tls } = target;
    this.target = port === undefined ? { path } : { host, port };
    this.knowsResp = knowsResp;
    const scheme = tls === undefined || tls === null ? "redis" : "rediss";
    this.#login = `${scheme}://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}`;
  }

  get url(): string {
    return `${this.#login}${this.host}:${this.port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  forwarded(direction: FaultDirection, bytes = 0): number {
    return (this.#forwarded[direction] += bytes);
  }

  inject<K extends FaultKind>(kind: K, ...options: FaultArguments<K>): Fault {
    const fault = new ActiveFault(checkFault(kind, options[0] ?? {}, this.knowsResp), this);
    if (this.#closed) refuse("inject", "called while the proxy is open", "a closed one");
    this.faults.add(fault);
    fault.schedule();
    return fault;
  }

  async heal(): Promise<void> {
    await Promise.all([...this.faults].map((fault) => fault.end()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    for (const connection of [...this.#connections.values()]) connection.cut(false);
    await this.heal();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    server.listen(port, this.host);
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
  }

  faultBegan(fault: ActiveFault): void {
    const { spec } = fault;
    if (spec.kind === "refuse") {
      fault.hits++;
      this.#stopListening();
    }
    if (fault.isByCommand || fault.bytesLeft !== Number.POSITIVE_INFINITY) return;
    if (spec.kind !== "cut" && spec.kind !== "halfClose" && spec.kind !== "push" && spec.kind !== "reply") return;
    for (const connection of this.#chosen(fault)) {
      fault.hits++;
      if (spec.kind === "cut") connection.cut(spec.options.reset === true);
      else if (spec.kind === "halfClose") connection.halfClose(spec.options.direction ?? "toClient");
      else connection.inject(spec.kind === "push" ? encodePush(spec.options.items) : asBytes(spec.options.raw));
    }
    void fault.end();
  }

  async faultEnded(fault: ActiveFault): Promise<void> {
    this.faults.delete(fault);
    if (fault.kind !== "refuse" || this.#closed || this.#server !== undefined) return;
    for (const other of this.faults) if (other.kind === "refuse" && other.isActive) return;
    await this.listen(this.port);
  }

  cutIsDue(fault: ActiveFault): void {
    for (const connection of this.#chosen(fault)) {
      fault.hits++;
      connection.cut(fault.spec.kind === "cut" && fault.spec.options.reset === true);
    }
    void fault.end();
  }

  connectionEnded(connection: ProxiedConnection): void {
    this.#connections.delete(connection.id);
  }

  #chosen(fault: ActiveFault): ProxiedConnection[] {
    return [...this.#connections.values()].filter(({ id }) => fault.isFor(id));
  }

  #stopListening(): void {
    // Stops at once; its "close" would wait for the connections, which go on.
    this.#server?.close();
    this.#server = undefined;
  }

  #accept(client: Socket): void {
    const connection = new ProxiedConnection(++this.accepted, client, this);
    this.#connections.set(connection.id, connection);
    for (const fault of this.faults) {
      if (fault.kind !== "stall" || !fault.isActive || !fault.isFor(connection.id)) continue;
      fault.hits++;
      connection.stall(fault);
    }
  }
}
