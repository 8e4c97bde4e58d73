import { parseGrammar, type ArgumentNode } from "../../src/commands/grammar.ts";
import { signatureOf, type Signature } from "../../src/commands/signature.ts";

/** One line of facts.txt, taken apart. */
export interface Facts {
  readonly name: string;
  readonly effect: string;
  readonly since: string;
  readonly grammar: string;
  readonly nodes: readonly ArgumentNode[];
  readonly signature: Signature;
  readonly reply: string;
  readonly route: "share" | "lease" | "subscribe";
  readonly hasMethod: boolean;
  readonly blocks: { readonly argument: string; readonly scale: number } | null;
  /** `if get: string?`, `accumulate if incr`, `lease if block`. */
  readonly rules: readonly string[];
  /** How a cluster spreads the command and joins the replies, or null. */
  readonly cluster: string | null;
}

/** The whole of facts.txt: the named forms of replies, and the commands. */
export interface FactsFile {
  readonly types: readonly (readonly [name: string, text: string])[];
  readonly commands: readonly Facts[];
}

const LINE = /^([A-Z_ -]+?) {2}(read|overwrite|accumulate) (\d+\.\d+\.\d+)(?: {2}(.*?))? -> (.*)$/;

/** Reads the whole file. */
export function readFacts(text: string): FactsFile {
  const types: [string, string][] = [];
  const commands: Facts[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const type = /^type (\w+) = (.*)$/.exec(line);
    if (type !== null) types.push([type[1] as string, type[2] as string]);
    else commands.push(readLine(line, index + 1));
  }
  return { types, commands };
}

function readLine(line: string, number: number): Facts {
  const match = LINE.exec(line);
  if (match === null) throw new Error(`facts.txt:${number}: cannot read ${line}`);
  const [name, effect, since, grammar, rest] = match.slice(1).map((part: string | undefined) => part ?? "") as [
    string,
    string,
    string,
    string,
    string,
  ];
  const [reply, ...clauses] = rest.split(" ; ") as [string, ...string[]];
  const nodes = parseGrammar(grammar);
  const rules = clauses.filter((clause) => clause.includes(" if ") || clause.startsWith("if "));
  const known = {
    route: "share" as Facts["route"],
    hasMethod: true,
    blocks: null as Facts["blocks"],
    cluster: null as string | null,
  };
  for (const clause of clauses.filter((one) => !rules.includes(one))) {
    const [word, ...values] = clause.split(" ");
    if (word === "lease" || word === "subscribe") known.route = word;
    else if (clause === "no method") known.hasMethod = false;
    else if (word === "blocks") known.blocks = { argument: values[0] as string, scale: values[1] === "s" ? 1000 : 1 };
    else if (word === "cluster") known.cluster = values.join(" ");
    else throw new Error(`facts.txt:${number}: unknown clause ${clause}`);
  }
  return { name, effect, since, grammar, nodes, signature: signatureOf(nodes), reply, rules, ...known };
}
