import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as respool from "../../src/index.ts";
import * as testing from "../../src/testing/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function filesBelow(folder: string, suffix: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name));
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A page's text without its code, in which brackets mean something else. */
function prose(markdown: string): string {
  return markdown
    .replaceAll(/^ *```[^\n]*\n.*?^ *```/gms, "")
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]]/g, " "));
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^ *```[^\n]*\n.*?^ *```/gms, "").matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/g, "-"),
    ),
  );
}

/** What is wrong with the relative links of a page. */
function brokenLinks(page: string, markdown: string): string[] {
  return [...prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/i.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return [`${page}: ${link} leads to nothing`];
    if (anchor === undefined || !target.endsWith(".md") || anchors(read(target)).has(anchor)) return [];
    return [`${page}: ${target} has no heading #${anchor}`];
  });
}

const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...filesBelow("docs", ".md")];

test("every relative link of README.md and docs/ leads to a file, and to a heading of it", () => {
  assert.deepEqual(
    pages.flatMap((page) => brokenLinks(page, read(page))),
    [],
  );
});

test("a link to a file or a heading that does not exist is found", () => {
  const page = "docs/README.md";
  const text =
    "[a](client.md) [b](nothing.md) [c](client.md#views) [d](client.md#nothing) `x[1](y)` [e](https://x.example)";
  assert.deepEqual(brokenLinks(page, text), [
    "docs/README.md: nothing.md leads to nothing",
    "docs/README.md: docs/client.md has no heading #nothing",
  ]);
});

test("docs/README.md and docs/decisions/README.md list every page beside them", () => {
  for (const folder of ["docs", "docs/decisions"]) {
    const index = read(join(folder, "README.md"));
    const beside = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".md") && name !== "README.md");
    assert.deepEqual(
      beside.filter((name) => !index.includes(`](${name})`)),
      [],
    );
  }
});

test("docs/errors.md tells of every error class that is exported", () => {
  const text = read("docs/errors.md");
  const classes = Object.entries({ ...respool, ...testing })
    .filter(([, value]) => typeof value === "function" && value.prototype instanceof Error)
    .map(([name]) => name);
  assert.ok(classes.length > 10, classes.join());
  assert.deepEqual(
    classes.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});

test("docs/errors.md tells of every code in src/, and of no other", () => {
  const inSource = filesBelow("src", ".ts").flatMap((path) =>
    [...read(path).matchAll(/"(ERR_[A-Z_]+)"/g)].map(([, code = ""]) => code),
  );
  const onPage = [...read("docs/errors.md").matchAll(/`(ERR_[A-Z_]+)`/g)].map(([, code = ""]) => code);
  assert.deepEqual([...new Set(onPage)].sort(), [...new Set(inSource)].sort());
});

test("docs/observability.md tells of every channel that is published on, and of every reason why a connection is closed", () => {
  const text = read("docs/observability.md");
  const declared = [...read("src/base/diagnostics.ts").matchAll(/(\w+): channel\("([\w:]+)"\)/g)];
  const source = filesBelow("src", ".ts").map(read).join("\n");
  const published = declared.filter(([, name]) => source.includes(`events.${name}.publish(`));
  assert.ok(published.length > 0);
  const onPage = [...text.matchAll(/^\| `(respool:[\w:]+)` \|/gm)].map(([, channel]) => channel);
  assert.deepEqual(new Set(onPage), new Set(published.map(([, , channel]) => channel)));

  const [, reasons = ""] = /export type CloseReason =(.*?);/s.exec(read("src/connection/lost.ts")) ?? [];
  const known = [...reasons.matchAll(/^ *\| "([\w-]+)"/gm)].map(([, reason]) => reason);
  assert.ok(known.length > 0);
  assert.deepEqual(
    // A connection that never became ready was never the pool's, and is not counted.
    known.filter((reason) => reason !== "handshake" && !text.includes(`| \`${reason}\` |`)),
    [],
  );
});
