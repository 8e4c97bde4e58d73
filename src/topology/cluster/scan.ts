import { OptionsError } from "../../base/errors.ts";
import { slotOf, SLOTS } from "../../commands/slot.ts";
import type { Request } from "../../commands/request.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { ScanSource } from "../topology.ts";
import { shareOf } from "./spread.ts";

/** A cursor of the cluster is a node's cursor and the first slot of its shard. */
const SLOT_BITS = 14n;
const SLOT_MASK = (1n << SLOT_BITS) - 1n;

/**
 * One step of SCAN: over the nodes one behind the other, by a cursor that says on which it is.
 *
 * @param run runs a request on whoever owns a slot
 */
export async function scanStep(
  whole: Request,
  { firstSlots }: { readonly firstSlots: readonly number[] },
  run: (request: Request, slot: number) => Promise<unknown>,
): Promise<unknown> {
  const cursor = cursorOf(whole.args[0]);
  const slot = cursor === 0n ? (firstSlots[0] ?? 0) : Number(cursor & SLOT_MASK);
  const part = shareOf(whole, [String(cursor >> SLOT_BITS), ...whole.args.slice(1)]);
  const [next, keys] = (await run(part.request, slot)) as [Reply, Reply];
  const local = BigInt(String(next));
  if (local !== 0n) return [String((local << SLOT_BITS) | BigInt(slot)), keys];
  const following = firstSlots.find((first) => first > slot);
  return [following === undefined ? "0" : String(following), keys];
}

function cursorOf(arg: unknown): bigint {
  if (/^\d{1,24}$/.test(String(arg))) return BigInt(String(arg));
  throw new OptionsError("cursor", "SCAN was not sent: its cursor must be 0 or the one of the step before", {
    command: "SCAN",
  });
}

/** The cluster, as a scan of all its keys sees it. */
export interface ScanTarget {
  /** Who owns each slot, by its node's name; undefined for nobody. */
  ownerOf(slot: number): string | undefined;
  /** Brings the map up to date. */
  refresh(): Promise<void>;
  /** Runs a request on whoever owns a slot, also when it is sent again. */
  executeAt(slot: number, request: Request): Promise<unknown>;
}

/** Rounds after the first one, for slots that have changed hands meanwhile. */
const ROUNDS = 5;

/**
 * The primaries one behind the other; then again those that have got slots of others meanwhile, for these slots only, until nothing
 * has changed in between.
 */
export async function* scanSources(target: ScanTarget): AsyncGenerator<ScanSource> {
  let owners = ownersNow(target);
  let missing: ReadonlySet<number> | null = null;
  for (let round = 0; round <= ROUNDS; round++) {
    const mine = missing;
    for (const [node, own] of slotsByNode(owners, mine)) {
      // By a slot that it still has: another node cannot go on with its cursor.
      const slotOfNode = (): number => own.find((slot) => target.ownerOf(slot) === node) ?? (own[0] as number);
      yield {
        execute: (request) => target.executeAt(slotOfNode(), request),
        wants: (key) => mine === null || mine.has(slotOf(key)),
      };
    }
    await target.refresh();
    const now = ownersNow(target);
    const changed = new Set<number>();
    for (let slot = 0; slot < SLOTS; slot++) if (owners[slot] !== now[slot]) changed.add(slot);
    if (changed.size === 0) return;
    missing = changed;
    owners = now;
  }
}

/** The slots of each node, all or only `those`. */
function slotsByNode(
  owners: readonly (string | undefined)[],
  those: ReadonlySet<number> | null,
): ReadonlyMap<string, readonly number[]> {
  const nodes = new Map<string, number[]>();
  for (const slot of those ?? owners.keys()) {
    const node = owners[slot];
    if (node === undefined) continue;
    const slots = nodes.get(node);
    if (slots === undefined) nodes.set(node, [slot]);
    else slots.push(slot);
  }
  return nodes;
}

function ownersNow(target: ScanTarget): (string | undefined)[] {
  return Array.from({ length: SLOTS }, (_, slot) => target.ownerOf(slot));
}
