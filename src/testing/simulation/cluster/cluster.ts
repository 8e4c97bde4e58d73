import type { SimulatedNetwork } from "../network.ts";
import type { Random } from "../random.ts";
import { SimulatedServer } from "../server.ts";
import { SlotMigration } from "./migration.ts";
import { SimulatedNode, type Change, type NodeView } from "./node.ts";
import { SLOTS } from "./slots.ts";
import { ClusterView } from "./view.ts";

/** What a simulated cluster is like. Times in ms. */
export interface SimulatedClusterOptions {
  /** Default 3; they share the slots evenly. */
  readonly primaries?: number | undefined;
  /** Of each primary. Default 1. */
  readonly replicas?: number | undefined;
  /** The host of all nodes, whose ports are 7001, 7002 …. Default `cluster`. */
  readonly host?: string | undefined;
  /** After so long a primary that is lost is replaced by a replica; half of it after, the cluster is down. Default 1000. */
  readonly detection?: number | undefined;
  /** The longest time until a node hears of a change. Default 100. */
  readonly spread?: number | undefined;
}

const FIRST_PORT = 7001;
/** Whoever moves slots tells the old owner so much later than the new one, ms. */
const SECOND_STEP = 5;

/** How a node is lost to the others, with what a replica that takes over has of its data. */
const LOST = { crash: "share", cut: "copy" } as const;

/**
 * A cluster of simulated servers. Replicas never lag, so what was acknowledged is lost only where two primaries serve the same slots
 * for a while: after a takeover, and when a primary is cut off from the others.
 */
export class SimulatedCluster {
  readonly nodes: SimulatedNode[] = [];
  /** How it really is, of which each node hears later. */
  readonly truth: NodeView = new ClusterView();
  /** Told of every command that the cluster answers in place of a server: an error's text, else the command's name. */
  onAnswer: ((answer: string, node: SimulatedNode, command: readonly string[]) => void) | null = null;
  /** When anything was different for the last time, ms. */
  changedAt = 0;
  readonly detection: number;
  readonly spread: number;
  /** Those that are gone, with the time since when, ms. */
  readonly lost: Map<SimulatedNode, number> = new Map();
  readonly #network: SimulatedNetwork;
  readonly #random: Random;
  readonly #host: string;
  readonly #moves = new Map<number, SlotMigration>();
  #nextPort = FIRST_PORT;

  constructor(network: SimulatedNetwork, random: Random, options: SimulatedClusterOptions = {}) {
    const { primaries = 3, replicas = 1, host = "cluster", detection = 1000, spread = 100 } = options;
    this.#network = network;
    this.#random = random;
    this.#host = host;
    this.detection = detection;
    this.spread = spread;
    const firsts = Array.from({ length: primaries }, () => this.addNode());
    for (const primary of firsts) for (let n = 0; n < replicas; n++) this.addNode(primary);
    this.#tell((view) => {
      for (let slot = 0; slot < SLOTS; slot++)
        view.owners[slot] = firsts[Math.floor((slot * primaries) / SLOTS)] as SimulatedNode;
    }, this.nodes);
  }

  // --- who is there ---

  /** Primaries that own slots. */
  get primaries(): SimulatedNode[] {
    return this.nodes.filter((node) => this.truth.rangesOf(node).length > 0);
  }

  replicasOf(primary: SimulatedNode): SimulatedNode[] {
    return this.truth.replicasOf(primary);
  }

  ownerOf(slot: number): SimulatedNode {
    return this.truth.owners[slot] as SimulatedNode;
  }

  isLost(node: SimulatedNode): boolean {
    return this.lost.has(node);
  }

  /** Whether all nodes are there, see the same, and no slot is on its way. */
  get isSettled(): boolean {
    return (
      this.lost.size === 0 &&
      this.#moves.size === 0 &&
      this.nodes.every(({ isOut, hears, view }) => hears && !isOut && isSame(view, this.truth))
    );
  }

  /** A node joins, without slots, or as a replica. */
  addNode(primary: SimulatedNode | null = null): SimulatedNode {
    const port = this.#nextPort++;
    const server = new SimulatedServer(this.#network, `${this.#host}:${port}`);
    const node = new SimulatedNode(server, `node ${port}`, new ClusterView(this.truth), this.#network.timeline, this);
    if (primary !== null) server.takeData(primary.server, "share");
    this.nodes.push(node);
    this.#tell((view) => view.members.set(node, primary), [node]);
    return node;
  }

  /** CLUSTER FORGET on all others, for a node without slots; it runs on, and is not told. */
  forget(node: SimulatedNode): void {
    if (this.truth.rangesOf(node).length > 0 || this.isMigrating(node) || this.replicasOf(node).length > 0)
      throw new RangeError(`expected a node without slots and replicas, got ${node.id}`);
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.#tell((view) => view.members.delete(node));
  }

  /** CLUSTER REPLICATE: a node without slots becomes a replica. */
  replicate(node: SimulatedNode, primary: SimulatedNode): void {
    this.#tell((view) => view.members.set(node, primary), [node]);
  }

  // --- slots ---

  /** Prepares to move slots of one primary to another. */
  moveSlots(slots: Iterable<number>, from: SimulatedNode, to: SimulatedNode): SlotMigration {
    return new SlotMigration(this, slots, from, to);
  }

  /** Whether slots are on their way from or to a node. */
  isMigrating(node: SimulatedNode): boolean {
    return [...this.#moves.values()].some(({ from, to }) => from === node || to === node);
  }

  migrationOf(slot: number): SlotMigration | undefined {
    return this.#moves.get(slot);
  }

  /** @internal */
  answered(answer: string, node: SimulatedNode, command: readonly string[]): void {
    this.onAnswer?.(answer, node, command);
  }

  /** @internal */
  opened(move: SlotMigration): void {
    if ([...move.slots].some((slot) => this.#moves.has(slot)))
      throw new RangeError("expected slots that are not on their way already");
    for (const slot of move.slots) this.#moves.set(slot, move);
  }

  /** @internal */
  finished(move: SlotMigration): void {
    const { slots, to } = move;
    const change: Change = (view) => {
      for (const slot of slots) view.owners[slot] = to;
    };
    // As the tools do: first the new owner, then the old one, for which the slots stay open until it has heard.
    this.#tell(change, [to]);
    this.#endLater(move);
  }

  /** The slots stay open for as long as anybody else holds them for his own. */
  #endLater(move: SlotMigration): void {
    this.#after(this.#random.between(0, SECOND_STEP), () => {
      const { slots, from, to } = move;
      if (from.hears) from.hear(() => {}, 0);
      const [first = 0] = slots;
      if (this.nodes.some((node) => node !== to && node.hears && node.view.owners[first] === node))
        this.#endLater(move);
      else for (const slot of slots) this.#moves.delete(slot);
    });
  }

  // --- failover ---

  /** CLUSTER FAILOVER: writes are paused until the replica has taken over; nothing is lost. */
  failover(replica: SimulatedNode): void {
    const primary = this.truth.members.get(replica) ?? null;
    if (primary === null || this.isLost(primary) || this.isLost(replica)) return;
    primary.pauseWrites(true);
    this.#after(this.#random.between(1, this.spread), () => {
      const isStill = this.truth.members.get(replica) === primary && !this.isLost(primary) && !this.isLost(replica);
      if (isStill) this.#promote(replica, primary, "share");
      // It goes on as a replica as soon as it hears; otherwise after a while.
      this.#after(2 * this.spread, () => primary.pauseWrites(false));
    });
  }

  /** CLUSTER FAILOVER TAKEOVER: the old primary serves on, in vain, until it hears of it after so many ms. */
  takeover(replica: SimulatedNode, unaware: number): void {
    const primary = this.truth.members.get(replica) ?? null;
    if (primary === null || this.isLost(replica)) return;
    if (!this.isLost(primary)) {
      primary.hears = false;
      this.#after(unaware, () => {
        if (!this.isLost(primary)) primary.hears = true;
      });
    }
    this.#promote(replica, primary, "copy");
  }

  /** As SIGKILL; a replica takes over after the detection time. */
  crash(node: SimulatedNode): void {
    node.server.crash();
    this.#lose(node, LOST.crash);
  }

  /** It comes back, and serves nothing before it has heard of what has happened. */
  restart(node: SimulatedNode): void {
    node.server.start();
    node.isOut = true;
    this.#find(node);
  }

  /** The others do not hear of the node any more, nor it of them: they replace it, and it stops to serve soon after. */
  cutOff(node: SimulatedNode): void {
    this.#lose(node, LOST.cut);
    this.#whileLost(node, this.detection / 2, () => {
      node.isOut = true;
      node.recheckBlocked();
    });
  }

  rejoin(node: SimulatedNode): void {
    this.#find(node);
  }

  /** As SIGSTOP, for the others as good as gone. */
  pause(node: SimulatedNode): void {
    node.server.pause();
    this.#lose(node, LOST.cut);
  }

  /** It goes on where it stood, and hears of what has happened a little later. */
  resume(node: SimulatedNode): void {
    node.server.resume();
    this.#find(node);
  }

  // --- how it goes ---

  #lose(node: SimulatedNode, data: "share" | "copy"): void {
    if (this.isLost(node)) return;
    this.lost.set(node, this.#network.timeline.now());
    node.hears = false;
    this.#whileLost(node, this.detection / 2, () => this.#tell((view) => view.failed.add(node)));
    this.#whileLost(node, this.detection, () => {
      const heir = this.replicasOf(node).find((replica) => !this.isLost(replica));
      if (heir !== undefined) this.#promote(heir, node, data);
    });
  }

  #find(node: SimulatedNode): void {
    this.lost.delete(node);
    this.#after(this.#random.between(1, this.spread), () => {
      if (this.isLost(node)) return;
      node.hears = true;
      node.isOut = false;
      if (this.truth.failed.has(node)) this.#tell((view) => view.failed.delete(node), [node]);
    });
  }

  #whileLost(node: SimulatedNode, delay: number, then: () => void): void {
    const since = this.lost.get(node);
    this.#after(delay, () => {
      if (this.lost.get(node) === since) then();
    });
  }

  #promote(heir: SimulatedNode, old: SimulatedNode, data: "share" | "copy"): void {
    if (data === "copy") heir.server.takeData(old.server, "copy");
    const heirs = this.replicasOf(old).filter((node) => node !== heir);
    const slots: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) if (this.truth.owners[slot] === old) slots.push(slot);
    for (const move of new Set(this.#moves.values())) {
      if (move.from === old) move.from = heir;
      if (move.to === old) move.to = heir;
    }
    this.#tell(
      (view) => {
        for (const slot of slots) view.owners[slot] = heir;
        view.members.set(heir, null);
        for (const node of [old, ...heirs]) view.members.set(node, heir);
      },
      [heir],
    );
  }

  /** All hear of a change: the `first` at once, the others later. */
  #tell(change: Change, first: readonly SimulatedNode[] = []): void {
    this.truth.apply(change);
    this.changedAt = this.#network.timeline.now();
    for (const node of this.nodes) node.hear(change, first.includes(node) ? 0 : this.#random.between(0, this.spread));
  }

  #after(delay: number, callback: () => void): void {
    this.#network.timeline.after(delay, callback, false);
  }
}

function isSame(one: NodeView, other: NodeView): boolean {
  return (
    one.failed.size === other.failed.size &&
    one.members.size === other.members.size &&
    [...other.members].every(([node, primary]) => one.members.get(node) === primary) &&
    one.owners.every((owner, slot) => owner === other.owners[slot])
  );
}
