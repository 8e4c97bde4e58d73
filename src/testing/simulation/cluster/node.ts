import type { SimulatedServer } from "../server.ts";
import type { Session } from "../session.ts";
import type { Timeline } from "../timeline.ts";
import { Failure, OK, type WireReply } from "../wire.ts";
import { isWrite, keysOf, slotOf } from "./slots.ts";
import type { ClusterView } from "./view.ts";

/** The cluster as one of its nodes knows it. */
export type NodeView = ClusterView<SimulatedNode>;
/** What has changed in a cluster; each node hears of it in its own time. */
export type Change = (view: NodeView) => void;

/** The cluster, as its nodes see it. */
export interface Membership {
  /** Between whom a slot is handed over. */
  migrationOf(slot: number): { readonly from: SimulatedNode; readonly to: SimulatedNode } | undefined;
  /** A node has answered in place of its server. */
  answered(answer: string, node: SimulatedNode, command: readonly string[]): void;
}

const CLUSTER_DOWN = new Failure("CLUSTERDOWN The cluster is down");
const NOT_SERVED = new Failure("CLUSTERDOWN Hash slot not served");
const CROSS_SLOT = new Failure("CROSSSLOT Keys in request don't hash to the same slot");
const TRY_AGAIN = new Failure("TRYAGAIN Multiple keys request during rehashing of slot");
const READ_ONLY = new Failure("READONLY You can't write against a read only replica.");
const UNBLOCKED = new Failure(
  "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/** A server in a cluster: it has its own view of the cluster, and answers by that. */
export class SimulatedNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly server: SimulatedServer;
  /** What it knows, which may be old. */
  readonly view: NodeView;
  /** Whether it serves no slot although its view may say so: it is in the minority, or has just come back. */
  isOut = false;
  readonly #timeline: Timeline;
  readonly #cluster: Membership;
  readonly #news: Change[] = [];
  #hears = true;
  #writesPaused = false;

  /** @internal */
  constructor(server: SimulatedServer, id: string, view: NodeView, timeline: Timeline, cluster: Membership) {
    const [host = "", port = ""] = server.address.split(":");
    this.id = id;
    this.host = host;
    this.port = Number(port);
    this.server = server;
    this.view = view;
    this.#timeline = timeline;
    this.#cluster = cluster;
    server.gate = this;
  }

  /** Its primary, by its own word; null for a primary. */
  get primary(): SimulatedNode | null {
    return this.view.members.get(this) ?? null;
  }

  // --- what it hears ---

  /** Whether it hears from the others; what it has missed comes at once when it does again. */
  get hears(): boolean {
    return this.#hears;
  }

  set hears(hears: boolean) {
    this.#hears = hears;
    if (hears) while (this.#news.length > 0) this.#learn();
  }

  /** @internal Hears of a change, later and in order. */
  hear(change: Change, delay: number): void {
    this.#news.push(change);
    if (delay <= 0 && this.#hears) while (this.#news.length > 0) this.#learn();
    else this.#timeline.after(delay, () => this.#hears && this.#learn(), false);
  }

  #learn(): void {
    const change = this.#news.shift();
    if (change === undefined) return;
    const { primary: before } = this;
    this.view.apply(change);
    const { primary } = this;
    if (primary !== null) this.server.takeData(primary.server, "share");
    if (before === null && primary !== null) this.#demoted();
    else this.recheckBlocked();
  }

  #demoted(): void {
    for (const session of [...this.server.sessions.values()]) {
      if (session.blocked === null) continue;
      this.server.unblock(session, UNBLOCKED);
      this.server.end(session);
    }
    this.pauseWrites(false);
  }

  /** @internal Sends on who is blocked on a key that is served elsewhere. */
  recheckBlocked(): void {
    for (const session of [...this.server.sessions.values()]) {
      const [key] = session.blocked?.keys ?? [];
      if (key === undefined) continue;
      const slot = slotOf(key);
      const { [slot]: owner } = this.view.owners;
      if (this.#isDown) this.server.unblock(session, CLUSTER_DOWN);
      else if (owner !== this && this.#cluster.migrationOf(slot)?.to !== this)
        this.server.unblock(session, this.#moved(slot));
    }
  }

  /** @internal Holds writes back, as CLIENT PAUSE WRITE does. */
  pauseWrites(on: boolean): void {
    this.#writesPaused = on;
    if (!on) this.server.serveAll();
  }

  // --- commands ---

  /** @internal */
  holds([word = ""]: readonly string[], session: Session): boolean {
    if (!this.#writesPaused) return false;
    const name = word.toUpperCase();
    if (name === "EXEC")
      return session.queue !== null && session.queue.some(([own = ""]) => isWrite(own.toUpperCase()));
    return session.queue === null && isWrite(name);
  }

  /** @internal */
  answer(name: string, args: readonly string[], session: Session): WireReply | undefined {
    const answer = this.#answer(name, args, session);
    if (answer !== undefined)
      this.#cluster.answered(answer instanceof Failure ? answer.text : name, this, [name, ...args]);
    return answer;
  }

  #answer(name: string, args: readonly string[], session: Session): WireReply | undefined {
    if (name === "ASKING") {
      session.asking = true;
      return OK;
    }
    const { asking } = session;
    if (name === "EXEC" || (name !== "MULTI" && session.queue === null)) session.asking = false;
    if (name === "CLUSTER") return this.#tell(args);
    if (name === "READONLY" || name === "READWRITE") {
      session.readsReplica = name === "READONLY";
      return OK;
    }
    if (name === "FLUSHALL" && this.primary !== null) return READ_ONLY;
    if (name === "EXEC") return this.#judgeQueue(asking, session);
    return this.#judge(keysOf(name, args), !isWrite(name), asking, session);
  }

  #judgeQueue(asking: boolean, session: Session): Failure | undefined {
    const queue = (session.queue ?? []).map(([word = "", ...own]) => ({ name: word.toUpperCase(), args: own }));
    const reads = !queue.some((command) => isWrite(command.name));
    return this.#judge(
      queue.flatMap((command) => keysOf(command.name, command.args)),
      reads,
      asking,
      session,
    );
  }

  get #isDown(): boolean {
    return this.isOut || !this.view.isWhole;
  }

  /** The rules of the cluster specification, "Redirection and resharding": an error, or undefined for what it serves itself. */
  #judge(keys: readonly string[], reads: boolean, asking: boolean, session: Session): Failure | undefined {
    const [first] = keys;
    if (first === undefined) return undefined;
    const slot = slotOf(first);
    if (keys.some((key) => slotOf(key) !== slot)) return CROSS_SLOT;
    if (this.#isDown) return CLUSTER_DOWN;
    const owner = this.view.owners[slot];
    const move = this.#cluster.migrationOf(slot);
    const missing = keys.filter((key) => !this.server.database(0).has(key)).length;
    if (owner === this) {
      // One that has been replaced and has not heard of it still knows that the slot is on its way.
      if (move === undefined || move.to === this || missing === 0) return undefined;
      return missing < new Set(keys).size ? TRY_AGAIN : new Failure(`ASK ${slot} ${move.to.server.address}`);
    }
    if (asking && move?.to === this) return missing > 0 && keys.length > 1 ? TRY_AGAIN : undefined;
    if (session.readsReplica && reads && owner !== undefined && owner === this.primary) return undefined;
    return this.#moved(slot);
  }

  #moved(slot: number): Failure {
    const owner = this.view.owners[slot] ?? null;
    return owner === null ? NOT_SERVED : new Failure(`MOVED ${slot} ${owner.server.address}`);
  }

  #tell([word = ""]: readonly string[]): WireReply {
    switch (word.toUpperCase()) {
      case "SHARDS":
        return this.view.shards();
      case "SLOTS":
        return this.view.slots();
      case "MYID":
        return this.id;
      default:
        return new Failure(`ERR unknown subcommand '${word}'. Try CLUSTER HELP.`);
    }
  }
}
