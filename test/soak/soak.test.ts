import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import type { SoakReport } from "./soak.ts";

const ROOT = new URL("../../", import.meta.url);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a Node program of the project; it is killed after a time that only a hang takes. */
async function run(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), 90_000);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  return { code, stdout, stderr };
}

function soak(options: object): Promise<Ended> {
  // The rate is half of what there is room for, for other tests run beside.
  const all = {
    seconds: 8,
    seed: 11,
    connections: 12,
    every: 0.5,
    measure: 0.7,
    share: 0.5,
    corrupts: false,
    overload: false,
    json: true,
  };
  return run(["--import", "tsx", "test/soak/main.ts", JSON.stringify({ ...all, ...options })]);
}

test("under a mixed load with a fault every second every promise is kept, and nothing is left in the end", async () => {
  const { code, stdout, stderr } = await soak({});
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const report = JSON.parse(stdout) as SoakReport;
  assert.deepEqual(report.violations, []);
  assert.ok(report.ok);
  assert.ok(report.faults.total >= 3 && Object.keys(report.faults.kinds).length >= 3, JSON.stringify(report.faults));
  assert.equal(report.recoveries.count, report.faults.total);
  assert.ok(report.load.held > 0 && report.load.capacity > report.load.offered, JSON.stringify(report.load));
  const { succeeded, unknown, aborted } = report.outcomes;
  assert.ok(succeeded > 1000 && aborted > 0, JSON.stringify(report.outcomes));
  assert.equal(
    succeeded + unknown + aborted + report.outcomes.rejected + report.outcomes["not-sent"],
    report.operations,
  );
  const { values, samples, writes, jobs, messages } = report.oracle;
  assert.ok(values > 1000 && samples > 50 && writes > 50 && jobs > 5 && messages > 50, JSON.stringify(report.oracle));
  for (const kind of ["get", "incr", "multi", "pop", "transaction", "lease", "subscribe", "aborted", "hurried"])
    assert.ok((report.kinds[kind] ?? 0) > 0, `${kind}: ${JSON.stringify(report.kinds)}`);
  for (const name of ["sockets", "timers", "listeners"] as const)
    assert.equal(report.end[name], report.start[name], name);
  assert.match(stderr, /\d+ s: \d+ operations\/s/, "it says how far it is");
});

test("a reply that goes to somebody else is found, and the soak fails", async () => {
  const { code, stdout, stderr } = await soak({ seconds: 2, corrupts: true });
  assert.equal(code, 1);
  assert.notEqual(stdout, "", stderr);
  const report = JSON.parse(stdout) as SoakReport;
  assert.equal(report.ok, false);
  assert.equal(report.violations.length, 1, report.violations.join("\n"));
  assert.match(report.violations[0] ?? "", /^every reply belongs to its caller: .* gave value:of-another@0$/);
});

test("the command says how it is used, and what is wrong with an option", async () => {
  const help = await run(["scripts/soak.mjs", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--seconds N .*--seed S .*--overload/s);
  const wrong = await run(["scripts/soak.mjs", "--seconds", "soon"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /--seconds must be a whole number from 1 to \d+, got soon/);
});
