import { assert } from "../base/assert.ts";

/** The form of a reply as the program sees it; typings and transforms are both made from it. */
export type Shape =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "nullable"; readonly of: Shape }
  | { readonly kind: "list"; readonly of: Shape }
  | { readonly kind: "tuple"; readonly items: readonly Shape[]; readonly rest: Shape | null }
  | { readonly kind: "record"; readonly fields: readonly ShapeField[] }
  | { readonly kind: "map"; readonly of: Shape }
  | { readonly kind: "pairs" | "first"; readonly key: Shape; readonly value: Shape }
  | { readonly kind: "union"; readonly of: readonly Shape[] };

/** A field of a record. */
export interface ShapeField {
  readonly name: string;
  readonly shape: Shape;
  readonly optional: boolean;
}

const WORDS = /"[^"]*"|\.\.\.|[[\]{}<>,:?|]|[\w.-]+/g;

/** Reads a reply's form; the notation is told at the head of facts.txt. */
class ShapeReader {
  readonly #words: readonly string[];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#words = text.match(WORDS) ?? [];
  }

  read(): Shape {
    const shape = this.#union();
    assert(this.#at === this.#words.length, `bad reply: ${this.#text}`);
    return shape;
  }

  #union(): Shape {
    const of = [this.#postfix()];
    while (this.#take("|")) of.push(this.#postfix());
    return of.length === 1 ? (of[0] as Shape) : { kind: "union", of };
  }

  #postfix(): Shape {
    let shape = this.#primary();
    for (;;) {
      if (this.#take("?")) {
        shape = { kind: "nullable", of: shape };
      } else if (this.#words[this.#at] === "[" && this.#words[this.#at + 1] === "]") {
        this.#at += 2;
        shape = { kind: "list", of: shape };
      } else {
        return shape;
      }
    }
  }

  #primary(): Shape {
    const word = this.#words[this.#at++] ?? "";
    if (word === "[") return this.#tuple();
    if (word === "{") return this.#record();
    if (word.startsWith('"')) return { kind: "literal", text: word.slice(1, -1) };
    assert(/^\w/.test(word), `bad reply: ${this.#text}`);
    if (!this.#take("<")) return { kind: "name", name: word };
    const key = this.#union();
    const value = this.#take(",") ? this.#union() : key;
    this.#expect(">");
    if (word === "map") return { kind: "map", of: key };
    assert(word === "pairs" || word === "first", `bad reply: ${this.#text}`);
    return { kind: word, key, value };
  }

  #tuple(): Shape {
    const items: Shape[] = [];
    let rest: Shape | null = null;
    while (!this.#take("]")) {
      if (this.#take("...")) rest = this.#union();
      else items.push(this.#union());
      this.#take(",");
    }
    return { kind: "tuple", items, rest };
  }

  #record(): Shape {
    const fields: ShapeField[] = [];
    while (!this.#take("}")) {
      const name = this.#words[this.#at++] as string;
      const optional = this.#take("?");
      this.#expect(":");
      fields.push({ name, shape: this.#union(), optional });
      this.#take(",");
    }
    return { kind: "record", fields };
  }

  #take(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at += 1;
    return true;
  }

  #expect(word: string): void {
    assert(this.#take(word), `bad reply, expected ${word}: ${this.#text}`);
  }
}

/** Parses a reply's form. */
export function parseShape(text: string): Shape {
  return new ShapeReader(text).read();
}
