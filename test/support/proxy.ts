import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `toServer`: what the client sends; `toClient`: what the server answers. */
export type Direction = "toServer" | "toClient";

export interface ProxyTarget {
  host?: string;
  port?: number;
  /** A unix socket, instead of host and port. */
  path?: string;
  /** Where the proxy itself listens; default: a free port. */
  listen?: number;
}

/** A TCP proxy in front of one server, with faults. It forwards bytes and knows no protocol, so TLS passes too. */
export interface Proxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Ends all connections now: by FIN, or by RST with `reset`. */
  cut(options?: { reset?: boolean }): void;
  /** After so many more bytes in this direction (of all connections together), cuts them all; the bytes arrive. */
  cutAfterBytes(direction: Direction, bytes: number): void;
  /** Holds everything back in a direction, ends of connections too, as a dead link does; off: it arrives after all. */
  blackhole(direction: Direction | "both", on: boolean): void;
  /** Refuses new connections (nothing listens on the port), or takes them again. */
  refuse(on: boolean): Promise<void>;
  /** Delays every chunk by so many ms, each way. */
  delay(ms: number): void;
  /** Forwards every byte in a write of its own. */
  splitEveryByte(on: boolean): void;
  /** Bytes forwarded so far in a direction. */
  forwarded(direction: Direction): number;
  close(): Promise<void>;
}

/** The faults of one direction, shared by all connections. */
class Weather {
  held = false;
  delay = 0;
  split = false;
  forwarded = 0;
  cutAt = Number.POSITIVE_INFINITY;
  #wake: (() => void)[] = [];

  hold(on: boolean): void {
    this.held = on;
    if (!on) for (const wake of this.#wake.splice(0)) wake();
  }

  async calm(): Promise<void> {
    while (this.held) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }
}

/** Starts a proxy in front of a server: `await startProxy(server)`. */
export async function startProxy(target: ProxyTarget): Promise<Proxy> {
  const proxy = new FaultProxy(target);
  await proxy.listen(target.listen ?? 0);
  return proxy;
}

class FaultProxy implements Proxy {
  readonly host = "127.0.0.1";
  port = 0;
  accepted = 0;
  #server: Server | undefined;
  readonly #target: ProxyTarget;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #weather: Record<Direction, Weather> = { toServer: new Weather(), toClient: new Weather() };

  constructor(target: ProxyTarget) {
    this.#target = target;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.listen(port, this.host);
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  cut(options: { reset?: boolean } = {}): void {
    for (const pair of [...this.#pairs]) {
      for (const socket of pair) {
        // Node leaks a socket that is reset while its end is on the way, and its process then never exits.
        if (options.reset === true && !socket.writableEnded) socket.resetAndDestroy();
        else socket.destroy();
      }
    }
  }

  cutAfterBytes(direction: Direction, bytes: number): void {
    const weather = this.#weather[direction];
    weather.cutAt = weather.forwarded + bytes;
    if (bytes === 0) this.#cutAtLimit(weather);
  }

  blackhole(direction: Direction | "both", on: boolean): void {
    if (direction !== "toClient") this.#weather.toServer.hold(on);
    if (direction !== "toServer") this.#weather.toClient.hold(on);
  }

  async refuse(on: boolean): Promise<void> {
    if (!on) {
      if (this.#server === undefined) await this.listen(this.port);
      return;
    }
    const server = this.#server;
    this.#server = undefined;
    // Stops listening at once; its "close" would wait for the connections, which go on.
    server?.close();
  }

  delay(ms: number): void {
    for (const weather of Object.values(this.#weather)) weather.delay = ms;
  }

  splitEveryByte(on: boolean): void {
    for (const weather of Object.values(this.#weather)) weather.split = on;
  }

  forwarded(direction: Direction): number {
    return this.#weather[direction].forwarded;
  }

  async close(): Promise<void> {
    await this.refuse(true);
    this.cut();
    this.blackhole("both", false); // lets what waits for calm weather end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(client: Socket): void {
    this.accepted++;
    const { path, port, host = "127.0.0.1" } = this.#target;
    const address = port === undefined ? { path: path ?? "" } : { host, port };
    const server = connect({ ...address, allowHalfOpen: true });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", (hadError) => {
        if (pair.every((one) => one.destroyed)) this.#pairs.delete(pair);
        if (hadError) void this.#passFailure(socket === client ? "toServer" : "toClient", pair);
      });
    }
    this.#forward(client, server, this.#weather.toServer);
    this.#forward(server, client, this.#weather.toClient);
  }

  /** A reset of one side reaches the other one, unless the link is dead. */
  async #passFailure(direction: Direction, pair: readonly [Socket, Socket]): Promise<void> {
    await this.#weather[direction].calm();
    for (const socket of pair) socket.destroy();
  }

  #forward(from: Socket, to: Socket, weather: Weather): void {
    let before = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      const due = performance.now() + weather.delay;
      before = before.then(() => this.#deliver(chunk, due, to, weather));
    });
    from.on("end", () => {
      const due = performance.now() + weather.delay;
      before = before.then(async () => {
        await this.#pass(due, weather);
        to.end();
      });
    });
  }

  async #deliver(chunk: Buffer, due: number, to: Socket, weather: Weather): Promise<void> {
    await this.#pass(due, weather);
    const room = weather.cutAt - weather.forwarded;
    const part = chunk.length > room ? chunk.subarray(0, room) : chunk;
    weather.forwarded += part.length;
    const step = weather.split ? 1 : Math.max(1, part.length);
    let written = true;
    for (let at = 0; at < part.length && !to.destroyed; at += step) {
      written = to.write(part.subarray(at, at + step));
      if (weather.split) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (weather.forwarded >= weather.cutAt) {
      await new Promise<void>((resolve) => to.end(resolve)); // so that the bytes before the cut arrive
      this.#cutAtLimit(weather);
    } else if (!written && !to.destroyed) {
      await Promise.race([once(to, "drain"), once(to, "close")]).catch(() => undefined);
    }
  }

  async #pass(due: number, weather: Weather): Promise<void> {
    const left = due - performance.now();
    if (left > 0) await sleep(left);
    await weather.calm();
  }

  #cutAtLimit(weather: Weather): void {
    weather.cutAt = Number.POSITIVE_INFINITY;
    this.cut();
  }
}
