import { createHash } from "node:crypto";
import { OptionsError, ServerError } from "../base/errors.ts";
import { validateObject } from "../base/validate.ts";
import { buildCall } from "../commands/call.ts";
import type { Request } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { Reply } from "../protocol/reply.ts";

/** What is known about a script. */
export interface ScriptOptions<T = Reply> {
  /** How many of the arguments are keys; default 0. */
  readonly keys?: number | undefined;
  /** Whether it only reads: then it is sent as EVALSHA_RO, and may be sent again after a loss. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Turns the reply into the function's result. */
  readonly reply?: ((reply: Reply) => T) | undefined;
}

/** A script as a function: keys first, then the other arguments; or two arrays. */
export type Script<T = Reply> = (
  ...input: readonly Arg[] | readonly [keys: readonly Arg[], args?: readonly Arg[]]
) => Promise<T>;

/**
 * Makes a function of a Lua script. It is sent by its hash, and whole only where the server does not know it yet.
 *
 * @throws OptionsError `ERR_OPTIONS` when the number of keys is not as declared; from the returned function
 */
export function makeScript<T>(
  lua: string,
  options: ScriptOptions<T>,
  run: (request: Request) => Promise<unknown>,
): Script<T> {
  if (typeof lua !== "string" || lua === "")
    throw new OptionsError("script", `the script must be Lua source, got ${typeof lua}`);
  validateObject("script options", options, ["keys", "readOnly", "reply"]);
  const keyCount = options.keys ?? 0;
  if (!Number.isInteger(keyCount) || keyCount < 0)
    throw new OptionsError("keys", `keys must be the number of the script's keys, got ${String(keyCount)}`);
  const hash = createHash("sha1").update(lua).digest("hex");
  const suffix = options.readOnly === true ? "_RO" : "";
  return async (...input): Promise<T> => {
    const [keys, args] = split(input, keyCount);
    const tail = [keys.length, ...keys, ...args];
    let reply: unknown;
    try {
      reply = await run(buildCall(`EVALSHA${suffix}`, [hash, ...tail]));
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== "NOSCRIPT") throw error;
      // The server did not run it, so sending it whole cannot run it twice.
      reply = await run(buildCall(`EVAL${suffix}`, [lua, ...tail]));
    }
    return options.reply === undefined ? (reply as T) : options.reply(reply as Reply);
  };
}

function split(input: readonly unknown[], keyCount: number): [readonly Arg[], readonly Arg[]] {
  const first = input[0];
  const [keys, args] = Array.isArray(first)
    ? [first as Arg[], (input[1] ?? []) as Arg[]]
    : [input.slice(0, keyCount) as Arg[], input.slice(keyCount) as Arg[]];
  if (keys.length !== keyCount)
    throw new OptionsError("keys", `the script was defined with ${keyCount} key(s), got ${keys.length}`);
  return [keys, args];
}
