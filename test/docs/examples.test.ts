import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { sharedServer } from "../support/server.ts";
import { asModule, asProgram, type Block, findBlocks } from "./blocks.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RUN = new URL("run/", import.meta.url);
const PAGE_LIMIT = 120_000;

const server = sharedServer();
let folder: string;

before(async () => {
  // Within the project, so that the examples find its packages and its tsconfig.json.
  await mkdir(join(ROOT, ".cache"), { recursive: true });
  folder = await mkdtemp(join(ROOT, ".cache", "docs-"));
});

after(async () => {
  await rm(folder, { recursive: true });
});

const inDocs = (await readdir(join(ROOT, "docs"), { recursive: true })).map((name) => join("docs", name));
const pageNames = ["README.md", ...inDocs.filter((name) => name.endsWith(".md")).sort()];

async function readPages(): Promise<Map<string, Block[]>> {
  const found = await Promise.all(
    pageNames.map(async (page) => [page, findBlocks(page, await readFile(join(ROOT, page), "utf8"))] as const),
  );
  return new Map(found.filter(([, blocks]) => blocks.length > 0));
}

const pages = await readPages();

function fileName({ page, line }: Block, suffix: string): string {
  return `${page.replace(/\.md$/, "").replaceAll(/[^\w]/g, "-")}-${line}.${suffix}.ts`;
}

/** The compiler's complaints about examples, with the lines of their pages. */
async function typeCheck(blocks: readonly Block[]): Promise<string[]> {
  const byFile = new Map<string, Block>();
  for (const block of blocks) {
    const file = join(folder, fileName(block, "check"));
    await writeFile(file, asModule(block));
    byFile.set(file, block);
  }
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const program = ts.createProgram([...byFile.keys()], { ...options, declaration: false, isolatedDeclarations: false });
  return [...byFile].flatMap(([file, block]) => {
    const source = program.getSourceFile(file);
    return ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
      const line = block.line - 1 + (source?.getLineAndCharacterOfPosition(start).line ?? 0);
      return `${block.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
}

/** Runs examples in a process of their own, one after the other; resolves to what went wrong in each. */
async function run(blocks: readonly Block[]): Promise<Map<Block, string | undefined>> {
  const byFile = new Map<string, Block>();
  for (const block of blocks) {
    const file = join(folder, fileName(block, "run"));
    await writeFile(file, asProgram(block));
    byFile.set(file, block);
  }
  const problems = new Map<Block, string | undefined>(blocks.map((block) => [block, "it did not get its turn"]));
  const child = fork(fileURLToPath(new URL("page.ts", RUN)), [...byFile.keys()], {
    cwd: ROOT,
    execArgv: ["--import", "tsx"],
    env: { ...process.env, DOCS_SERVER_PORT: String(server().port), NODE_TEST_CONTEXT: "" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.on("message", ({ file, problem }: { file: string; problem?: string }) => {
    const block = byFile.get(file);
    if (block !== undefined) problems.set(block, problem);
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), PAGE_LIMIT);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  const last = blocks.at(-1);
  if (status !== 0 && last !== undefined && [...problems.values()].every((problem) => problem === undefined))
    problems.set(last, `the process of the page's examples ended with ${status}:\n${output}`);
  return problems;
}

test("every example of README.md and docs/ type-checks as it stands", async () => {
  assert.deepEqual(await typeCheck([...pages.values()].flat()), []);
});

for (const [page, blocks] of pages) {
  const runnable = blocks.filter((block) => block.runs);
  if (runnable.length === 0) continue;
  describe(`the examples of ${page}`, () => {
    let problems: Map<Block, string | undefined>;
    before(async () => {
      problems = await run(runnable);
    });
    for (const block of runnable) {
      test(`${page}:${block.line} runs, and gives what it says`, () => {
        assert.equal(problems.get(block), undefined);
      });
    }
  });
}

describe("the check of examples itself", () => {
  const block = (line: number, code: string): Block => ({ page: "page.md", line, code, runs: true });

  test("an example that gives something else than it says is reported with the line of its page", async () => {
    const right = block(3, 'await redis.set("k", "v"); // → "OK"\nconst value = await redis.get("k"); // → "v"\n');
    const wrong = block(9, 'await redis.incr("n"); // → 1\nawait redis.incr("n"); // → 3\n');
    const throwing = block(20, 'await redis.set("k", "v");\nawait redis.incr("k");\n');
    const problems = await run([right, wrong, throwing]);
    assert.equal(problems.get(right), undefined);
    assert.match(problems.get(wrong) ?? "", /page\.md:10: should be 3, is 2/);
    assert.match(problems.get(throwing) ?? "", /not an integer/);
  });

  test("an example of a wrong type is reported with the line of its page", async () => {
    const complaints = await typeCheck([block(7, 'const ok = 1;\nconst n: number = await redis.get("k");\n')]);
    assert.equal(complaints.length, 1);
    assert.match(complaints[0] ?? "", /^page\.md:8: Type 'string \| null' is not assignable/);
  });

  test("an expectation that stands where nothing can be compared is refused", () => {
    assert.throws(() => asProgram(block(1, "if (redis) { // → true\n}\n")), /1 of 1 "\/\/ →" belong to no statement/);
  });
});
