import {
  jsName,
  parseGrammar,
  tokenName,
  type ArgumentNode,
  type BlockNode,
  type EnumNode,
  type OptionalNode,
  type TokenNode,
  type ValueNode,
} from "../../src/commands/grammar.ts";
import { bareValue, isTuple, signatureOf } from "../../src/commands/signature.ts";
import type { Command } from "../../src/commands/table.ts";

/** One call: what is handed to the method, and the words that must reach the server behind the command's name. */
export interface Sample {
  /** The token or option that this sample is about; "" for the plain call. */
  readonly about: string;
  readonly params: readonly unknown[];
  readonly words: readonly string[];
}

/** What an argument is given as, and its words. */
interface Given {
  readonly about: string;
  readonly value: unknown;
  readonly words: readonly string[];
}

/** A part of the options object, and its words. */
interface Piece {
  readonly about: string;
  readonly bag: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
}

const NOTHING: Piece = { about: "", bag: {}, words: [] };

/** Values that the server takes where a number or a word would be refused as bad syntax. */
const VALUES: Readonly<Record<string, string>> = {
  "COMMAND GETKEYS command": "get",
  "COMMAND GETKEYSANDFLAGS command": "get",
  "ACL SETUSER rule": "on",
  "ACL CAT category": "string",
  "COMMAND LIST category": "string",
  "BITFIELD encoding": "u8",
  "BITFIELD_RO encoding": "u8",
  "HELLO protover": "3",
  "XGROUP CREATE id": "$",
  "XGROUP SETID id": "$",
  "XADD id": "*",
  "XREADGROUP id": ">",
  "XRANGE start": "-",
  "XRANGE end": "+",
  "XREVRANGE start": "-",
  "XREVRANGE end": "+",
  "XPENDING start": "-",
  "XPENDING end": "+",
  "EVAL script": "return 1",
  "EVAL_RO script": "return 1",
  "CLIENT SETINFO value": "respool",
  "CLIENT TRACKING client-id": "0",
};

/** All samples of a command: plain, and once with each token that it knows. */
export function samplesOf(command: Command): Sample[] {
  return new Sampler(command.name, parseGrammar(command.grammar)).samples();
}

class Sampler {
  readonly #name: string;
  readonly #nodes: readonly ArgumentNode[];
  #keys = 0;

  constructor(name: string, nodes: readonly ArgumentNode[]) {
    this.#name = name;
    this.#nodes = nodes;
  }

  samples(): Sample[] {
    const { steps, variadic, params, hasOptions, optionsRequired } = signatureOf(this.#nodes);
    const choices: (readonly (Given | Piece)[])[] = steps.map((step) =>
      step.kind === "options"
        ? this.#pieces(step.node)
        : this.#given(step.param.node, step.param.node.many, step.param.counted, step.param.literal),
    );
    const calls = variants(choices).map(({ about, picked }) => {
      const values = picked.filter((one): one is Given => "value" in one).map((one) => one.value);
      const bag = Object.assign({}, ...picked.map((one) => ("bag" in one ? one.bag : {}))) as Record<string, unknown>;
      const last = values.at(-1);
      const given =
        variadic && values.length === params.length && Array.isArray(last) ? [...values.slice(0, -1), ...last] : values;
      if (hasOptions && Object.keys(bag).length > 0) given.push(bag);
      return { about, params: given, words: picked.flatMap((one) => one.words), empty: Object.keys(bag).length === 0 };
    });
    return calls.filter((call) => !(optionsRequired && call.empty));
  }

  /** The ways to give a positional argument; the first is the plain one. */
  #given(node: ValueNode | EnumNode | BlockNode, many: boolean, counted: boolean, literal: string | null): Given[] {
    const before = literal === null ? [] : [literal];
    if (many && node.kind === "block" && isTuple(node)) {
      const given = this.#tuples(node);
      return [{ ...given, words: [...before, ...given.words] }];
    }
    const single = this.#single(node);
    const wrap = (one: Given): Given => {
      if (!many) return { ...one, words: [...before, ...one.words] };
      const second = this.#single(node)[0] as Given;
      const count = counted ? ["2"] : [];
      return {
        about: one.about,
        value: [one.value, second.value],
        words: [...before, ...count, ...one.words, ...second.words],
      };
    };
    return single.map(wrap);
  }

  #single(node: ValueNode | EnumNode | BlockNode): Given[] {
    if (node.kind === "enum")
      return node.tokens.map((token) => ({ about: token, value: token.toLowerCase(), words: [token] }));
    if (node.kind === "value") return [this.#value(node)];
    const bare = bareValue(node.items);
    const pieces = this.#sequence(node.items).map(({ about, bag, words }) => ({ about, value: bag, words }));
    const plain = pieces[0] as Given;
    return bare === null ? pieces : [{ ...plain, value: Object.values(plain.value as object)[0] }, ...pieces];
  }

  #value(node: ValueNode): Given {
    const fixed = VALUES[`${this.#name} ${node.name}`];
    let value: string | number = fixed ?? node.name;
    if (fixed === undefined) {
      if (node.type === "key" || node.type === "shard") value = `{${this.#name}}:${this.#keys++}`;
      if (node.type === "int") value = 1;
      if (node.type === "num") value = node.name === "timeout" ? 0.01 : 1.5;
      if (node.name === "cursor" || /id$|offset|^start$|min-idle-time/.test(node.name))
        value = node.type === "int" ? 0 : "0";
    }
    return { about: "", value, words: [String(value)] };
  }

  #tuples(node: BlockNode): Given {
    const rows = [0, 1].map(() => node.items.map((item) => this.#value(item as ValueNode)));
    if (this.#name === "CONFIG SET") {
      for (const [index, name] of ["hz", "maxmemory-samples"].entries()) {
        rows[index] = [name, "10"].map((value) => ({ about: "", value, words: [value] }));
      }
    }
    const values = rows.map((row) => row.map((one) => one.value));
    const order = node.columns ? [rows.map((row) => row[0]), rows.map((row) => row[1])] : rows;
    return { about: "", value: values, words: order.flat().flatMap((one) => one?.words ?? []) };
  }

  /** The ways to give a part of the options; the first is what a plain call gives of it. */
  #pieces(node: ArgumentNode): Piece[] {
    switch (node.kind) {
      case "optional":
        return [NOTHING, ...this.#optional(node)];
      case "choice":
        return node.alternatives.flatMap((items) => this.#sequence(items));
      case "token":
        return this.#token(node, false);
      case "block":
        return this.#sequence(node.items);
      case "value":
      case "enum":
        return this.#given(node, node.many, false, null).map(({ about, value, words }) => ({
          about: about === "" ? node.name : about,
          bag: { [jsName(node.name)]: value },
          words,
        }));
      case "count":
        return [NOTHING];
    }
  }

  #optional(node: OptionalNode): Piece[] {
    const only = node.items[0];
    if (node.many && only?.kind === "token") return this.#token(only, true);
    return this.#sequence(node.items).filter((piece) => Object.keys(piece.bag).length > 0);
  }

  #token(node: TokenNode, repeats: boolean): Piece[] {
    const { token, argument } = node;
    const name = tokenName(token);
    if (argument === null) return [{ about: token, bag: { [name]: true }, words: [token] }];
    if (argument.kind === "choice") {
      return this.#pieces(argument).map(({ about, bag, words }) => ({
        about: `${token} ${about}`,
        bag: { [name]: bag },
        words: [token, ...words],
      }));
    }
    if (repeats) {
      const items = [0, 1].map(() => this.#single(argument)[0] as Given);
      const value =
        argument.kind === "block"
          ? items.map((one) => Object.values(one.value as object))
          : items.map((one) => one.value);
      return [{ about: token, bag: { [name]: value }, words: items.flatMap((one) => [token, ...one.words]) }];
    }
    return this.#given(argument, argument.many, false, token).map(({ about, value, words }, index) => ({
      about: index === 0 ? token : `${token} ${about}`,
      bag: { [name]: value },
      words,
    }));
  }

  #sequence(items: readonly ArgumentNode[]): Piece[] {
    return variants(items.map((item) => this.#pieces(item))).map(({ about, picked }) => ({
      about,
      bag: Object.assign({}, ...picked.map((piece) => piece.bag)) as Record<string, unknown>,
      words: picked.flatMap((piece) => piece.words),
    }));
  }
}

/** All first choices, and then each other choice once among first ones. */
function variants<T extends { readonly about: string }>(
  choices: readonly (readonly T[])[],
): { about: string; picked: T[] }[] {
  const plain = choices.map((ways) => ways[0] as T);
  const about = plain
    .map((one) => one.about)
    .filter((one) => one !== "")
    .join(" ");
  const all = [{ about, picked: plain }];
  for (const [index, ways] of choices.entries()) {
    for (const way of ways.slice(1)) all.push({ about: way.about, picked: plain.with(index, way) });
  }
  return all;
}
