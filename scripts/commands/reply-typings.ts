import { parseShape, type Shape } from "../../src/commands/shapes.ts";

/** Prints the TypeScript of replies. */
export class ReplyPrinter {
  readonly #types: ReadonlyMap<string, Shape>;

  constructor(types: readonly (readonly [string, string])[]) {
    this.#types = new Map(types.map(([name, text]) => [name, parseShape(text)]));
  }

  /** The named forms. */
  declarations(): string[] {
    return [...this.#types].map(([name, shape]) => {
      const title = `${name}${this.#holdsStrings(name) ? "<S>" : ""}`;
      const doc = `/** Part of a reply; docs/commands.md tells of which. */\n`;
      if (shape.kind !== "record") return `${doc}export type ${title} = ${this.#print(shape)};\n`;
      return `${doc}export interface ${title} ${this.#print(shape).replaceAll("; ", ";\n  ").replace("{ ", "{\n  ").replace(/ }$/, ";\n}")}\n`;
    });
  }

  /** A reply with its variants: the first rule that matches the options gives it. */
  reply(base: string, rules: readonly string[], bare: string | null): string {
    let type = this.#print(parseShape(base));
    for (const rule of rules.toReversed()) {
      const match = /^if (\S+): (.*)$/.exec(rule);
      if (match === null) continue;
      type = this.#variant(match[1] as string, this.#print(parseShape(match[2] as string)), type, bare);
    }
    return type;
  }

  #variant(condition: string, yes: string, no: string, bare: string | null): string {
    const [first, second] = condition.split("&") as [string, string | undefined];
    if (second !== undefined) return this.#variant(first, this.#variant(second, yes, no, bare), no, bare);
    const names = first.split("|");
    const when = bare !== null && names.includes(bare) ? "WhenBare" : "When";
    return `${when}<O, ${names.map((name) => JSON.stringify(name)).join(" | ")}, ${yes}, ${no}>`;
  }

  #print(shape: Shape): string {
    switch (shape.kind) {
      case "name":
        return this.#name(shape.name);
      case "literal":
        return JSON.stringify(shape.text);
      case "nullable":
        return `${this.#print(shape.of)} | null`;
      case "list":
        return shape.of.kind === "nullable" || shape.of.kind === "union"
          ? `(${this.#print(shape.of)})[]`
          : `${this.#print(shape.of)}[]`;
      case "tuple": {
        const items = shape.items.map((item) => this.#print(item));
        if (shape.rest !== null) items.push(`...${this.#print(shape.rest)}[]`);
        return `[${items.join(", ")}]`;
      }
      case "record":
        return `{ ${shape.fields.map((field) => `readonly ${quoted(field.name)}${field.optional ? "?" : ""}: ${this.#print(field.shape)}`).join("; ")} }`;
      case "map":
        return `Record<string, ${this.#print(shape.of)}>`;
      case "pairs":
        return `[${this.#print(shape.key)}, ${this.#print(shape.value)}][]`;
      case "first":
        return `[${this.#print(shape.key)}, ${this.#print(shape.value)}]`;
      case "union":
        return shape.of.map((one) => this.#print(one)).join(" | ");
    }
  }

  #name(name: string): string {
    const plain: Record<string, string> = {
      string: "S",
      int: "number",
      number: "number",
      text: "string",
      any: "Reply",
      entry: "StreamEntry<S>",
      pendingEntry: "PendingEntry<S>",
      geo: "GeoMatch<S, O>",
      stat: "number | Record<string, number>",
    };
    return plain[name] ?? `${name}${this.#holdsStrings(name) ? "<S>" : ""}`;
  }

  /** Whether a named form differs between strings and Buffers. */
  #holdsStrings(name: string): boolean {
    const seen = new Set<string>();
    const look = (shape: Shape): boolean => {
      switch (shape.kind) {
        case "name": {
          if (shape.name === "string" || shape.name === "entry" || shape.name === "pendingEntry") return true;
          const type = this.#types.get(shape.name);
          if (type === undefined || seen.has(shape.name)) return false;
          seen.add(shape.name);
          return look(type);
        }
        case "literal":
          return false;
        case "nullable":
        case "list":
        case "map":
          return look(shape.of);
        case "tuple":
          return shape.items.some(look) || (shape.rest !== null && look(shape.rest));
        case "record":
          return shape.fields.some((field) => look(field.shape));
        case "pairs":
        case "first":
          return look(shape.key) || look(shape.value);
        case "union":
          return shape.of.some(look);
      }
    };
    return look({ kind: "name", name });
  }
}

function quoted(name: string): string {
  return /^\w+$/.test(name) ? name : JSON.stringify(name);
}
