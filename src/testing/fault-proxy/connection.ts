import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { ActiveFault } from "./fault.ts";
import { Flow, type FlowSource } from "./flow.ts";
import { asBytes, encodePush, FrameReader, isPush, NotResp, wordsOf } from "./frames.ts";
import type { FaultDirection } from "./options.ts";

/** The proxy, as its connections see it. */
export interface ConnectionHost {
  readonly target: NetConnectOpts;
  /** Whether what passes is RESP. */
  readonly knowsResp: boolean;
  /** All faults that were injected and are not over. */
  readonly faults: Iterable<ActiveFault>;
  forwarded(direction: FaultDirection, bytes: number): void;
  cutIsDue(fault: ActiveFault): void;
  connectionEnded(connection: ProxiedConnection): void;
}

const NONE: readonly ActiveFault[] = [];

/** A client's connection and the one to the server that belongs to it. */
export class ProxiedConnection implements FlowSource {
  readonly id: number;
  readonly ended: Promise<void>;
  readonly #host: ConnectionHost;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #toServer: Flow;
  readonly #toClient: Flow;
  readonly #commands = new FrameReader();
  readonly #replies = new FrameReader();
  /** The faults of each command whose reply is due, in order. */
  #due: (readonly ActiveFault[])[] = [];
  /** Whether the server is reached by a unix socket. */
  readonly #isLocal: boolean;
  #knowsResp: boolean;
  #replyMode: "on" | "off" | "skip" = "on";
  #mayHaveMessages = false;

  constructor(id: number, client: Socket, host: ConnectionHost) {
    this.id = id;
    this.#host = host;
    this.#client = client;
    this.#server = connect({ ...host.target, allowHalfOpen: true } as NetConnectOpts);
    this.#isLocal = "path" in host.target;
    this.#knowsResp = host.knowsResp;
    this.#toServer = new Flow(this, "toServer", this.#server);
    this.#toClient = new Flow(this, "toClient", client);
    this.ended = new Promise((resolve) => {
      for (const socket of this.#sockets) {
        socket.setNoDelay(true);
        socket.on("error", () => undefined);
        socket.on("close", (hadError) => {
          if (this.isOver) {
            resolve();
            host.connectionEnded(this);
          } else if (hadError) void this.#passFailure(socket);
        });
      }
    });
    this.#listen();
  }

  get isOver(): boolean {
    return this.#client.destroyed && this.#server.destroyed;
  }

  get faults(): Iterable<ActiveFault> {
    return this.#host.faults;
  }

  forwarded(direction: FaultDirection, bytes: number): void {
    this.#host.forwarded(direction, bytes);
  }

  cutIsDue(fault: ActiveFault): void {
    this.#host.cutIsDue(fault);
  }

  /** Ends both sides at once. */
  cut(reset: boolean): void {
    for (const socket of this.#sockets) {
      // Node leaks a socket that is reset while its end is on the way, and its process then never exits. A unix socket has no reset.
      if (reset && !socket.writableEnded && (socket === this.#client || !this.#isLocal)) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Ends one direction behind everything that is on its way. */
  halfClose(direction: FaultDirection): void {
    const [flow, to] =
      direction === "toServer" ? ([this.#toServer, this.#server] as const) : ([this.#toClient, this.#client] as const);
    flow.step(() => void to.end());
  }

  /** Forwards nothing, either way, until the fault is over. */
  stall(fault: ActiveFault): void {
    this.#toServer.hold(fault);
    this.#toClient.hold(fault);
  }

  /** Sends bytes to the client that the server did not send. */
  inject(bytes: Buffer): void {
    this.#toClient.send(bytes);
  }

  get #sockets(): readonly [Socket, Socket] {
    return [this.#client, this.#server];
  }

  /** A reset of one side reaches the other one, unless the link is dead. */
  async #passFailure(socket: Socket): Promise<void> {
    await (socket === this.#client ? this.#toServer : this.#toClient).calm();
    this.cut(false);
  }

  #listen(): void {
    this.#client.on("data", (chunk: Buffer) => this.#read(this.#commands, this.#toServer, chunk, this.#onCommand));
    this.#server.on("data", (chunk: Buffer) => this.#read(this.#replies, this.#toClient, chunk, this.#onReply));
    this.#client.on("end", () => this.#passEnd(this.#commands, this.#toServer, this.#server));
    this.#server.on("end", () => this.#passEnd(this.#replies, this.#toClient, this.#client));
  }

  #passEnd(reader: FrameReader, flow: Flow, to: Socket): void {
    const rest = reader.rest();
    if (rest.length > 0) flow.send(rest);
    flow.step(() => void to.end());
  }

  /** Forwards whole values; those that no fault is for go out together. `take` returns whether it has dealt with one. */
  #read(reader: FrameReader, flow: Flow, chunk: Buffer, take: (frame: Buffer, flush: () => void) => boolean): void {
    if (!this.#knowsResp) {
      flow.send(chunk);
      return;
    }
    reader.add(chunk);
    let plain: Buffer[] = [];
    const flush = (): void => {
      if (plain.length > 0) flow.send(plain.length === 1 ? (plain[0] as Buffer) : Buffer.concat(plain));
      plain = [];
    };
    try {
      for (let frame = reader.next(); frame !== undefined; frame = reader.next())
        if (!take(frame, flush)) plain.push(frame);
      flush();
    } catch (error) {
      if (!(error instanceof NotResp)) throw error;
      flush();
      this.#giveUpResp();
    }
  }

  /** From now on it only passes bytes. */
  #giveUpResp(): void {
    this.#knowsResp = false;
    this.#due = [];
    this.#toServer.send(this.#commands.rest());
    this.#toClient.send(this.#replies.rest());
  }

  readonly #onCommand = (frame: Buffer, flush: () => void): boolean => {
    const words = wordsOf(frame);
    const struck: ActiveFault[] = [];
    for (const fault of this.#host.faults)
      if (fault.isByCommand && fault.isActive && fault.isFor(this.id) && fault.strikes(words)) struck.push(fault);
    if (this.#expectsReply(words)) this.#due.push(struck.length === 0 ? NONE : struck);
    if (struck.length === 0) return false;
    flush();
    for (const fault of struck) {
      const { spec } = fault;
      if (spec.kind === "cut" && spec.options.at === "command") {
        this.#toServer.step(() => this.cut(spec.options.reset === true));
        return true;
      }
      if (spec.kind === "blackhole" && fault.isToward("toServer")) {
        this.#toServer.hold(fault);
        if (fault.isToward("toClient")) this.#toClient.hold(fault);
      }
    }
    this.#toServer.send(frame, toward(struck, "toServer"));
    for (const { spec } of struck)
      if (spec.kind === "halfClose" && spec.options.direction === "toServer") this.halfClose("toServer");
    return true;
  };

  readonly #onReply = (frame: Buffer, flush: () => void): boolean => {
    if (isPush(frame, this.#mayHaveMessages)) return false;
    const struck = this.#due.shift() ?? NONE;
    if (struck.length === 0) return false;
    flush();
    let reply = frame;
    for (const fault of struck) {
      const { spec } = fault;
      if (!fault.isActive || spec.kind === "swallow") {
        if (fault.isActive) return true;
      } else if (spec.kind === "cut") {
        this.#cutAt(reply, spec.options);
        return true;
      } else if (spec.kind === "corrupt") reply = inverted(reply, spec.options.offset ?? 0);
      else if (spec.kind === "push") this.inject(encodePush(spec.options.items));
      else if (spec.kind === "reply") this.inject(asBytes(spec.options.raw));
      else if (spec.kind === "blackhole" && fault.isToward("toClient")) this.#toClient.hold(fault);
    }
    this.#toClient.send(reply, toward(struck, "toClient"));
    for (const { spec } of struck)
      if (spec.kind === "halfClose" && spec.options.direction !== "toServer") this.halfClose("toClient");
    return true;
  };

  #cutAt(reply: Buffer, { at, reset = false }: { at?: string | undefined; reset?: boolean | undefined }): void {
    if (at === "mid-reply") this.#toClient.send(reply.subarray(0, Math.max(1, reply.length >> 1)));
    this.#toClient.step(async () => {
      // What came before arrives.
      if (!reset && !this.#client.destroyed) await new Promise<void>((resolve) => this.#client.end(resolve));
      this.cut(reset);
    });
  }

  #expectsReply(words: readonly string[]): boolean {
    const [name = "", second = "", mode = ""] = words.map((word) => word.toUpperCase());
    if (/^[PS]?(UN)?SUBSCRIBE$/.test(name)) {
      this.#mayHaveMessages = true;
      return false; // confirmed by messages
    }
    if (name === "CLIENT" && second === "REPLY") {
      if (mode === "ON") this.#replyMode = "on";
      else if (mode === "OFF") this.#replyMode = "off";
      else if (this.#replyMode === "on") this.#replyMode = "skip";
      return mode === "ON";
    }
    const expected = this.#replyMode === "on";
    if (this.#replyMode === "skip") this.#replyMode = "on";
    return expected;
  }
}

/** The faults that act on the bytes of a direction. */
function toward(faults: readonly ActiveFault[], direction: FaultDirection): ActiveFault[] {
  return faults.filter((fault) => fault.isToward(direction));
}

function inverted(reply: Buffer, offset: number): Buffer {
  const copy = Buffer.from(reply);
  const at = Math.min(offset, copy.length - 1);
  copy[at] = ~(copy[at] ?? 0) & 0xff;
  return copy;
}
