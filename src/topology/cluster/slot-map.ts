import { nodeOf, resolveAddress } from "../../base/addresses.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import { SLOTS } from "../../commands/slot.ts";
import type { Reply, ReplyMap } from "../../protocol/reply.ts";

/** A primary with its replicas and its slots, as one node sees them. */
export interface Shard {
  readonly primary: TcpEndpoint;
  readonly replicas: readonly TcpEndpoint[];
  /** First and last slot of each range, one behind the other. */
  readonly ranges: readonly number[];
}

/** Makes an address absolute; null where it is not known. The host may be missing, which means that of the node that was asked. */
export type Locate = (host: Reply | undefined, port: Reply | undefined) => TcpEndpoint | null;

/**
 * Reads CLUSTER SHARDS. Shards without a slot, and nodes that have failed, are left out; a primary that has failed stays until another
 * one has its slots, and is still told as a primary then, before the other one as a rule.
 */
export function readShards(reply: unknown, locate: Locate, secure: boolean): Shard[] {
  const portField = secure ? "tls-port" : "port";
  const shards: Shard[] = [];
  for (const shard of listOf(reply)) {
    const ranges = listOf(fieldOf(shard, "slots")).map(Number);
    if (ranges.length === 0) continue;
    let primary: TcpEndpoint | null = null;
    let failed: TcpEndpoint | null = null;
    const replicas: TcpEndpoint[] = [];
    for (const node of listOf(fieldOf(shard, "nodes"))) {
      const place = locate(
        fieldOf(node, "endpoint") ?? fieldOf(node, "ip"),
        fieldOf(node, portField) ?? fieldOf(node, "port"),
      );
      if (place === null) continue;
      const hasFailed = String(fieldOf(node, "health")).startsWith("fail");
      if (fieldOf(node, "role") !== "master") {
        if (!hasFailed) replicas.push(place);
      } else if (hasFailed) failed ??= place;
      else primary ??= place;
    }
    primary ??= failed;
    if (primary !== null) shards.push({ primary, replicas, ranges });
  }
  return shards;
}

/** Reads CLUSTER SLOTS, which servers before Redis 7 have. */
export function readSlots(reply: unknown, locate: Locate): Shard[] {
  const shards = new Map<string, { primary: TcpEndpoint; replicas: TcpEndpoint[]; ranges: number[] }>();
  for (const range of listOf(reply)) {
    const [first, last, primary, ...replicas] = listOf(range);
    const place = locate(listOf(primary)[0], listOf(primary)[1]);
    if (place === null) continue;
    const name = nodeOf(place);
    const known = shards.get(name);
    if (known !== undefined) {
      known.ranges.push(Number(first), Number(last));
      continue;
    }
    const others = replicas.map((node) => locate(listOf(node)[0], listOf(node)[1])).filter((each) => each !== null);
    shards.set(name, { primary: place, replicas: others, ranges: [Number(first), Number(last)] });
  }
  return [...shards.values()];
}

/** Makes addresses absolute. `asked` is the node that gave the reply. */
export function locator(asked: TcpEndpoint, translate: (told: TcpEndpoint) => TcpEndpoint): Locate {
  return (host, port) => {
    const number = Number(port);
    if (!(number > 0) || number > 65_535) return null;
    // The name of a node that has none to tell.
    if (host === "?") return null;
    const text = host === null || host === undefined || host === "" ? asked.host : String(host);
    const told = addressOf(text, number);
    return told === null ? null : translate(told);
  };
}

/** null for what is no address: one that is wrong must not make the whole map useless. */
function addressOf(host: string, port: number): TcpEndpoint | null {
  try {
    return resolveAddress({ host, port }, port);
  } catch {
    return null;
  }
}

function listOf(reply: unknown): readonly Reply[] {
  return Array.isArray(reply) ? (reply as Reply[]) : [];
}

function fieldOf(reply: Reply, name: string): Reply | undefined {
  if (reply === null || typeof reply !== "object") return undefined;
  if (!Array.isArray(reply)) return (reply as ReplyMap)[name];
  // RESP2: names and values one behind the other.
  for (let at = 0; at + 1 < reply.length; at += 2) if (reply[at] === name) return reply[at + 1];
  return undefined;
}

/** Who owns each slot: an index into `shards`, −1 for nobody. */
export interface SlotMap {
  readonly shards: readonly Shard[];
  readonly owners: Int16Array;
}

/** The map of one view. */
export function slotMapOf(shards: readonly Shard[]): SlotMap {
  const owners = new Int16Array(SLOTS).fill(-1);
  for (const [index, { ranges }] of shards.entries())
    for (let at = 0; at + 1 < ranges.length; at += 2) owners.fill(index, ranges[at], (ranges[at + 1] as number) + 1);
  return { shards, owners };
}

/**
 * Joins the views of several nodes: each slot belongs to whom most of them name. Where they are even, the news wins: a node that
 * lags behind tells what is known already.
 *
 * @param known the owner of a slot as of now, by its node's name
 */
export function majority(views: readonly SlotMap[], known: (slot: number) => string | undefined): SlotMap {
  const [first] = views;
  if (first === undefined) return slotMapOf([]);
  const names = views.map((view) => view.shards.map(({ primary }) => nodeOf(primary)));
  if (
    views.length === 1 ||
    views.every((view, index) => isSame(first, names[0] as string[], view, names[index] as string[]))
  )
    return first;
  const shards = new Map<string, Shard & { ranges: number[] }>();
  for (let slot = 0; slot < SLOTS; slot++) {
    const winner = ownerOf(slot, views, names, known(slot));
    if (winner === null) continue;
    const [view, index] = winner;
    const name = (names[view] as string[])[index] as string;
    let shard = shards.get(name);
    if (shard === undefined) {
      const { primary, replicas } = (views[view] as SlotMap).shards[index] as Shard;
      shard = { primary, replicas, ranges: [] };
      shards.set(name, shard);
    }
    if (shard.ranges.at(-1) === slot - 1) shard.ranges[shard.ranges.length - 1] = slot;
    else shard.ranges.push(slot, slot);
  }
  return slotMapOf([...shards.values()]);
}

function isSame(a: SlotMap, namesOfA: readonly string[], b: SlotMap, namesOfB: readonly string[]): boolean {
  for (let slot = 0; slot < SLOTS; slot++)
    if (namesOfA[a.owners[slot] as number] !== namesOfB[b.owners[slot] as number]) return false;
  return true;
}

/** @returns the view that names the owner, and the shard's index in it; null when nobody owns the slot */
function ownerOf(
  slot: number,
  views: readonly SlotMap[],
  names: readonly (readonly string[])[],
  known: string | undefined,
): [view: number, index: number] | null {
  const votes = new Map<string, { count: number; view: number; index: number }>();
  for (const [view, { owners }] of views.entries()) {
    const index = owners[slot] as number;
    const name = names[view]?.[index];
    if (name === undefined) continue;
    const vote = votes.get(name);
    if (vote === undefined) votes.set(name, { count: 1, view, index });
    else vote.count++;
  }
  let best: { count: number; view: number; index: number } | null = null;
  for (const [name, vote] of votes)
    if (best === null || vote.count > best.count || (vote.count === best.count && name !== known)) best = vote;
  return best === null ? null : [best.view, best.index];
}
