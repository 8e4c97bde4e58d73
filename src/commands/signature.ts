import { type ArgumentNode, type BlockNode, type EnumNode, type OptionalNode, type ValueNode } from "./grammar.ts";

/** A positional parameter of a command's method. */
export interface Param {
  readonly node: ValueNode | EnumNode | BlockNode;
  readonly optional: boolean;
  /** Whether its count is sent before it. */
  readonly counted: boolean;
  /** The token sent before it, or null. */
  readonly literal: string | null;
}

/** One thing to send, in the order of the wire. */
export type Step =
  | { readonly kind: "param"; readonly index: number; readonly param: Param }
  | { readonly kind: "options"; readonly node: ArgumentNode };

/** How a command's arguments map to its method's parameters; the typings and the runtime both follow it. */
export interface Signature {
  readonly params: readonly Param[];
  readonly steps: readonly Step[];
  /** Whether the method takes an options object behind its parameters. */
  readonly hasOptions: boolean;
  /** Whether that object must be there. */
  readonly optionsRequired: boolean;
  /** The one option whose bare value may stand in place of the options object, or null. */
  readonly bare: ValueNode | EnumNode | null;
  /** Whether the last parameter takes values or one array. */
  readonly variadic: boolean;
  /** The arguments that the quick methods take: that many single values; -1 when there is no quick method. */
  readonly quick: number;
}

/** An optional argument is a parameter when it only repeats and has no token: `[key:key...]`. */
function optionalParam(node: OptionalNode): ValueNode | EnumNode | BlockNode | null {
  const only = node.items[0];
  if (node.items.length !== 1 || node.many || only === undefined) return null;
  const positional = only.kind === "value" || only.kind === "enum" || only.kind === "block";
  return positional && only.many ? only : null;
}

/** Derives the method's signature from the arguments of the wire. */
export function signatureOf(grammar: readonly ArgumentNode[]): Signature {
  const params: Param[] = [];
  const steps: Step[] = [];
  let counted = false;
  let optionsRequired = false;
  const add = (node: Param["node"], optional: boolean, literal: string | null): void => {
    const param = { node, optional, counted, literal };
    counted = false;
    steps.push({ kind: "param", index: params.length, param });
    params.push(param);
  };
  for (const node of grammar) {
    const optional = node.kind === "optional" ? optionalParam(node) : null;
    if (optional !== null) add(optional, true, null);
    else if (node.kind === "count") counted = true;
    else if (node.kind === "value" || node.kind === "enum" || node.kind === "block") add(node, false, null);
    else if (node.kind === "token" && node.argument !== null && node.argument.kind !== "choice")
      add(node.argument, false, node.token);
    else {
      if (node.kind !== "optional") optionsRequired = true;
      steps.push({ kind: "options", node });
    }
  }
  const hasOptions = steps.length > params.length;
  const variadic = !hasOptions && isVariadic(params.at(-1));
  const bare = bareOption(steps);
  return { params, steps, hasOptions, optionsRequired, bare, variadic, quick: quickArity(params, steps) };
}

/** Pairs and triples are data, given as one thing; values and blocks with tokens can be listed. */
function isVariadic(last: Param | undefined): boolean {
  return last !== undefined && last.node.many && !(last.node.kind === "block" && isTuple(last.node));
}

/** Whether a block holds single values only: a pair, a triple. */
export function isTuple(block: BlockNode): boolean {
  return block.items.every((item) => item.kind === "value" && !item.many);
}

function bareOption(steps: readonly Step[]): ValueNode | EnumNode | null {
  const options = steps.filter((step) => step.kind === "options");
  const last = steps.at(-1);
  if (options.length !== 1 || last?.kind !== "options" || last.node.kind !== "optional") return null;
  return last.node.many ? null : bareValue(last.node.items);
}

/** The single value that these items need, when nothing else must be given with it. */
export function bareValue(items: readonly ArgumentNode[]): ValueNode | EnumNode | null {
  const required = items.filter((item) => item.kind !== "optional");
  const only = required[0];
  if (required.length !== 1 || only === undefined) return null;
  return (only.kind === "value" || only.kind === "enum") && !only.many ? only : null;
}

function quickArity(params: readonly Param[], steps: readonly Step[]): number {
  let count = 0;
  for (const step of steps) {
    if (step.kind === "options") {
      if (step.node.kind !== "optional") return -1;
    } else if (step.param.literal !== null || step.param.counted || step.param.optional) {
      return step.param.optional && !step.param.counted && step.index === params.length - 1 ? count : -1;
    } else if (step.param.node.kind !== "value") {
      return -1;
    } else {
      count += 1;
    }
  }
  return count;
}
