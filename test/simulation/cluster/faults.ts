import type { SimulatedNode, SlotMigration } from "respool/testing";
import { FEW, few } from "../operations.ts";
import type { LinkFault } from "../link-faults.ts";
import type { Dice } from "../stage.ts";
import type { ClusterFault } from "./plan.ts";
import type { ClusterPlayer } from "./player.ts";

/** The nodes are many: a fault of one of them strikes whoever the dice say. */
type FaultMaker = (player: ClusterPlayer, dice: Dice, duration: number) => (() => void) | void;

/** How long a step of a migration waits for a node that is lost, ms. */
const PATIENCE = 50;
/** The longest that a slot is on its way while no node is lost, ms. */
const LONGEST_MOVE = 600;

function pick<T>(list: readonly T[], die: number | undefined): T | undefined {
  return list[Math.floor((die ?? 0) * list.length)];
}

/** One that is there. */
function present(player: ClusterPlayer, die: number | undefined): SimulatedNode | undefined {
  return pick(
    player.cluster.nodes.filter((node) => !player.cluster.isLost(node)),
    die,
  );
}

/** A primary that is there and has a replica to replace it. */
function replaceable(player: ClusterPlayer, die: number | undefined): SimulatedNode | undefined {
  const { cluster } = player;
  const isReady = (node: SimulatedNode): boolean => node.hears && !node.isOut && !cluster.isLost(node);
  return pick(
    cluster.primaries.filter((node) => isReady(node) && cluster.replicasOf(node).some(isReady)),
    die,
  );
}

const around = (slot: number): number[] => [slot - 1, slot, slot + 1].filter((each) => each >= 0 && each < 16_384);

/** Moves slots step by step, each step when both nodes are there. */
export async function move(
  player: ClusterPlayer,
  slots: readonly number[],
  to: SimulatedNode,
  duration: number,
): Promise<void> {
  const { cluster, stage } = player;
  const groups = new Map<SimulatedNode, number[]>();
  for (const slot of slots) {
    if (cluster.migrationOf(slot) !== undefined || cluster.ownerOf(slot) === to) continue;
    const from = cluster.ownerOf(slot);
    groups.set(from, [...(groups.get(from) ?? []), slot]);
  }
  const moves = [...groups].map(([from, own]) => cluster.moveSlots(own, from, to));
  const isReady = ({ from: { hears }, to: target }: SlotMigration): boolean => hears && target.hears;
  const later = (ms: number): Promise<void> => new Promise((resolve) => stage.world.timeline.after(ms, resolve, true));
  const ready = async (each: SlotMigration): Promise<void> => {
    while (!isReady(each)) await later(PATIENCE);
  };
  await Promise.all(
    moves.map(async (each) => {
      if (!isReady(each)) return;
      each.begin();
      player.moves(each.slots);
      for (const part of [0.3, 0.3]) {
        await later(duration * part);
        await ready(each);
        each.migrateKeys(1 + Math.floor(part * 8));
      }
      await later(duration * 0.4);
      await ready(each);
      each.finish();
      player.moves(each.slots);
      stage.tell(`     slots ${[...each.slots].slice(0, 4).join(" ")} are with ${to.id}`);
    }),
  );
}

function lose(player: ClusterPlayer, node: SimulatedNode, how: string): void {
  player.stage.tell(`     ${node.id}: ${how}`);
  player.lost(node);
}

/** A node that is lost is away for so long that it is replaced, or comes back before that. */
function away(player: ClusterPlayer, [, , share = 0]: Dice): number {
  const { detection, spread } = player.cluster;
  return player.plan.mood === "losses" ? detection + spread + 1200 : 50 + share * 2 * detection;
}

function loseOne(
  player: ClusterPlayer,
  dice: Dice,
  how: "crash" | "pause" | "cutOff",
  back: "restart" | "resume" | "rejoin",
): void {
  const { cluster } = player;
  const node = player.plan.mood === "losses" ? replaceable(player, dice[1]) : present(player, dice[1]);
  if (node === undefined) return;
  lose(player, node, how);
  cluster[how](node);
  player.later(away(player, dice), () => {
    player.stage.tell(`     ${node.id}: ${back}`);
    cluster[back](node);
  });
}

/** What each fault does; the function that it returns heals it. */
export const FAULTS: Readonly<Record<Exclude<ClusterFault, LinkFault>, FaultMaker>> = {
  reshard(player, [which, to, share = 0, many = 0]) {
    const { cluster } = player;
    const target = pick(cluster.primaries, to);
    if (target === undefined) return;
    // Up to all of the keys that are in use, and a slot or two beside each.
    const tags = Array.from({ length: 1 + Math.floor(many * FEW) }, (_, n) => (few(which) + n) % FEW);
    player.busyWith(move(player, tags.map((tag) => player.slotOf(tag)).flatMap(around), target, share * LONGEST_MOVE));
  },

  failover(player, [which, heir]) {
    const { cluster } = player;
    const primary = replaceable(player, which);
    if (primary === undefined) return;
    const ready = cluster.replicasOf(primary).filter((node) => node.hears && !node.isOut);
    cluster.failover(pick(ready, heir) as SimulatedNode);
  },

  join(player, [which, share = 0]) {
    const node = player.cluster.addNode();
    player.watch(node);
    // It gets slots when the others have heard of it.
    player.later(player.cluster.spread, () => {
      player.busyWith(move(player, around(player.slotOf(few(which))), node, share * LONGEST_MOVE));
    });
  },

  leave(player, [which, to, share = 0]) {
    const { cluster } = player;
    if (cluster.primaries.length < 3) return;
    const node = pick(cluster.primaries, which) as SimulatedNode;
    const others = cluster.primaries.filter((each) => each !== node);
    const target = pick(others, to) as SimulatedNode;
    player.busyWith(drain(player, node, target, share * LONGEST_MOVE));
  },

  crash: (player, dice) => loseOne(player, dice, "crash", "restart"),
  pause: (player, dice) => loseOne(player, dice, "pause", "resume"),
  cutOff: (player, dice) => loseOne(player, dice, "cutOff", "rejoin"),

  takeover(player, [which, share = 0]) {
    const { cluster } = player;
    const primary = replaceable(player, which);
    const [heir] = primary === undefined ? [] : cluster.replicasOf(primary).filter((node) => !cluster.isLost(node));
    if (primary === undefined || heir === undefined) return;
    lose(player, primary, "takeover");
    cluster.takeover(heir, share * cluster.detection);
  },

  kill(player, [share = 0]) {
    for (const { server } of player.cluster.nodes)
      for (const session of [...server.sessions.values()]) if ((session.id * 0.37) % 1 < share) server.end(session);
  },

  refuse(player, dice) {
    const { cluster } = player;
    const node = present(player, dice[1]);
    if (node === undefined) return undefined;
    player.stage.world.network.listen(node.server.address, null);
    return () => {
      if (!cluster.isLost(node)) node.server.start();
    };
  },

  silence(player, dice) {
    const { silent } = player.stage.world.network;
    const address = present(player, dice[1])?.server.address ?? "";
    silent.add(address);
    return () => {
      silent.delete(address);
    };
  },

  loading(player, dice) {
    const server = present(player, dice[1])?.server;
    if (server === undefined) return undefined;
    server.refusal = "LOADING Redis is loading the dataset in memory";
    return () => {
      server.refusal = null;
    };
  },

  full(player, [share = 0, which]) {
    const server = present(player, which)?.server;
    if (server === undefined) return undefined;
    server.maxClients = Math.floor(share * 4);
    return () => {
      server.maxClients = 10_000;
    };
  },

  invalidate(player) {
    for (const { server } of player.cluster.nodes) {
      for (const session of server.sessions.values()) {
        if (session.protocol !== 3) continue; // RESP2 has none
        session.push(["invalidate", ["somebody's key"]]);
        session.flush();
      }
    }
  },

  /** Two nodes name each other for a slot. */
  loop(player, [which, other]) {
    const { cluster } = player;
    const slot = player.slotOf(few(which));
    const one = cluster.ownerOf(slot);
    const two = pick(
      cluster.primaries.filter((node) => node !== one),
      other,
    );
    if (two === undefined) return undefined;
    const set = (first: SimulatedNode, second: SimulatedNode): void => {
      one.view.apply(({ owners }) => (owners[slot] = first));
      two.view.apply(({ owners }) => (owners[slot] = second));
    };
    set(two, one);
    return () => {
      const owner = cluster.ownerOf(slot);
      set(owner, owner);
    };
  },
};

/** All slots of a node go to another, its replicas too; then it is forgotten, and ends a while later. */
async function drain(
  player: ClusterPlayer,
  node: SimulatedNode,
  target: SimulatedNode,
  duration: number,
): Promise<void> {
  const { cluster } = player;
  const ranges = cluster.truth.rangesOf(node);
  const slots: number[] = [];
  for (let at = 0; at < ranges.length; at += 2)
    for (let slot = ranges[at] as number; slot <= (ranges[at + 1] as number); slot++) slots.push(slot);
  await move(player, slots, target, duration);
  player.later(2 * cluster.spread, () => {
    const isPlain = cluster.truth.members.get(node) === null && node.hears && target.hears;
    if (
      !isPlain ||
      cluster.isMigrating(node) ||
      cluster.truth.members.get(target) !== null ||
      cluster.truth.rangesOf(node).length > 0
    )
      return;
    for (const replica of cluster.replicasOf(node)) cluster.replicate(replica, target);
    cluster.forget(node);
    player.stage.tell(`     ${node.id} is forgotten`);
  });
}
