import type { Dialler, Endpoint, Payload, Transport, TransportListener } from "../../index.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** `toServer`: what the program sends; `toClient`: what comes back. */
export type LinkDirection = "toServer" | "toClient";

/** The server's end of a link. */
export interface Peer {
  /** 1 for the first link of a network. */
  readonly id: number;
  /** Sends bytes. */
  send(bytes: Buffer): void;
  /** Ends the link behind what was sent (FIN), or at once, with what is on its way lost (RST). */
  end(): void;
  reset(): void;
}

/** What a server does with one link. */
export interface PeerListener {
  onBytes(bytes: Buffer): void;
  /** The client is gone. */
  onEnd(): void;
}

/** What the links of a network are like; all can change at any time. Times in ms. */
export interface Weather {
  /** One way, between these. */
  latency: readonly [min: number, max: number];
  /** Whether what arrives is cut into random pieces, down to single bytes. */
  splits: boolean;
  /** Bytes on their way to the server beyond which a write is to wait. */
  highWater: number;
}

type Item = { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "end" } | { readonly kind: "reset" };

/** One way of a link: keeps the order, takes its time, can be held. */
class Pipe {
  readonly #timeline: Timeline;
  readonly #latency: () => number;
  readonly #inProgram: boolean;
  readonly #arrived: (item: Item) => void;
  readonly #queue: Item[] = [];
  #held = false;
  #lastAt = 0;

  constructor(timeline: Timeline, latency: () => number, inProgram: boolean, arrived: (item: Item) => void) {
    this.#timeline = timeline;
    this.#latency = latency;
    this.#inProgram = inProgram;
    this.#arrived = arrived;
  }

  send(item: Item): void {
    this.#queue.push(item);
    if (!this.#held) this.#deliverNext();
  }

  /** What is on its way, or comes, stays there until it is let go. */
  hold(on: boolean): void {
    if (this.#held === on) return;
    this.#held = on;
    if (!on) for (let count = this.#queue.length; count > 0; count--) this.#deliverNext();
  }

  /** Forgets what is on its way. */
  clear(): void {
    this.#queue.length = 0;
  }

  #deliverNext(): void {
    const now = this.#timeline.now();
    this.#lastAt = Math.max(this.#lastAt, now + this.#latency());
    this.#timeline.after(
      this.#lastAt - now,
      () => {
        if (this.#held) return;
        const item = this.#queue.shift();
        if (item !== undefined) this.#arrived(item);
      },
      this.#inProgram,
    );
  }
}

/** One connection; to the program its transport, to the server its peer. */
export class Link implements Transport, Peer {
  readonly id: number;
  readonly address: string;
  readonly #network: SimulatedNetwork;
  readonly #random: Random;
  readonly #listener: TransportListener;
  readonly #toServer: Pipe;
  readonly #toClient: Pipe;
  #server: PeerListener | null = null;
  #clientOpen = true;
  #serverOpen = true;
  #underway = 0;
  #waitsForDrain = false;

  constructor(network: SimulatedNetwork, id: number, address: string, listener: TransportListener) {
    this.#network = network;
    this.id = id;
    this.address = address;
    this.#listener = listener;
    this.#random = network.random.fork(`link ${id}`);
    const latency = (): number => this.#random.between(...network.weather.latency);
    this.#toServer = new Pipe(network.timeline, latency, false, (item) => this.#atServer(item));
    this.#toClient = new Pipe(network.timeline, latency, true, (item) => this.#atClient(item));
  }

  /** Whether the program still has it. */
  get isOpen(): boolean {
    return this.#clientOpen;
  }

  serveBy(server: PeerListener): void {
    this.#server = server;
  }

  /** Holds back one way, or both: nothing arrives, not even the end. */
  hold(direction: LinkDirection | "both", on: boolean): void {
    if (direction !== "toClient") this.#toServer.hold(on);
    if (direction !== "toServer") this.#toClient.hold(on);
  }

  /** Something between the two ends it for both: in good order behind what was sent, or by reset, with what is on its way lost. */
  cut(how: "end" | "reset"): void {
    if (how === "end") this.end();
    else this.reset();
    this.#toServer.clear();
    this.#server?.onEnd();
  }

  // --- the program's end ---

  write(data: Payload): boolean {
    const pieces = typeof data === "string" ? [data] : data;
    const bytes = Buffer.concat(
      pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece)),
    );
    if (!this.#clientOpen) return true;
    this.#underway += bytes.length;
    this.#toServer.send({ kind: "bytes", bytes });
    this.#waitsForDrain = this.#underway > this.#network.weather.highWater;
    return !this.#waitsForDrain;
  }

  destroy(): void {
    if (!this.#clientOpen) return;
    this.#toServer.send({ kind: "end" });
    this.#clientEnds(null);
  }

  // --- the server's end ---

  send(bytes: Buffer): void {
    if (!this.#serverOpen) return;
    const { splits } = this.#network.weather;
    for (let from = 0; from < bytes.length;) {
      const to = splits ? from + 1 + this.#random.below(Math.min(64, bytes.length - from)) : bytes.length;
      this.#toClient.send({ kind: "bytes", bytes: bytes.subarray(from, to) });
      from = to;
    }
  }

  end(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#toClient.send({ kind: "end" });
  }

  reset(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#toClient.clear();
    this.#toClient.send({ kind: "reset" });
  }

  // --- arrivals ---

  #atServer(item: Item): void {
    if (item.kind === "bytes") {
      this.#underway -= item.bytes.length;
      if (this.#serverOpen) this.#server?.onBytes(item.bytes);
      this.#drained();
    } else if (this.#serverOpen) {
      this.#serverOpen = false;
      this.#server?.onEnd();
    }
  }

  #drained(): void {
    if (!this.#waitsForDrain || this.#underway > 0) return;
    this.#waitsForDrain = false;
    this.#network.timeline.after(0, () => this.#clientOpen && this.#listener.onDrain(), true);
  }

  #atClient(item: Item): void {
    if (!this.#clientOpen) return;
    if (item.kind === "bytes") {
      // What is read lies in a buffer that the next read overwrites: whoever keeps a part of it reads rubbish.
      const chunk = Buffer.from(item.bytes);
      this.#listener.onData(chunk, chunk.length);
      chunk.fill(0x7e);
      return;
    }
    const error = item.kind === "end" ? null : Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    this.#clientEnds(error);
  }

  #clientEnds(error: Error | null): void {
    this.#clientOpen = false;
    this.#toClient.clear();
    this.#network.gone(this);
    this.#network.timeline.after(0, () => this.#listener.onClose(error), true);
  }
}

/** The links between programs and servers that exist on one timeline only. */
export class SimulatedNetwork {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather = { latency: [0.05, 0.5], splits: false, highWater: 64 * 1024 };
  /** Links that the program has open. */
  readonly links: Set<Link> = new Set();
  /** Addresses whose SYN is dropped: dialling them takes for ever. */
  readonly silent: Set<string> = new Set();
  /** Told of every attempt to connect, as it begins. */
  onDial: ((address: string) => void) | null = null;
  readonly #servers = new Map<string, (link: Link) => PeerListener>();
  #dialled = 0;

  constructor(timeline: Timeline, random: Random) {
    this.timeline = timeline;
    this.random = random;
  }

  /** Takes connections to `host:port`; null refuses them. */
  listen(address: string, accept: ((link: Link) => PeerListener) | null): void {
    if (accept === null) this.#servers.delete(address);
    else this.#servers.set(address, accept);
  }

  dialler(endpoint: Endpoint): Dialler {
    const address = "path" in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
    return { dial: (listener, signal) => this.#dial(address, listener, signal) };
  }

  gone(link: Link): void {
    this.links.delete(link);
  }

  #dial(address: string, listener: TransportListener, signal: AbortSignal): Promise<Transport> {
    return new Promise((resolve, reject) => {
      const id = ++this.#dialled;
      this.onDial?.(address);
      const [min, max] = this.weather.latency;
      const delay = this.random.fork(`dial ${id}`).between(2 * min, 2 * max);
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      if (signal.aborted) reject(signal.reason as Error);
      this.timeline.after(
        delay,
        () => {
          if (signal.aborted || this.silent.has(address)) return;
          const accept = this.#servers.get(address);
          if (accept === undefined) {
            reject(Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: "ECONNREFUSED" }));
            return;
          }
          const link = new Link(this, id, address, listener);
          this.links.add(link);
          link.serveBy(accept(link));
          resolve(link);
        },
        true,
      );
    });
  }
}
