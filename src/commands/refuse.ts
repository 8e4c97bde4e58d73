import { OptionsError } from "../base/errors.ts";

/** Says what kind of value it is, never which: values do not belong into errors. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return "another string";
  if (typeof value !== "object") return Number.isNaN(value) ? "NaN" : `a ${typeof value}`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (value instanceof Uint8Array) return "a Buffer";
  if (value instanceof Promise) return "a Promise (is an await missing?)";
  return value instanceof Map ? "a Map" : "an object";
}

/**
 * Refuses an argument before anything is sent.
 *
 * @param command the command's name
 * @param what the argument's or option's name
 */
export function refuseArgument(command: string, what: string, expected: string, got: unknown): never {
  refuseCall(command, what, `expected ${expected}, got ${kindOf(got)}`);
}

/** Refuses a call as a whole. */
export function refuseCall(command: string, what: string, why: string): never {
  const option = what === "" ? command : `${command} ${what}`;
  throw new OptionsError(option, `${option}: ${why}`, { command });
}
