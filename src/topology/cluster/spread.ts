import { RedisError } from "../../base/errors.ts";
import { slotOf } from "../../commands/slot.ts";
import { inShape, type Request } from "../../commands/request.ts";
import type { Arg, CommandSpec } from "../../commands/spec.ts";
import { buildCall } from "../../commands/call.ts";
import { commandSpec } from "../../commands/table.ts";
import type { Reply } from "../../protocol/reply.ts";

/** One of the requests that do the work of another. */
export interface Share {
  readonly request: Request;
  /** Which keys of the whole it has, by their place; empty where it has no keys. */
  readonly places: readonly number[];
}

/** A request for a part of the work: its reply stays as the server gives it, for the parts are joined first. */
export function shareOf(whole: Request, args: readonly Arg[], places: readonly number[] = []): Share {
  const { name } = whole.spec;
  const command = commandSpec(name);
  return { request: (command === undefined ? buildCall(name, args) : command.buildFlat(args)).inherit(whole), places };
}

/** Splits a command whose arguments are keys, each with what belongs to it, by the slots of the keys. */
export function splitBySlot(whole: Request): Map<number, Share> {
  const step = stepOf(whole.spec);
  const groups = new Map<number, { args: Arg[]; places: number[] }>();
  for (let at = 0; at < whole.args.length; at += step) {
    const slot = slotOf(whole.args[at] as Arg);
    let group = groups.get(slot);
    if (group === undefined) groups.set(slot, (group = { args: [], places: [] }));
    group.args.push(...whole.args.slice(at, at + step));
    group.places.push(at / step);
  }
  return new Map([...groups].map(([slot, { args, places }]) => [slot, shareOf(whole, args, places)]));
}

/** How many arguments belong to one key: the key itself, and in MSET its value. */
function stepOf(spec: CommandSpec): number {
  const [keys] = spec.keys;
  return keys?.at === "range" ? keys.step : 1;
}

/**
 * Waits for all parts of a command and joins their replies as its facts say.
 *
 * @throws RedisError of a part that failed; its outcome tells of the whole command
 */
export async function join(
  whole: Request,
  shares: readonly Share[],
  sent: readonly Promise<unknown>[],
): Promise<unknown> {
  const settled = await Promise.allSettled(sent);
  const replies: Reply[] = [];
  let failed: PromiseRejectedResult | null = null;
  for (const result of settled) {
    if (result.status === "fulfilled") replies.push(result.value as Reply);
    // What may be true of one part must not be denied for the whole.
    else if (failed === null || mayHaveRun(result.reason)) failed = result;
  }
  const response = whole.spec.spread?.response ?? "";
  if (failed !== null && !(response === "one_succeeded" && replies.length > 0)) {
    throw partly(failed.reason, whole, replies.length, settled.length);
  }
  return inShape(whole, joined(response, whole, shares, replies));
}

function mayHaveRun(error: unknown): boolean {
  return error instanceof RedisError && error.outcome === "unknown";
}

/** Where other parts have run, the command has run in part. */
function partly(error: unknown, whole: Request, ran: number, all: number): unknown {
  if (!(error instanceof RedisError) || ran === 0 || whole.effect === "read") return error;
  error.outcome = "unknown";
  error.message += `; it was split over ${all} nodes or slots, and ${ran} of its parts were applied`;
  return error;
}

function joined(response: string, whole: Request, shares: readonly Share[], replies: readonly Reply[]): Reply {
  switch (response) {
    case "agg_sum":
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0);
    case "agg_min":
      return Math.min(...replies.map(Number));
    case "agg_max":
      return Math.max(...replies.map(Number));
    case "agg_logical_and":
      return eachOf(replies, (values) => Math.min(...values));
    case "agg_logical_or":
      return eachOf(replies, (values) => Math.max(...values));
    case "all_succeeded":
    case "one_succeeded":
      return replies[0] ?? null;
    default:
      return whole.spec.spread?.request === "multi_shard" ? inOrder(shares, replies) : (replies as Reply[][]).flat();
  }
}

function eachOf(replies: readonly Reply[], of: (values: number[]) => number): Reply {
  const lists = replies.map((reply) => (Array.isArray(reply) ? reply : [reply]).map(Number));
  return (lists[0] ?? []).map((_, index) => of(lists.map((list) => list[index] ?? 0)));
}

/** The elements of all replies, each in the place of its key. */
function inOrder(shares: readonly Share[], replies: readonly Reply[]): Reply {
  const all: Reply[] = [];
  for (const [index, { places }] of shares.entries())
    for (const [at, place] of places.entries()) all[place] = (replies[index] as Reply[])[at] ?? null;
  return all;
}
