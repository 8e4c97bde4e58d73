import { isArg } from "./put.ts";
import { kindOf, refuseCall } from "./refuse.ts";
import type { Request } from "./request.ts";
import type { Arg } from "./spec.ts";
import { Command, commandSpec } from "./table.ts";

/** A command's name: letters, digits and what modules and containers use, `FT.SEARCH`, `CONFIG GET`. */
const NAME = /^[\w.-]+( [\w.|-]+)?$/;

/**
 * Builds the request of any command from its flat arguments. A container's sub-command is the first argument or the
 * second word of the name. What the table does not know may run on a lane, and counts as accumulating.
 *
 * @param name in any case: `GET`, `config get`
 * @param args strings, Buffers and numbers
 * @throws OptionsError for a name or an argument that cannot be sent
 */
export function buildCall(name: string, args: readonly unknown[]): Request {
  if (typeof name !== "string" || !NAME.test(name)) {
    refuseCall("call", "name", `expected a command's name such as "GET" or "CONFIG GET", got ${kindOf(name)}`);
  }
  const upper = name.toUpperCase();
  for (const [index, arg] of args.entries()) {
    if (!isArg(arg)) {
      refuseCall(upper, `argument ${index + 1}`, `expected a string, Buffer or number, got ${kindOf(arg)}`);
    }
  }
  const flat = args as readonly Arg[];
  const known = commandSpec(upper);
  if (known === undefined && name.includes(" ")) {
    // "SELECT 1" is SELECT with an argument: what the table knows of a command must not depend on how it is written.
    const [container = "", second = ""] = name.split(" ");
    return buildCall(container, [second, ...args]);
  }
  const first = flat[0];
  if (typeof first === "string" || first instanceof Uint8Array) {
    const sub = commandSpec(`${upper} ${subcommand(first)}`);
    if (sub !== undefined) return sub.buildFlat(flat.slice(1));
  }
  return (known ?? unknownCommand(upper)).buildFlat(flat);
}

/** A first argument as the second word of a name; nothing that long is one. */
function subcommand(first: string | Uint8Array): string {
  if (first.length > 32) return "";
  return (typeof first === "string" ? first : Buffer.from(first).toString("latin1")).toUpperCase();
}

/** What makes a connection a replica's: answered by a stream or not at all, so never on a lane. */
const REPLICATION = new Set(["SYNC", "PSYNC", "REPLCONF"]);

/** Not kept: names may come from anywhere, and a cache of them would grow. */
function unknownCommand(name: string): Command {
  return new Command([name, REPLICATION.has(name) ? "al" : "as", [], -1, "", "", null, ""]);
}
