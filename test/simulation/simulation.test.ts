import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The command as it is typed. @returns what it prints, and how it ended */
async function simulate(...args: string[]): Promise<{ output: string; failed: boolean }> {
  try {
    const { stdout } = await run(process.execPath, ["scripts/simulate.mjs", ...args], { maxBuffer: 2 ** 26 });
    return { output: stdout, failed: false };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return { output: stdout + stderr, failed: true };
  }
}

test("2,000 seeds keep every promise", async () => {
  const { output, failed } = await simulate("--seeds", "2000");
  assert.ok(!failed, output);
  assert.match(output, /^2000 seeds, \d{6} operations .* every promise was kept$/m);
});

test("500 seeds of a cluster keep every promise", async () => {
  const { output, failed } = await simulate("--cluster", "--seeds", "500");
  assert.ok(!failed, output);
  assert.match(output, /^500 seeds, \d{5} operations .* every promise was kept$/m);
});

for (const world of [[], ["--cluster"]]) {
  test(`a seed does the same every time ${world.join()}`.trimEnd(), async () => {
    const runs = await Promise.all([1, 2].map(() => simulate(...world, "--seed", "4711", "--operations", "500")));
    const [one, other] = runs.map(({ output }) => output.replace(/ in [\d.]+ s/, ""));
    assert.match(one ?? "", /^1 seeds, \d+ operations .* \d+ events/);
    assert.equal(one, other);
  });
}

const planted = JSON.parse(readFileSync(new URL("planted.json", import.meta.url), "utf8")) as {
  name: string;
  seenIn: string;
}[];

for (const { name, seenIn } of planted) {
  test(`the planted bug ${name} is found within 2,000 seeds (${seenIn})`, async () => {
    const { output, failed } = await simulate("--planted", name);
    assert.ok(!failed, output);
    assert.match(output, new RegExp(`^${name}: found by seed \\d+, after \\d+: `));
  });
}

test("a failure is shrunk to a trace that a person can read", async () => {
  const { output, failed } = await simulate("--planted", "written-twice", "--shrink");
  assert.ok(!failed, output);
  const [, from, to] = /shrunk from (\d+) steps to (\d+)/.exec(output) ?? [];
  assert.ok(Number(to) <= 6 && Number(to) < Number(from), output);
  assert.match(output, /ran 2 times/);
});
