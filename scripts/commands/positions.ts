import type { ArgumentNode, BlockNode, OptionalNode, ValueNode } from "../../src/commands/grammar.ts";
import type { KeyPositions } from "../../src/commands/spec.ts";

/** Where the walk through the arguments is. */
interface Walk {
  /** The position from the start; null once it depends on what is given. */
  at: number | null;
  /** The position of a count that was just passed. */
  count: number | null;
  /** How many fixed arguments there are before anything optional. */
  fixed: number;
  readonly keys: KeyPositions[];
}

/** Derives the key positions from the grammar, where keys are marked. */
export function keyPositions(nodes: readonly ArgumentNode[]): KeyPositions[] {
  const walk: Walk = { at: 0, count: null, fixed: 0, keys: [] };
  for (const [index, node] of nodes.entries()) visit(node, nodes.length - index - 1, walk);
  return walk.keys;
}

function visit(node: ArgumentNode, behind: number, walk: Walk): void {
  switch (node.kind) {
    case "count":
      walk.count = walk.at;
      return advance(walk, 1);
    case "value":
      return visitValue(node, behind, walk);
    case "enum":
      return node.many ? advance(walk, null) : advance(walk, 1);
    case "block":
      return visitBlock(node, walk);
    case "token":
      advance(walk, 1);
      if (node.argument?.kind === "block" && node.argument.columns) {
        walk.keys.push(
          keyword(node.token, (walk.at ?? walk.fixed + 1) - 1, { fromEnd: false, many: true, half: true }),
        );
      } else if (node.argument !== null) {
        visit(node.argument, behind, walk);
      }
      return;
    case "optional":
    case "choice":
      return visitOptions(node, walk);
  }
}

function visitValue(node: ValueNode, behind: number, walk: Walk): void {
  const isKey = node.type === "key" || node.type === "shard";
  if (isKey && walk.at !== null) {
    if (!node.many) walk.keys.push({ at: "range", first: walk.at, last: walk.at, step: 1 });
    else if (walk.count !== null) walk.keys.push({ at: "count", count: walk.count, first: walk.at });
    else walk.keys.push({ at: "range", first: walk.at, last: -1 - behind, step: 1 });
  } else if (isKey) {
    throw new Error(`cannot tell where ${node.name} is`);
  }
  walk.count = null;
  advance(walk, node.many ? null : 1);
}

function visitBlock(node: BlockNode, walk: Walk): void {
  if (walk.at !== null && node.many) {
    for (const [index, item] of node.items.entries()) {
      if (item.kind !== "value" || item.type !== "key") continue;
      walk.keys.push({ at: "range", first: walk.at + index, last: -1, step: node.items.length });
    }
  }
  advance(walk, null);
}

/** Keys behind a token can be anywhere behind the fixed arguments. */
function visitOptions(node: ArgumentNode, walk: Walk): void {
  if (node.kind === "optional" && isRepeatingKey(node)) {
    visitValue(node.items[0] as ValueNode, 0, walk);
    return;
  }
  for (const item of tokensIn(node)) {
    if (item.argument?.kind === "value" && item.argument.type === "key") {
      walk.keys.push(
        keyword(item.token, walk.fixed, { fromEnd: !item.argument.many, many: item.argument.many, half: false }),
      );
    }
  }
  walk.at = null;
}

function isRepeatingKey(node: OptionalNode): boolean {
  const only = node.items[0];
  return only?.kind === "value" && only.many && (only.type === "key" || only.type === "shard");
}

function tokensIn(node: ArgumentNode): (ArgumentNode & { kind: "token" })[] {
  if (node.kind === "token") return [node];
  if (node.kind === "optional") return node.items.flatMap((item) => tokensIn(item));
  return node.kind === "choice" ? node.alternatives.flat().flatMap((item) => tokensIn(item)) : [];
}

function keyword(token: string, from: number, how: { fromEnd: boolean; many: boolean; half: boolean }): KeyPositions {
  return { at: "keyword", keyword: token, from, ...how };
}

function advance(walk: Walk, by: number | null): void {
  walk.at = walk.at === null || by === null ? null : walk.at + by;
  if (walk.at !== null) walk.fixed = walk.at;
}

/** Where the block time is: its position from the start or from the end, or the keyword before it. */
export function blockPosition(nodes: readonly ArgumentNode[], argument: string): number | string {
  const index = nodes.findIndex((node) => node.kind === "value" && node.name === argument);
  if (index === -1) return argument.toUpperCase();
  const variable = nodes.slice(0, index).some((node) => node.kind === "value" && node.many);
  return variable ? index - nodes.length : index;
}
