import type { Peer } from "./network.ts";
import { CommandReader, encodePush, encodeReply, type WireReply } from "./wire.ts";

/** What a client waits for in BLPOP and its like. */
export interface Blocked {
  readonly keys: readonly string[];
  readonly db: number;
  readonly take: (key: string) => WireReply | undefined;
  readonly cancelTimer: () => void;
}

/** One connection as the server sees it. */
export class Session {
  readonly id: number;
  readonly peer: Peer;
  readonly input: CommandReader = new CommandReader();
  protocol: 2 | 3 = 2;
  db = 0;
  name = "";
  /** Commands between MULTI and EXEC; null outside. */
  queue: string[][] | null = null;
  /** A command in MULTI was refused: EXEC will be, too. */
  queueBroken = false;
  /** Watched keys as `db:key`, with their versions. */
  readonly watched: Map<string, number> = new Map();
  readonly channels: Set<string> = new Set();
  readonly patterns: Set<string> = new Set();
  answers: "on" | "off" | "skip" = "on";
  tracking = false;
  /** The next command, or the MULTI block that it begins, may use slots that are on their way to this node. */
  asking = false;
  /** A replica may answer reads of its primary's slots. */
  readsReplica = false;
  /** A command that waits because writes are paused. */
  postponed: string[] | null = null;
  blocked: Blocked | null = null;
  isOpen = true;
  /** A mistake of the server: the next reply comes twice, or never; null for none. */
  mistake: "twice" | "never" | null = null;
  /** Whether it has made one: commands and replies do not belong together any more. */
  mistaken = false;
  /** Replies that have not gone out. */
  unsent = 0;
  #output = "";

  constructor(id: number, peer: Peer) {
    this.id = id;
    this.peer = peer;
  }

  get subscriptions(): number {
    return this.channels.size + this.patterns.size;
  }

  /** Whether nothing of an earlier user is left in it. */
  get isPlain(): boolean {
    return (
      this.queue === null &&
      this.watched.size === 0 &&
      this.subscriptions === 0 &&
      this.answers === "on" &&
      !this.tracking &&
      this.blocked === null
    );
  }

  reset(): void {
    this.queue = null;
    this.queueBroken = false;
    this.watched.clear();
    this.channels.clear();
    this.patterns.clear();
    this.answers = "on";
    this.tracking = false;
    this.asking = false;
    this.readsReplica = false;
    this.db = 0;
    this.protocol = 2;
  }

  reply(reply: WireReply): void {
    const { mistake } = this;
    this.mistake = null;
    this.mistaken ||= mistake !== null;
    if (mistake === "never") return;
    const bytes = encodeReply(reply, this.protocol);
    this.#output += mistake === "twice" ? bytes + bytes : bytes;
    this.unsent++;
  }

  push(items: readonly WireReply[]): void {
    this.#output += encodePush(items, this.protocol);
  }

  /** Sends what has gathered, as a server does once per turn of its own event loop. */
  flush(): void {
    if (this.#output === "") return;
    const output = this.#output;
    this.#output = "";
    this.unsent = 0;
    this.peer.send(Buffer.from(output, "latin1"));
  }
}
