import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ReplyCompiler } from "../src/commands/replies.ts";
import type { KeyPositions } from "../src/commands/spec.ts";
import { blockPosition, keyPositions } from "./commands/positions.ts";
import { readFacts, type Facts, type FactsFile } from "./commands/read-facts.ts";
import { printTypings } from "./commands/typings.ts";

// Makes src/commands/*.generated.ts from src/commands/facts.txt.
//   npx tsx scripts/generate-commands.ts           writes them
//   npx tsx scripts/generate-commands.ts --check   fails when the committed ones differ

const root = new URL("../src/commands/", import.meta.url);
const NOTE = `// Generated from facts.txt by scripts/generate-commands.ts: do not edit.\n\n`;

function printTable(file: FactsFile): string {
  const lists = new Map<string, string>();
  const keyList = (keys: readonly KeyPositions[]): string => {
    const text = JSON.stringify(keys)
      .replace(/"(\w+)":/g, "$1: ")
      .replaceAll(",", ", ");
    let name = lists.get(text);
    if (name === undefined) lists.set(text, (name = `k${lists.size}`));
    return name;
  };
  const types = new Map(file.types);
  const rows = file.commands.map((facts) => printRow(facts, types, keyList));
  const constants = [...lists].map(([text, name]) => `const ${name}: readonly KeyPositions[] = ${text};`);
  const typeRows = file.types.map(([name, text]) => `  [${JSON.stringify(name)}, ${JSON.stringify(text)}],`);
  return [
    `${NOTE}import type { Row } from "./row.ts";\nimport type { KeyPositions } from "./spec.ts";\n`,
    ...constants,
    `\n/** The named forms of replies. */\nexport const replyTypes: readonly (readonly [string, string])[] = [`,
    ...typeRows,
    `];\n\n/** One row per command. */\nexport const rows: readonly Row[] = [`,
    ...rows,
    `];\n\n/** How a cluster spreads commands: name, request policy, response policy. */\nexport const spreads: readonly (readonly [string, string, string])[] = [`,
    ...file.commands.flatMap(printSpread),
    `];\n`,
  ].join("\n");
}

function printRow(facts: Facts, types: ReadonlyMap<string, string>, keyList: (keys: KeyPositions[]) => string): string {
  const { name, effect, route, hasMethod, signature, grammar, blocks } = facts;
  const code = effect.charAt(0) + { share: "s", lease: "l", subscribe: "b" }[route] + (hasMethod ? "" : "-");
  const needed = new ReplyCompiler(name, types).compile(facts.reply) !== null;
  const reply = needed ? facts.reply : "";
  const block =
    blocks === null
      ? "null"
      : `{ at: ${JSON.stringify(blockPosition(facts.nodes, blocks.argument))}, scale: ${blocks.scale} }`;
  const texts = [JSON.stringify(grammar), JSON.stringify(reply), block, JSON.stringify(facts.rules.join(" ; "))];
  return `  [${JSON.stringify(name)}, "${code}", ${keyList(keyPositions(facts.nodes))}, ${signature.quick}, ${texts.join(", ")}],`;
}

function printSpread({ name, cluster }: Facts): string[] {
  if (cluster === null) return [];
  const [request = "", response = ""] = cluster.split(" ");
  return [`  [${JSON.stringify(name)}, ${JSON.stringify(request)}, ${JSON.stringify(response)}],`];
}

function main(): void {
  const file = readFacts(readFileSync(new URL("facts.txt", root), "utf8"));
  const outputs: [string, string][] = [
    ["table.generated.ts", printTable(file)],
    ["typings.generated.ts", NOTE + printTypings(file)],
  ];
  const check = process.argv.includes("--check");
  for (const [name, text] of outputs) {
    const url = new URL(name, root);
    if (!check) {
      writeFileSync(url, text);
    } else if (readOrEmpty(url) !== text) {
      console.error(`${fileURLToPath(url)} is not what facts.txt gives: run npx tsx scripts/generate-commands.ts`);
      process.exitCode = 1;
    }
  }
}

function readOrEmpty(url: URL): string {
  try {
    return readFileSync(url, "utf8");
  } catch {
    return "";
  }
}

main();
