import { readFileSync } from "node:fs";
import ts from "typescript";

/** An example of the documentation, as it stands on its page. */
export interface Block {
  readonly page: string;
  /** The page's line of its first line, from 1. */
  readonly line: number;
  readonly code: string;
  /** False where it is marked `ts no-run`. */
  readonly runs: boolean;
}

/**
 * The blocks marked `ts` of a Markdown text. What may stand behind `ts` is `no-run`: such a block is only type-checked.
 */
export function findBlocks(page: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; indent: string; info: string; lines: string[] } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const [, indent = "", info = ""] = /^(\s*)```(.*)$/.exec(text) ?? [];
    const isFence = /^\s*```/.test(text);
    if (open === undefined) {
      if (isFence) open = { line: index + 2, indent, info: info.trim(), lines: [] };
    } else if (isFence) {
      const [language, ...marks] = open.info.split(/\s+/);
      if (language === "ts" || language === "typescript") {
        const unknown = marks.filter((mark) => mark !== "no-run");
        if (unknown.length > 0) throw new Error(`${page}:${open.line - 1}: "${unknown[0]}" is not a mark of examples`);
        blocks.push({ page, line: open.line, code: `${open.lines.join("\n")}\n`, runs: marks.length === 0 });
      }
      open = undefined;
    } else {
      open.lines.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    }
  }
  return blocks;
}

/** What an example may use without a word: the names of the package, and a client and a pool of its own. */
const GIVEN: Readonly<Record<string, string>> = {
  redis: "await using redis = new Redis();",
  pool: "await using pool = new ConnectionPool();",
  assert: 'import assert from "node:assert/strict";',
};

const ENTRIES: readonly (readonly [specifier: string, file: string])[] = [
  ["respool", "../../src/index.ts"],
  ["respool/testing", "../../src/testing/index.ts"],
];

/** What the entries export: name → how it is imported. */
const EXPORTS: ReadonlyMap<string, string> = new Map(
  ENTRIES.flatMap(([specifier, file]) => {
    const source = parse(readFileSync(new URL(file, import.meta.url), "utf8"));
    return source.statements.filter(ts.isExportDeclaration).flatMap(({ isTypeOnly, exportClause }) => {
      if (exportClause === undefined || !ts.isNamedExports(exportClause)) return [];
      return exportClause.elements.map((element): [string, string] => {
        const type = isTypeOnly || element.isTypeOnly ? "type " : "";
        return [element.name.text, `import { ${type}${element.name.text} } from "${specifier}";`];
      });
    });
  }),
);

/**
 * The example as a module: what it uses without importing it is imported on a line before its first one, so that
 * line n of the module is line n - 1 of the example.
 */
export function asModule(block: Block): string {
  const free = freeNames(parse(block.code));
  const given = Object.keys(GIVEN).filter((name) => free.has(name));
  const needed = new Set(free);
  const declared = declaredNames(parse(block.code));
  if (given.includes("redis") && !declared.has("Redis")) needed.add("Redis");
  if (given.includes("pool") && !declared.has("ConnectionPool")) needed.add("ConnectionPool");
  const imports = [...needed].flatMap((name) => EXPORTS.get(name) ?? []);
  return `${[...imports, ...given.map((name) => GIVEN[name])].join(" ")} export {};\n${block.code}`;
}

/**
 * The same to be run, from a folder two levels below the project's root: it goes to the test's server, and each
 * `// → value` is compared.
 */
export function asProgram(block: Block): string {
  const source = asModule(block);
  const tree = parse(source);
  const edits: { start: number; end: number; text: string }[] = [];
  let expectations = 0;
  const visit = (node: ts.Node): void => {
    if (
      ts.isImportDeclaration(node) &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      node.moduleSpecifier.text === "respool"
    )
      edits.push({
        start: node.moduleSpecifier.getStart(tree),
        end: node.moduleSpecifier.end,
        text: '"../../test/docs/run/redirected.ts"',
      });
    const expected = expectationBehind(source, node);
    if (expected !== undefined && (ts.isExpressionStatement(node) || ts.isVariableStatement(node))) {
      const line = block.line + tree.getLineAndCharacterOfPosition(node.end).line - 1;
      edits.push(comparison(node, tree, `${block.page}:${line}`, expected));
      expectations++;
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  const written = source.split("// → ").length - 1;
  if (written !== expectations)
    throw new Error(
      `${block.page}:${block.line}: ${written - expectations} of ${written} "// →" belong to no statement`,
    );
  edits.sort((a, b) => b.start - a.start);
  let program = source;
  for (const { start, end, text } of edits) program = program.slice(0, start) + text + program.slice(end);
  return `import { same as __same } from "../../test/docs/run/same.ts"; ${program}`;
}

function expectationBehind(source: string, node: ts.Node): string | undefined {
  return /^[ \t]*\/\/ → (.+)/.exec(source.slice(node.end))?.[1]?.trim();
}

function comparison(
  node: ts.ExpressionStatement | ts.VariableStatement,
  tree: ts.SourceFile,
  where: string,
  expected: string,
): { start: number; end: number; text: string } {
  const check = (actual: string): string => `__same(${JSON.stringify(where)}, ${actual}, (${expected}));`;
  if (ts.isVariableStatement(node)) {
    const name = node.declarationList.declarations.at(-1)?.name.getText(tree) ?? "";
    return { start: node.end, end: node.end, text: ` ${check(`(${name})`)}` };
  }
  const { expression } = node;
  const isLog = ts.isCallExpression(expression) && expression.expression.getText(tree) === "console.log";
  const actual = isLog ? (expression.arguments[0] ?? expression) : expression;
  return { start: node.getStart(tree), end: node.end, text: check(`(${actual.getText(tree)})`) };
}

function parse(code: string): ts.SourceFile {
  return ts.createSourceFile("example.ts", code, ts.ScriptTarget.ESNext, true);
}

/** Names that are used and nowhere declared. */
function freeNames(tree: ts.SourceFile): Set<string> {
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isMemberName(node)) used.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  const declared = declaredNames(tree);
  return new Set([...used].filter((name) => !declared.has(name)));
}

function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  return ts.isPropertyAssignment(parent) && parent.name === node;
}

function declaredNames(tree: ts.SourceFile): Set<string> {
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isDeclaration =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node) ||
      ts.isNamespaceImport(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node);
    if (isDeclaration && node.name !== undefined && ts.isIdentifier(node.name)) declared.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return declared;
}
