import { assert } from "../base/assert.ts";

/** What a value stands for; all go out as strings, only the typings and the key positions tell them apart. */
export type ValueType = "string" | "int" | "num" | "key" | "shard";

/** One value of the caller's. */
export interface ValueNode {
  readonly kind: "value";
  readonly name: string;
  readonly type: ValueType;
  readonly many: boolean;
}

/** One out of a few tokens. */
export interface EnumNode {
  readonly kind: "enum";
  readonly name: string;
  readonly tokens: readonly string[];
  readonly many: boolean;
}

/** Things that stand together; with `columns`, all first things are sent before all second ones (XREAD). */
export interface BlockNode {
  readonly kind: "block";
  readonly name: string;
  readonly items: readonly ArgumentNode[];
  readonly columns: boolean;
  readonly many: boolean;
}

/** Exactly one of several sequences. */
export interface ChoiceNode {
  readonly kind: "choice";
  readonly alternatives: readonly (readonly ArgumentNode[])[];
}

/** Things that may be left out. */
export interface OptionalNode {
  readonly kind: "optional";
  readonly items: readonly ArgumentNode[];
  readonly many: boolean;
}

/** A token alone, or before what it introduces. */
export interface TokenNode {
  readonly kind: "token";
  readonly token: string;
  readonly argument: ValueNode | EnumNode | BlockNode | ChoiceNode | null;
}

/** The computed count of the repeating values behind it. */
export interface CountNode {
  readonly kind: "count";
}

/** A part of a command's arguments. */
export type ArgumentNode = ValueNode | EnumNode | BlockNode | ChoiceNode | OptionalNode | TokenNode | CountNode;

const WORDS = /\.\.\.|[[\](){}|,]|[^\s[\](){}|,]+?(?=\.\.\.|[\s[\](){}|,]|$)/g;
const TOKEN = /^[A-Z][A-Z0-9-]*$/;

/** Reads the arguments of one command; the notation is told at the head of facts.txt. */
class GrammarReader {
  readonly #words: readonly string[];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#words = text.match(WORDS) ?? [];
  }

  read(): ArgumentNode[] {
    const alternatives = this.#alternatives();
    assert(alternatives.length === 1 && this.#at === this.#words.length, `bad grammar: ${this.#text}`);
    return alternatives[0] as ArgumentNode[];
  }

  /** Sequences between `|`, up to a closing bracket or the end. */
  #alternatives(): ArgumentNode[][] {
    const alternatives: ArgumentNode[][] = [[]];
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined || word === "]" || word === ")" || word === "}" || word === ",") return alternatives;
      if (word === "|") {
        this.#at += 1;
        alternatives.push([]);
      } else {
        alternatives.at(-1)?.push(this.#node());
      }
    }
  }

  #node(): ArgumentNode {
    const word = this.#words[this.#at++] as string;
    if (word === "[") return this.#optional();
    if (word === "(") return this.#choice();
    if (word === "{") return this.#block("");
    if (word === "numkeys") return { kind: "count" };
    if (TOKEN.test(word)) return { kind: "token", token: word, argument: this.#argument() };
    const [name, type] = word.split(":") as [string, string | undefined];
    if (type !== "") return { kind: "value", name, type: (type ?? "string") as ValueType, many: this.#many() };
    return this.#words[this.#at++] === "(" ? this.#enum(name) : this.#block(name);
  }

  #argument(): TokenNode["argument"] {
    const next = this.#words[this.#at];
    if (next === undefined || /^[\]|)},[]$/.test(next) || TOKEN.test(next)) return null;
    return this.#node() as TokenNode["argument"];
  }

  #optional(): OptionalNode {
    const alternatives = this.#alternatives();
    this.#expect("]");
    const items: ArgumentNode[] =
      alternatives.length === 1 ? (alternatives[0] as ArgumentNode[]) : [{ kind: "choice", alternatives }];
    return { kind: "optional", items, many: this.#many() };
  }

  #choice(): ChoiceNode {
    const alternatives = this.#alternatives();
    this.#expect(")");
    return { kind: "choice", alternatives };
  }

  #enum(name: string): EnumNode {
    const tokens: string[] = [];
    do tokens.push(this.#words[this.#at++] as string);
    while (this.#words[this.#at++] === "|");
    this.#at -= 1;
    this.#expect(")");
    return { kind: "enum", name, tokens, many: this.#many() };
  }

  #block(name: string): BlockNode {
    const items = [...(this.#alternatives()[0] as ArgumentNode[])];
    const columns = this.#words[this.#at] === ",";
    if (columns) {
      this.#at += 1;
      items.push(...(this.#alternatives()[0] as ArgumentNode[]));
    }
    this.#expect("}");
    return { kind: "block", name, items, columns, many: this.#many() };
  }

  #many(): boolean {
    if (this.#words[this.#at] !== "...") return false;
    this.#at += 1;
    return true;
  }

  #expect(word: string): void {
    assert(this.#words[this.#at++] === word, `bad grammar, expected ${word}: ${this.#text}`);
  }
}

/** Parses the arguments of one command. */
export function parseGrammar(text: string): readonly ArgumentNode[] {
  return new GrammarReader(text).read();
}

/** The name an argument or option bears in JavaScript: tokens in lower case, names in camelCase. */
export function jsName(name: string): string {
  return name.toLowerCase().replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The name of an option that a token introduces: the token in lower case. */
export function tokenName(token: string): string {
  return token.toLowerCase().replaceAll("-", "_");
}
