import { RedisError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";

/** How the refused commands of a pipeline are run again. */
export interface Repetition {
  /** Commands of different groups do not depend on each other: those of one server are one group, in a cluster those of a slot. */
  groupOf(part: Request): number;
  /** Whether a result tells that the same command may succeed now, or elsewhere. */
  isRepeatable(part: Request, result: unknown): boolean;
  repeat(part: Request, result: unknown): Promise<unknown>;
  /** Whether the time of the pipeline is up: what has not begun by then keeps its error. */
  isLate(): boolean;
}

/** What has to end before the next command of a group may begin. */
interface Turn {
  write: Promise<unknown>;
  readonly reads: Promise<unknown>[];
}

/**
 * Runs again what was refused, and puts the results into their places. A pipeline promises an order: so one write begins when what
 * stood before it has ended, and a write that a later one of its group has overtaken keeps its error.
 */
export async function repeatRefused(parts: readonly Request[], results: unknown[], how: Repetition): Promise<void> {
  // Nearly always nothing was.
  if (!parts.some((part, index) => how.isRepeatable(part, results[index]))) return;
  const turns = new Map<number, Turn>();
  const repeated: Promise<unknown>[] = [];
  for (const index of refused(parts, results, how)) {
    const part = parts[index] as Request;
    const group = how.groupOf(part);
    const turn = turns.get(group) ?? { write: Promise.resolve(), reads: [] };
    turns.set(group, turn);
    const isRead = part.effect === "read";
    const before = isRead ? turn.write : Promise.all([turn.write, ...turn.reads.splice(0)]);
    const again = before.then(async () => {
      if (!how.isLate()) results[index] = await how.repeat(part, results[index]);
    });
    if (isRead) turn.reads.push(again);
    else turn.write = again;
    repeated.push(again);
  }
  await Promise.all(repeated);
}

/** The places of those that are to be run again, in order. */
function refused(parts: readonly Request[], results: readonly unknown[], how: Repetition): number[] {
  const places: number[] = [];
  const overtaken = new Set<number>();
  for (let index = parts.length - 1; index >= 0; index--) {
    const part = parts[index] as Request;
    const result = results[index];
    const isRead = part.effect === "read";
    if (how.isRepeatable(part, result)) {
      if (isRead || !overtaken.has(how.groupOf(part))) places.push(index);
    } else if (!isRead && mayHaveRun(result)) {
      overtaken.add(how.groupOf(part));
    }
  }
  return places.reverse();
}

function mayHaveRun(result: unknown): boolean {
  return !(result instanceof RedisError) || result.outcome === "unknown";
}
