import {
  startFaultProxy,
  type Fault,
  type FaultDirection,
  type FaultProxy,
  type FaultProxyTarget,
} from "../../src/testing/index.ts";

/** A fault proxy that knows no commands, with its faults as switches. Where a command matters, use `startFaultProxy` itself. */
export interface Proxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Ends all connections now: by FIN, or by RST with `reset`. */
  cut(options?: { reset?: boolean }): void;
  /** After so many more bytes in this direction (of all connections together), cuts them all; the bytes arrive. Infinity: never. */
  cutAfterBytes(direction: FaultDirection, bytes: number): void;
  /** Holds everything back in a direction, ends of connections too, as a dead link does; off: it arrives after all. */
  blackhole(direction: FaultDirection | "both", on: boolean): void;
  /** Refuses new connections (nothing listens on the port), or takes them again. */
  refuse(on: boolean): Promise<void>;
  /** Delays every chunk by so many ms, each way. */
  delay(ms: number): void;
  /** Forwards every byte in a write of its own. */
  splitEveryByte(on: boolean): void;
  /** Bytes forwarded so far in a direction. */
  forwarded(direction: FaultDirection): number;
  close(): Promise<void>;
}

/** Starts a proxy in front of a server: `await startProxy(server)`. */
export async function startProxy(target: FaultProxyTarget): Promise<Proxy> {
  return new Switches(await startFaultProxy(target, { raw: true }));
}

class Switches implements Proxy {
  readonly host = "127.0.0.1";
  readonly #proxy: FaultProxy;
  readonly #on = new Map<string, Fault>();

  constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
  }

  get port(): number {
    return this.#proxy.port;
  }

  get connections(): number {
    return this.#proxy.connections;
  }

  get accepted(): number {
    return this.#proxy.accepted;
  }

  cut(options: { reset?: boolean } = {}): void {
    this.#proxy.inject("cut", options);
  }

  cutAfterBytes(direction: FaultDirection, bytes: number): void {
    void this.#off(`cut ${direction}`);
    if (bytes === 0) this.cut();
    else if (bytes < Number.POSITIVE_INFINITY)
      this.#on.set(`cut ${direction}`, this.#proxy.inject("cut", { direction, afterBytes: bytes }));
  }

  blackhole(direction: FaultDirection | "both", on: boolean): void {
    for (const one of direction === "both" ? (["toServer", "toClient"] as const) : [direction]) {
      void this.#off(`blackhole ${one}`);
      if (on) this.#on.set(`blackhole ${one}`, this.#proxy.inject("blackhole", { direction: one }));
    }
  }

  async refuse(on: boolean): Promise<void> {
    if (!on) await this.#off("refuse");
    else if (!this.#on.has("refuse")) this.#on.set("refuse", this.#proxy.inject("refuse"));
  }

  delay(ms: number): void {
    void this.#off("delay");
    if (ms > 0) this.#on.set("delay", this.#proxy.inject("delay", { ms }));
  }

  splitEveryByte(on: boolean): void {
    void this.#off("split");
    if (on) this.#on.set("split", this.#proxy.inject("split"));
  }

  forwarded(direction: FaultDirection): number {
    return this.#proxy.forwarded(direction);
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #off(name: string): Promise<void> {
    const fault = this.#on.get(name);
    this.#on.delete(name);
    await fault?.end();
  }
}
