import type { ServerError } from "../base/errors.ts";
import type { Arg } from "./spec.ts";

const QUOTED = /(['"`])((?:(?!\1).)+)\1/gs;
/** Its first argument is the program's own source, and Lua's errors are of no use without what they quote of it. */
const SCRIPT = /^(EVAL|FUNCTION LOAD|SCRIPT LOAD)/;

/**
 * Puts the command's name on an error reply, and takes out what the server quotes of the command's arguments: they may be secrets.
 */
export function ownError(error: ServerError, request: { spec: { name: string }; args: readonly Arg[] }): ServerError {
  error.command = request.spec.name;
  if (!/['"`]/.test(error.message)) return error;
  const args = SCRIPT.test(request.spec.name) ? request.args.slice(1) : request.args;
  error.message = error.message.replace(QUOTED, (whole: string, quote: string, text: string) =>
    args.some((arg) => String(arg).includes(text)) ? `${quote}…${quote}` : whole,
  );
  return error;
}
