import type { ServerError } from "../base/errors.ts";
import type { Arg } from "./spec.ts";

const QUOTED = /(['"`])((?:(?!\1).)+)\1/gs;
/** Its first argument is the program's own source, and Lua's errors are of no use without what they quote of it. */
const SCRIPT = /^(EVAL|FUNCTION LOAD|SCRIPT LOAD)/;

// A hostile error must not cost more than its command: what is beyond is taken out without a look. Servers quote 128 characters at most.
/** Quotes that are compared with the arguments. */
const COMPARED = 16;
/** The longest of them, characters. */
const LONGEST = 256;
/** The most that is searched for them: the length of all arguments together. */
const SEARCHED = 64 * 1024;

/**
 * Puts the command's name on an error reply, and takes out what the server quotes of the command's arguments: they may be secrets.
 */
export function ownError(error: ServerError, request: { spec: { name: string }; args: readonly Arg[] }): ServerError {
  const { name } = request.spec;
  error.command = name;
  if (!/['"`]/.test(error.message)) return error;
  const args = SCRIPT.test(name) ? request.args.slice(1) : request.args;
  let quotes = lengthOf(args) > SEARCHED ? COMPARED : 0;
  error.message = error.message.replace(QUOTED, (whole: string, quote: string, text: string) => {
    if (text.length <= LONGEST && quotes++ < COMPARED) {
      if (!args.some((arg) => textOf(arg).includes(text))) return whole;
    } else if (isName(text, name)) {
      return whole;
    }
    return `${quote}…${quote}`;
  });
  return error;
}

/** Whether it is the command's own name, as servers write it: `config|set`. */
function isName(text: string, name: string): boolean {
  return text.length === name.length && text.toUpperCase().replace("|", " ") === name;
}

/** The argument as text; it may also be a view that is no Buffer, or a bigint. */
function textOf(arg: Arg): string {
  return ArrayBuffer.isView(arg) ? Buffer.from(arg.buffer, arg.byteOffset, arg.length).toString() : String(arg);
}

function lengthOf(args: readonly Arg[]): number {
  let length = 0;
  for (const arg of args) length += typeof arg === "string" || ArrayBuffer.isView(arg) ? arg.length : 1;
  return length;
}
