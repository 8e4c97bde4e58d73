import { addressOf, disagreed, tell } from "../group.ts";
import type { RunningServer } from "../server.ts";

/** A node's process with its cluster node id and the port of its bus. */
export type RunningNode = RunningServer & { readonly id: string; readonly busPort: number };

/** What one node tells of another, or of itself. */
export interface NodeEntry {
  readonly id: string;
  readonly flags: readonly string[];
  /** Of a replica: its primary's id. */
  readonly primary: string | undefined;
  readonly epoch: number;
  /** Such as `0-5460` or `7`. */
  readonly ranges: readonly string[];
}

/** What one node knows. */
export interface NodeView {
  readonly node: RunningNode;
  readonly self: NodeEntry;
  readonly entries: ReadonlyMap<string, NodeEntry>;
  readonly isOk: boolean;
  /** Whether it follows its primary; true of a primary. */
  readonly isLinked: boolean;
}

/** Asks a node for all that it knows. */
export async function lookAt(node: RunningNode): Promise<NodeView> {
  const replies = await tell(node, [
    ["CLUSTER", "NODES"],
    ["CLUSTER", "INFO"],
    ["INFO", "replication"],
  ]);
  const [nodes, cluster, replication] = replies.map(String);
  const entries = new Map(parseNodes(nodes ?? "").map((entry) => [entry.id, entry]));
  const self = entries.get(node.id);
  if (self === undefined) throw disagreed(`${addressOf(node)} does not know itself`);
  return {
    node,
    self,
    entries,
    isOk: (cluster ?? "").includes("cluster_state:ok"),
    isLinked: self.primary === undefined || (replication ?? "").includes("master_link_status:up"),
  };
}

function parseNodes(text: string): NodeEntry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    // id, address, flags, primary, ping sent, pong received, epoch, link, slots; "[…]" is a slot that is being moved
    const [id = "", , flags = "", primary = "-", , , epoch, , ...ranges] = line.split(" ");
    return {
      id,
      flags: flags.split(","),
      primary: primary === "-" ? undefined : primary,
      epoch: Number(epoch),
      ranges: ranges.filter((range) => !range.startsWith("[")),
    };
  });
}

export function ownsSlot(entry: NodeEntry, slot: number): boolean {
  return entry.ranges.some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first !== undefined && last !== undefined && slot >= first && slot <= last;
  });
}

/** What keeps these nodes from knowing all of `members`. */
export function notAcquainted(views: readonly NodeView[], members: readonly RunningNode[]): string | undefined {
  for (const { node, entries } of views) {
    for (const member of members) {
      const flags = entries.get(member.id)?.flags;
      if (flags === undefined) return `${addressOf(node)} does not know ${addressOf(member)}`;
      const trouble = flags.find((flag) => ["handshake", "noaddr", "fail", "fail?"].includes(flag));
      if (trouble !== undefined) return `${addressOf(node)} has ${addressOf(member)} as "${trouble}"`;
    }
  }
  return undefined;
}

/** What keeps these nodes, all that answer, from being a cluster that serves every slot. */
export function notSettled(views: readonly NodeView[]): string | undefined {
  if (views.length === 0) return "no node answers";
  const alive = new Set(views.map((view) => view.node.id));
  const stranger = notAcquainted(
    views,
    views.map((view) => view.node),
  );
  if (stranger !== undefined) return stranger;
  for (const view of views) {
    const address = addressOf(view.node);
    if (!view.isOk) return `${address} says cluster_state:fail`;
    const gone = [...view.entries.values()].find((entry) => entry.ranges.length > 0 && !alive.has(entry.id));
    if (gone !== undefined) return `${address} has ${gone.ranges.join(" ")} at ${gone.id}, which does not answer`;
    if (view.self.primary !== undefined && alive.has(view.self.primary) && !view.isLinked)
      return `${address} does not follow its primary yet`;
  }
  return notAgreed(views);
}

/** Which two of these nodes have different views of one of them: of its role, its primary or its slots. */
export function notAgreed(views: readonly NodeView[]): string | undefined {
  for (const { id } of views.map((view) => view.node)) {
    const texts = views.map((view) => roleText(view.entries.get(id)));
    const other = texts.findIndex((text) => text !== texts[0]);
    if (other === -1) continue;
    const [first] = views;
    const second = views[other];
    if (first === undefined || second === undefined) continue;
    return `${addressOf(first.node)} has ${id} as ${texts[0]}, ${addressOf(second.node)} as ${texts[other]}`;
  }
  return undefined;
}

function roleText(entry: NodeEntry | undefined): string {
  if (entry === undefined) return "unknown";
  return entry.primary === undefined ? `primary of ${entry.ranges.join(" ")}` : `replica of ${entry.primary}`;
}
