/**
 * npm run check              runs every check, two at a time
 * npm run check -- lint api  runs these, and what they need
 *
 * One line per step; the output of a step is shown only when it fails. All steps run, whatever fails.
 */
import { spawn } from "node:child_process";
import { ensurePackages, ROOT } from "./setup.mjs";
import { steps } from "./steps.mjs";

const PARALLEL = 2;

await ensurePackages();

/** Runs a command to its end and returns its exit status and everything that it printed. */
function run([program, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ status: 1, output: `${error.message}: run npm install first?\n` }));
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

/** The steps that are asked for, with those that they need, in the order of the table. */
function select(names) {
  const unknown = names.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    console.error(`unknown step ${unknown.join(", ")}: the known ones are ${Object.keys(steps).join(", ")}`);
    process.exit(2);
  }
  const wanted = new Set();
  const add = (name) => {
    for (const before of steps[name].needs ?? []) add(before);
    wanted.add(name);
  };
  for (const name of names.length > 0 ? names : Object.keys(steps)) add(name);
  return Object.keys(steps).filter((name) => wanted.has(name));
}

async function runStep(name) {
  const started = performance.now();
  const { status, output } = await run(steps[name].command);
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${name.padEnd(10)} ${seconds} s`);
  if (status !== 0) console.log(output.trimEnd().replaceAll(/^/gm, "       "));
  return status === 0;
}

/** Runs the steps, each after those that it needs; a step whose need failed is failed without running. */
async function runAll(names) {
  const done = new Map();
  const waiting = [...names];
  const worker = async () => {
    while (waiting.length > 0) {
      const ready = waiting.findIndex((name) => (steps[name].needs ?? []).every((before) => done.get(before)?.settled));
      if (ready === -1) {
        await Promise.race([...done.values()].filter((entry) => !entry.settled).map((entry) => entry.promise));
        continue;
      }
      const [name] = waiting.splice(ready, 1);
      const broken = (steps[name].needs ?? []).find((before) => !done.get(before).ok);
      if (broken !== undefined) console.log(`FAILED ${name.padEnd(10)} not run: ${broken} failed`);
      const entry = {
        settled: false,
        ok: false,
        promise: broken === undefined ? runStep(name) : Promise.resolve(false),
      };
      done.set(name, entry);
      entry.ok = await entry.promise;
      entry.settled = true;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return names.filter((name) => !done.get(name).ok);
}

const started = performance.now();
const names = select(process.argv.slice(2));
const failed = await runAll(names);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
if (failed.length > 0) console.log(`\n${failed.length} of ${names.length} failed: ${failed.join(", ")} (${seconds} s)`);
else console.log(`\nall ${names.length} ok (${seconds} s)`);
process.exitCode = failed.length > 0 ? 1 : 0;
