import { jsName, type BlockNode, type EnumNode, type ValueNode } from "./grammar.ts";
import { kindOf, refuseArgument, refuseCall } from "./refuse.ts";
import type { Arg } from "./spec.ts";

/** A command while its arguments are put together. */
export interface Draft {
  readonly command: string;
  readonly args: Arg[];
  /** The names of the options that were given. */
  readonly given: string[];
}

/** Sends one argument of the caller's. */
export type Put = (value: unknown, draft: Draft) => void;

/** Sends one value. */
export function putValue(label: string): Put {
  return (value, draft) => {
    if (!isArg(value)) refuseArgument(draft.command, label, "a string, Buffer or number", value);
    draft.args.push(value);
  };
}

/** Sends one of a few tokens, in whatever case it was given. */
export function putEnum(node: EnumNode, label: string): Put {
  return (value, draft) => {
    const wanted = typeof value === "string" ? value.toLowerCase() : null;
    const token = node.tokens.find((one) => one.toLowerCase() === wanted);
    if (token === undefined) refuseArgument(draft.command, label, node.tokens.join(" or "), value);
    draft.args.push(token);
  };
}

/** Sends pairs or triples: two values at a time may be an object or a Map. */
export function putTuples(node: BlockNode, label: string, mayBeEmpty: boolean): Put {
  const size = node.items.length;
  const puts = node.items.map((item) => putValue(`${label} ${jsName((item as ValueNode).name)}`));
  const expected = size === 2 ? "an object, a Map or an array of pairs" : `an array of arrays of ${size} values each`;
  return (value, draft) => {
    const rows = size === 2 ? pairsOf(value) : Array.isArray(value) ? (value as unknown[]) : null;
    if (rows === null) refuseArgument(draft.command, label, expected, value);
    if (rows.length === 0 && !mayBeEmpty) refuseCall(draft.command, label, `expected at least one, got none`);
    for (const row of rows) {
      if (!Array.isArray(row) || row.length !== size) refuseRow(draft.command, label, size, row);
    }
    if (node.columns) {
      for (const [column, put] of puts.entries()) for (const row of rows) put((row as unknown[])[column], draft);
    } else {
      for (const row of rows) for (const [column, put] of puts.entries()) put((row as unknown[])[column], draft);
    }
  };
}

function refuseRow(command: string, label: string, size: number, row: unknown): never {
  const got = Array.isArray(row) ? `${row.length}` : kindOf(row);
  return refuseCall(command, label, `expected arrays of ${size} values each, got ${got}`);
}

/** The pairs of an array, a Map or an object, not yet looked at; null for anything else. */
export function pairsOf(value: unknown): unknown[] | null {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null) return null;
  if (value instanceof Map) return [...value];
  return isBag(value) ? Object.entries(value) : null;
}

/** Whether it is an object that only holds named values. */
export function isBag(value: object): boolean {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  return !(value instanceof Map || value instanceof Set || value instanceof Date || value instanceof Promise);
}

/** Whether it can stand as an argument; the encoder looks at it once more. */
export function isArg(value: unknown): value is Arg {
  if (typeof value === "string") return true;
  if (typeof value === "number") return !Number.isNaN(value);
  return typeof value === "bigint" || value instanceof Uint8Array;
}
