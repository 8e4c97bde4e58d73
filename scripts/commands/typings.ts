import {
  jsName,
  tokenName,
  type ArgumentNode,
  type BlockNode,
  type EnumNode,
  type TokenNode,
  type ValueNode,
} from "../../src/commands/grammar.ts";
import { bareValue, isTuple, type Param } from "../../src/commands/signature.ts";
import { ReplyPrinter } from "./reply-typings.ts";
import type { Facts, FactsFile } from "./read-facts.ts";

const RESERVED = new Set(["function", "default", "delete", "arguments"]);

/** Prints the typings of all commands: one generic interface, from which every family of methods is made. */
export function printTypings(file: FactsFile): string {
  const printer = new TypingsPrinter(file);
  return printer.print();
}

class TypingsPrinter {
  readonly #file: FactsFile;
  readonly #replies: ReplyPrinter;
  /** Interfaces of options and blocks, in the order of their commands. */
  readonly #options: string[] = [];

  constructor(file: FactsFile) {
    this.#file = file;
    this.#replies = new ReplyPrinter(file.types);
  }

  print(): string {
    const commands = this.#file.commands.filter((facts) => facts.hasMethod);
    const containers = new Map<string, Facts[]>();
    for (const facts of commands) {
      const [name, sub] = facts.name.split(" ") as [string, string | undefined];
      if (sub !== undefined) containers.set(name, [...(containers.get(name) ?? []), facts]);
    }
    const members = commands
      .filter((facts) => !facts.name.includes(" ") && !containers.has(facts.name))
      .map((facts) => this.#method(facts, tokenName(facts.name)));
    const spaces: string[] = [];
    for (const [name, all] of containers) {
      spaces.push(this.#container(name, all, commands.find((facts) => facts.name === name) ?? null));
      members.push(`  /** The commands of ${name}. */\n  readonly ${tokenName(name)}: ${pascal(name)}Commands<F, S>;`);
    }
    return [
      IMPORTS,
      ...this.#replies.declarations(),
      ...this.#options,
      ...spaces,
      `/** All commands: F says what a method returns, S is string or Buffer. */\nexport interface CommandMethods<F extends Family, S> {\n${members.join("\n")}\n}\n`,
      FAMILIES,
    ].join("\n");
  }

  #container(name: string, all: readonly Facts[], itself: Facts | null): string {
    const members = all.map((facts) => this.#method(facts, tokenName(facts.name.split(" ")[1] as string)));
    if (itself !== null) members.unshift(this.#method(itself, ""));
    return `/** The commands of ${name}. */\nexport interface ${pascal(name)}Commands<F extends Family, S> {\n${members.join("\n")}\n}\n`;
  }

  #method(facts: Facts, method: string): string {
    const { signature } = facts;
    const params = signature.params.map((param, index) =>
      this.#param(facts, param, signature.variadic && index === signature.params.length - 1),
    );
    const generic = facts.rules.some((rule) => rule.startsWith("if "));
    let type = "";
    if (signature.hasOptions) {
      const options = this.#optionsType(facts);
      if (generic) type = `<O extends ${options} = None>`;
      const mark = signature.optionsRequired ? "" : "?";
      params.push(`options${mark}: ${generic ? `Only<O, ${options}>` : options}`);
    }
    const bare = signature.bare === null ? null : jsName(signature.bare.name);
    const reply = this.#replies.reply(facts.reply, facts.rules, bare);
    const doc = `${facts.name} ${facts.grammar.replace(/:(key|int|num|shard)\b/g, "")}`.trim();
    return `  /** \`${doc}\` · since ${facts.since} */\n  ${method}${type}(${params.join(", ")}): Out<F, ${reply}>;`;
  }

  #param(facts: Facts, param: Param, variadic: boolean): string {
    const { node, optional } = param;
    const name = RESERVED.has(jsName(node.name)) ? `${jsName(node.name)}Name` : jsName(node.name);
    const mark = optional ? "?" : "";
    if (node.kind === "block" && isTuple(node)) return `${name}${mark}: ${tuples(node)}`;
    const one = node.kind === "block" ? this.#blockInterface(facts, node) : valueType(node);
    if (variadic) return `...${name}: Rest<${one}>`;
    return `${name}${mark}: ${node.many ? `Many<${one}>` : one}`;
  }

  #blockInterface(facts: Facts, node: BlockNode): string {
    const name = `${pascal(facts.name)}${pascal(node.name)}`;
    this.#declare(name, `One ${node.name} of ${facts.name}.`, members(node.items, false));
    return name;
  }

  #optionsType(facts: Facts): string {
    const { signature } = facts;
    const nodes = signature.steps.filter((step) => step.kind === "options").map((step) => step.node);
    const name = `${pascal(facts.name)}Options`;
    this.#declare(name, `Options of ${facts.name}.`, members(nodes, true));
    return signature.bare === null ? name : `${valueType(signature.bare)} | ${name}`;
  }

  #declare(name: string, doc: string, fields: readonly string[]): void {
    this.#options.push(
      `/** ${doc} */\nexport interface ${name} {\n${fields.map((field) => `  ${field};`).join("\n")}\n}\n`,
    );
  }
}

/** The fields of an options object; in a block, what is not optional on the wire must be given. */
function members(nodes: readonly ArgumentNode[], allOptional: boolean): string[] {
  return nodes.flatMap((node): string[] => {
    const mark = allOptional ? "?" : "";
    switch (node.kind) {
      case "value":
      case "enum":
        return [`readonly ${jsName(node.name)}${mark}: ${node.many ? `Many<${valueType(node)}>` : valueType(node)}`];
      case "token":
        return [`readonly ${tokenName(node.token)}${mark}: ${tokenType(node, false)}`];
      case "choice":
        return node.alternatives.flatMap((items) => members(items, true));
      case "optional": {
        const only = node.items[0];
        if (node.many && only?.kind === "token")
          return [`readonly ${tokenName(only.token)}?: ${tokenType(only, true)}`];
        return members(node.items, true);
      }
      case "block":
        return members(node.items, allOptional);
      case "count":
        return [];
    }
  });
}

function tokenType(node: TokenNode, repeats: boolean): string {
  const { argument } = node;
  if (argument === null) return "boolean";
  if (argument.kind === "choice") return inline([argument]);
  if (argument.kind === "block") {
    if (argument.many || repeats) return tuples(argument);
    const bare = bareValue(argument.items);
    return bare === null ? inline(argument.items) : `${valueType(bare)} | ${inline(argument.items)}`;
  }
  return argument.many || repeats ? `Many<${valueType(argument)}>` : valueType(argument);
}

function inline(nodes: readonly ArgumentNode[]): string {
  return `{ ${members(nodes, false).join("; ")} }`;
}

function tuples(node: BlockNode): string {
  const types = node.items.map((item) => valueType(item as ValueNode));
  return types.length === 2 ? `Pairs<${types.join(", ")}>` : `readonly (readonly [${types.join(", ")}])[]`;
}

function valueType(node: ValueNode | EnumNode): string {
  if (node.kind === "value") return node.type === "int" || node.type === "num" ? "Numeric" : "Arg";
  const cases = new Set(node.tokens.flatMap((token) => [token, token.toLowerCase(), token.toUpperCase()]));
  return [...cases].map((token) => JSON.stringify(token)).join(" | ");
}

/** `XGROUP CREATE` gives `XgroupCreate`. */
function pascal(name: string): string {
  return name.toLowerCase().replace(/(?:^|[ _-])(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const IMPORTS = `import type { Reply } from "../protocol/reply.ts";
import type { Arg } from "./spec.ts";
import type {
  Family,
  GeoMatch,
  Many,
  None,
  Numeric,
  Only,
  Out,
  Pairs,
  PendingEntry,
  PromiseFamily,
  Rest,
  StreamEntry,
  When,
  WhenBare,
} from "./typings.ts";
`;

const FAMILIES = `/** All commands, as promises of decoded replies. */
export interface Commands extends CommandMethods<PromiseFamily, string> {}

/** All commands, as promises of replies whose strings are Buffers. */
export interface BufferCommands extends CommandMethods<PromiseFamily, Buffer> {}
`;
