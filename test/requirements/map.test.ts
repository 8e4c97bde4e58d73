import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const PLANNED: readonly string[] = [];
const ROWS = Array.from({ length: 16 }, (_, index) => `R${index + 1}`);

interface Row {
  readonly files: readonly string[];
  /** The names of its tests, by file. */
  readonly tests: ReadonlyMap<string, readonly string[]>;
  readonly text: string;
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The names of all tests in a file; what is put into a name when it runs is a "…". */
function testNames(path: string): string[] {
  const calls = read(path).matchAll(/\btest\(\s*(["`])((?:\\.|(?!\1).)*)\1/g);
  return [...calls].map((call) => (call[2] ?? "").replaceAll(/\$\{[^}]*\}/g, "…"));
}

/** The rows of the page's first table. */
function documentedRows(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of read("docs/requirements.md").split("\n")) {
    const [, name, , cell] = /^\| (R\d+) \| (.*?) \| (.*) \|$/.exec(line) ?? [];
    if (name === undefined || cell === undefined) continue;
    assert.ok(!rows.has(name), `${name} is there twice`);
    const tests = new Map<string, string[]>();
    let current: string[] = [];
    for (const item of cell.split("<br>")) {
      const file = /^\[.*\]\(\.\.\/(.*)\)$/.exec(item)?.[1];
      if (file !== undefined) tests.set(file, (current = []));
      else if (item.startsWith("– ")) current.push(`${name}: ${item.slice(2)}`);
    }
    rows.set(name, { files: [...tests.keys()], tests, text: cell });
  }
  return rows;
}

test("the page has every row once, and says plainly which ones are planned", () => {
  const rows = documentedRows();
  assert.deepEqual([...rows.keys()], ROWS);
  for (const [name, { files, text }] of rows) {
    if (PLANNED.includes(name)) assert.match(text, /^planned/, name);
    else assert.ok(files.length > 0, `${name} has no tests`);
  }
});

test("each row names exactly the tests that there are, in their order", () => {
  for (const [name, { tests }] of documentedRows()) {
    for (const [file, names] of tests) {
      assert.deepEqual(names, testNames(file), `${name}, ${file}`);
      assert.ok(names.length >= 3, `${name} has several tests in ${file}`);
    }
  }
});

test("every test of a requirement is on the page, and its name begins with its row", () => {
  const listed = new Set([...documentedRows().values()].flatMap(({ files }) => files));
  const files = readdirSync(new URL("test/requirements/", ROOT)).filter((file) => /^r\d.*\.test\.ts$/.test(file));
  assert.deepEqual([...listed].sort(), files.map((file) => `test/requirements/${file}`).sort());
  for (const file of files) {
    const row = `R${Number(/^r(\d+)-/.exec(file)?.[1])}`;
    for (const name of testNames(`test/requirements/${file}`))
      assert.ok(name.startsWith(`${row}: `), `${file}: ${name}`);
  }
});

test("every file that the page links to is there", () => {
  const links = [...read("docs/requirements.md").matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((link) => link[1] ?? "");
  assert.ok(links.length >= ROWS.length);
  for (const link of links) assert.ok(existsSync(new URL(link, ROOT)), link);
});
