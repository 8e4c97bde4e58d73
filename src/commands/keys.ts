import type { Arg, CommandSpec, KeyPositions } from "./spec.ts";
import type { Request } from "./request.ts";

/** The keys of a command, in the order of the wire; channels of sharded Pub/Sub count, since they have a slot too. */
export function keysOf(request: Pick<Request, "spec" | "args">): Arg[] {
  return keysAmong(request.spec, request.args);
}

/** The keys among a command's flat arguments. */
export function keysAmong(spec: CommandSpec, args: readonly Arg[]): Arg[] {
  const keys: Arg[] = [];
  for (const positions of spec.keys) collect(positions, args, keys);
  return keys;
}

function collect(positions: KeyPositions, args: readonly Arg[], keys: Arg[]): void {
  switch (positions.at) {
    case "range": {
      const last = positions.last < 0 ? args.length + positions.last : positions.last;
      return take(args, positions.first, Math.min(last, args.length - 1), positions.step, keys);
    }
    case "count": {
      const count = Number(args[positions.count]);
      if (!(count > 0)) return;
      return take(args, positions.first, Math.min(positions.first + count, args.length) - 1, 1, keys);
    }
    case "keyword": {
      const at = findKeyword(positions, args);
      if (at === -1) return;
      if (!positions.many && !positions.half) return take(args, at + 1, Math.min(at + 1, args.length - 1), 1, keys);
      const rest = args.length - at - 1;
      return take(args, at + 1, at + (positions.half ? Math.floor(rest / 2) : rest), 1, keys);
    }
  }
}

function take(args: readonly Arg[], first: number, last: number, step: number, keys: Arg[]): void {
  for (let at = first; at <= last; at += step) {
    const key = args[at];
    // MIGRATE has an empty key where it names its keys behind KEYS.
    if (key !== undefined && key !== "") keys.push(key);
  }
}

/** A keyword is looked for behind the fixed arguments, so that a key of that name is not taken for it. */
function findKeyword(positions: KeyPositions & { at: "keyword" }, args: readonly Arg[]): number {
  const { keyword, from, fromEnd } = positions;
  if (fromEnd) {
    for (let at = args.length - 1; at >= from; at--) if (isWord(args[at], keyword)) return at;
    return -1;
  }
  for (let at = from; at < args.length; at++) if (isWord(args[at], keyword)) return at;
  return -1;
}

/** Whether an argument is this keyword, in whatever case. */
export function isWord(arg: Arg | undefined, keyword: string): boolean {
  return typeof arg === "string" && arg.length === keyword.length && arg.toUpperCase() === keyword;
}
