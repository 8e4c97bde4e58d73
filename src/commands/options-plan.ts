import { bareValue, isTuple } from "./signature.ts";
import {
  jsName,
  tokenName,
  type ArgumentNode,
  type BlockNode,
  type ChoiceNode,
  type EnumNode,
  type OptionalNode,
  type TokenNode,
  type ValueNode,
} from "./grammar.ts";
import { isArg, isBag, pairsOf, putEnum, putTuples, putValue, type Draft, type Put } from "./put.ts";
import { refuseArgument, refuseCall } from "./refuse.ts";

type Bag = Readonly<Record<string, unknown>>;

/** Sends what the bag holds of it; tells whether it held anything. */
type PutOption = (bag: Bag, draft: Draft) => boolean;

/** Turns an options object into tokens and values, in the order of the wire. */
export class OptionsPlan {
  /** The known option names. */
  readonly names: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #puts: readonly PutOption[];
  readonly #required: readonly boolean[];
  readonly #nodes: readonly ArgumentNode[];
  readonly #bare: string | null;

  constructor(nodes: readonly ArgumentNode[]) {
    this.#nodes = nodes;
    this.names = nodes.flatMap((node) => optionNames(node));
    this.#known = new Set(this.names);
    this.#puts = nodes.map((node) => compile(node));
    this.#required = nodes.map((node) => node.kind !== "optional");
    const bare = bareValue(nodes);
    this.#bare = bare === null ? null : jsName(bare.name);
  }

  /** Refuses what is no options object or has a name that is not known. */
  check(given: unknown, command: string, label: string): Record<string, unknown> {
    const what = label === "" ? "options" : label;
    if (typeof given !== "object" || given === null || !isBag(given)) {
      return refuseArgument(command, what, `an object with ${this.names.join(", ")}`, given);
    }
    // Object.entries would double the cost of the check.
    for (const name in given) {
      const value = (given as Record<string, unknown>)[name];
      if (!this.#known.has(name)) {
        // It may be data that was taken for options.
        const shown = name.length <= 40 ? JSON.stringify(name) : `of ${name.length} characters`;
        refuseCall(command, what, `unknown option ${shown}: known are ${this.names.join(", ")}`);
      }
      if (value === null || value === undefined) {
        refuseCall(command, name, `got ${String(value)}: leave the option out where it has no value`);
      }
    }
    return given as Record<string, unknown>;
  }

  /** Sends the options of one place in the command. */
  put(index: number, bag: Bag | null, draft: Draft): void {
    const given = (this.#puts[index] as PutOption)(bag ?? {}, draft);
    if (!given && this.#required[index] === true) {
      refuseCall(
        draft.command,
        "options",
        `expected one of ${optionNames(this.#nodes[index] as ArgumentNode).join(", ")}`,
      );
    }
  }

  /** Sends all of a block that was given as an object, or as its only value. */
  putAll(value: unknown, draft: Draft, label: string): void {
    const bag = this.#bare !== null && isArg(value) ? { [this.#bare]: value } : this.check(value, draft.command, label);
    for (const [index, put] of this.#puts.entries()) {
      if (!put(bag, draft) && this.#required[index] === true) {
        const names = optionNames(this.#nodes[index] as ArgumentNode);
        refuseCall(draft.command, label, `expected ${names.join(" or ")} to be given`);
      }
    }
  }
}

/** The option names that a part of the grammar knows. */
export function optionNames(node: ArgumentNode): string[] {
  switch (node.kind) {
    case "value":
    case "enum":
      return [jsName(node.name)];
    case "token":
      return [tokenName(node.token)];
    case "choice":
      return node.alternatives.flat().flatMap((item) => optionNames(item));
    case "optional":
    case "block":
      return node.items.flatMap((item) => optionNames(item));
    case "count":
      return [];
  }
}

function compile(node: ArgumentNode): PutOption {
  switch (node.kind) {
    case "token":
      return compileToken(node, false);
    case "choice":
      return compileChoice(node);
    case "optional":
      return compileOptional(node);
    case "block":
      return compileSequence(node.items);
    case "count":
      return () => false;
    case "value":
    case "enum": {
      const name = jsName(node.name);
      return named(name, node.many ? putMany(node, name, false) : putSingle(node, name));
    }
  }
}

/** An option that is given under this name. */
function named(name: string, put: Put): PutOption {
  return (bag, draft) => {
    const value = bag[name];
    if (value === undefined) return false;
    draft.given.push(name);
    put(value, draft);
    return true;
  };
}

function compileOptional(node: OptionalNode): PutOption {
  const only = node.items[0];
  if (node.many && only?.kind === "token") return compileToken(only, true);
  return compileSequence(node.items);
}

function compileToken(node: TokenNode, repeats: boolean): PutOption {
  const { token, argument } = node;
  const name = tokenName(token);
  if (argument === null) return flag(name, token);
  const put = argument.kind === "choice" ? putChoice(argument, name) : putArgument(argument, name);
  const withToken: Put = (value, draft) => {
    draft.args.push(token);
    put(value, draft);
  };
  if (!repeats) return named(name, withToken);
  if (argument.kind === "block") return named(name, eachPair(withToken));
  return named(name, (value, draft) => {
    if (!Array.isArray(value)) return withToken(value, draft);
    if (value.length === 0) refuseArgument(draft.command, name, "at least one value", value);
    for (const item of value as unknown[]) withToken(item, draft);
  });
}

function putArgument(argument: Exclude<TokenNode["argument"], ChoiceNode | null>, name: string): Put {
  return argument.many ? putMany(argument, name, false) : putSingle(argument, name);
}

/** `[CONFIG {name value}]...`: each pair has the token before it. */
function eachPair(withToken: Put): Put {
  return (value, draft) => {
    const rows = pairsOf(value);
    if (rows === null) return refuseArgument(draft.command, "pairs", "an object, a Map or an array of pairs", value);
    for (const row of rows) {
      if (!Array.isArray(row) || row.length !== 2)
        refuseArgument(draft.command, "pairs", "arrays of 2 values each", row);
      const [name, held] = row as [unknown, unknown];
      withToken({ name, value: held }, draft);
    }
  };
}

function putChoice(argument: ChoiceNode, name: string): Put {
  const plan = new OptionsPlan([argument]);
  return (value, draft) => {
    plan.putAll(value, draft, name);
  };
}

function flag(name: string, token: string): PutOption {
  return (bag, draft) => {
    const value = bag[name];
    if (value === undefined || value === false) return false;
    if (value !== true) refuseArgument(draft.command, name, "true or false", value);
    draft.given.push(name);
    draft.args.push(token);
    return true;
  };
}

function compileChoice(node: ChoiceNode): PutOption {
  const puts = node.alternatives.map((items) => compileSequence(items));
  return (bag, draft) => {
    const before = draft.given.length;
    let given = 0;
    for (let index = 0; index < puts.length; index++) if ((puts[index] as PutOption)(bag, draft)) given += 1;
    if (given > 1) {
      refuseCall(draft.command, "options", `${draft.given.slice(before).join(" and ")} exclude one another: give one`);
    }
    return given === 1;
  };
}

/** Things that go together: what is required of them must be there as soon as one is. */
function compileSequence(items: readonly ArgumentNode[]): PutOption {
  if (items.length === 1) return compile(items[0] as ArgumentNode);
  const puts = items.map((item) => compile(item));
  return (bag, draft) => {
    let given = 0;
    let missing: ArgumentNode | null = null;
    for (const [index, put] of puts.entries()) {
      const item = items[index] as ArgumentNode;
      if (put(bag, draft)) given += 1;
      else if (item.kind !== "optional") missing ??= item;
    }
    if (given > 0 && missing !== null) {
      const needed = optionNames(missing).join(" or ");
      refuseCall(draft.command, "options", `${draft.given.join(", ")} can only be given together with ${needed}`);
    }
    return given > 0;
  };
}

/** Sends one argument, once. */
export function putSingle(node: ValueNode | EnumNode | BlockNode, label: string): Put {
  if (node.kind === "value") return putValue(label);
  if (node.kind === "enum") return putEnum(node, label);
  const plan = new OptionsPlan(node.items);
  return (value, draft) => {
    plan.putAll(value, draft, label);
  };
}

/** Sends a repeating argument: a value or an array; pairs as an object, a Map or an array. */
export function putMany(node: ValueNode | EnumNode | BlockNode, label: string, mayBeEmpty: boolean): Put {
  if (node.kind === "block" && isTuple(node)) return putTuples(node, label, mayBeEmpty);
  const one = putSingle(node, label);
  return (value, draft) => {
    if (!Array.isArray(value)) return one(value, draft);
    if (value.length === 0 && !mayBeEmpty) refuseArgument(draft.command, label, "at least one value", value);
    for (const item of value as unknown[]) one(item, draft);
  };
}
