import type { KeyPositions } from "./spec.ts";

/** Where the time is that a command may block for. */
export interface BlockTime {
  /** Its position among the arguments, from the end where negative; or the keyword before it. */
  readonly at: number | string;
  /** How many ms its unit has. */
  readonly scale: number;
}

/**
 * One line of the generated table: name, effect and route (their first letters, `-` for no method), keys, arguments that a quick method
 * takes (-1: none), grammar, reply ("" where it needs no transform), block time, rules.
 */
export type Row = readonly [
  name: string,
  code: string,
  keys: readonly KeyPositions[],
  quick: number,
  grammar: string,
  reply: string,
  blocks: BlockTime | null,
  rules: string,
];
