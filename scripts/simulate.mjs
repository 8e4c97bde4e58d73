/**
 * npm run simulate: the whole client on simulated time, network and server, driven by seeds.
 *
 *   npm run simulate -- --seeds 2000              seeds 1 to 2000, on all processors
 *   npm run simulate -- --cluster --seeds 2000    the same on a cluster
 *   npm run simulate -- --seed 17                 one seed: the same every time; a failure is shrunk and told step by step
 *   npm run simulate -- --planted all             how many seeds it takes to find each bug that is planted on purpose
 *   npm run simulate -- --planted swallowed-pop
 *
 * docs/reliability.md says what is done, and what is held against what.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensurePackages, fail, main, ROOT } from "./setup.mjs";

const USAGE = `npm run simulate -- [--cluster] [--seeds N] [--seed S] [--operations N] [--planted NAME|all [--shrink]] [--processes N]

  --cluster        a cluster in place of one server
  --seeds N        how many seeds (default 200; with --planted the most to try, default 2000)
  --seed S         the first seed; alone: only this one (default 1)
  --operations N   operations of each seed (default 120)
  --planted NAME   plants a bug first, and says which seed finds it; all: each of them
  --shrink         with --planted: shows the failure, shrunk
  --processes N    default: one per processor`;

const PLANTED = join(ROOT, "test", "simulation", "planted.json");

/** The program as one file, with one place of the source replaced where a bug is planted. */
async function bundle(bug) {
  const { build } = await import("esbuild"); // a fresh clone has it once its packages are installed
  const folder = join(ROOT, ".cache", "simulation");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `${bug?.name ?? "main"}.mjs`);
  const outfile = `${program}.${process.pid}`;
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["test/simulation/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    sourcemap: "inline",
    logLevel: "warning",
    plugins: [own(), ...(bug === undefined ? [] : [plant(bug)])],
  });
  // Two that run at once make the same file: neither may read the other's half.
  renameSync(outfile, program);
  return program;
}

function own() {
  return {
    name: "own packages",
    setup({ onResolve }) {
      onResolve({ filter: /^respool$/ }, () => ({ path: join(ROOT, "src", "index.ts") }));
      onResolve({ filter: /^respool\/testing$/ }, () => ({ path: join(ROOT, "src", "testing", "index.ts") }));
    },
  };
}

function plant({ name, file, find, replace }) {
  return {
    name: `planted: ${name}`,
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(ROOT, ...file.split("/"))) return undefined;
        const source = readFileSync(path, "utf8");
        if (source.split(find).length !== 2)
          throw new Error(`${name}: expected its place once in ${file}: change test/simulation/planted.json`);
        return { contents: source.replace(find, () => replace), loader: "ts" };
      });
    },
  };
}

/** Runs the program in a process of its own; `onMessage` gets what it says. */
function runOne(file, argv, onMessage) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--enable-source-maps", file, ...argv.map(String)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) onMessage(JSON.parse(line), child);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
}

/** All seeds, shared among the processes. @returns the totals, with what failed */
async function simulate({ cluster, seed, seeds, operations, processes }, tell) {
  const file = await bundle();
  const latest = new Map();
  const failures = [];
  const runs = Array.from({ length: Math.min(processes, seeds) }, async (_run, index) => {
    const count = Math.ceil((seeds - index) / processes);
    const status = await runOne(
      file,
      [cluster ? "cluster" : "server", seed + index, processes, count, operations],
      (message) => {
        if (message.kind === "failure") failures.push(message);
        else latest.set(index, message);
        tell(totals(latest));
      },
    );
    if (status !== 0) throw new Error(`a process of the simulation ended with ${status}`);
  });
  await Promise.all(runs);
  return { ...totals(latest), failures };
}

function totals(latest) {
  const sum = { seeds: 0, events: 0, time: 0, faults: 0, operations: 0, outcomes: {} };
  for (const { seeds, events, time, faults, outcomes } of latest.values()) {
    sum.seeds += seeds;
    sum.events += events;
    sum.time += time;
    sum.faults += faults;
    for (const [name, count] of Object.entries(outcomes)) {
      sum.outcomes[name] = (sum.outcomes[name] ?? 0) + count;
      sum.operations += count;
    }
  }
  return sum;
}

function plantedBugs() {
  return JSON.parse(readFileSync(PLANTED, "utf8"));
}

/** @returns the seed that finds a planted bug, after how many, and by which broken promise; null where none does */
async function findPlanted(bug, { seed, seeds, operations, shrink }) {
  const file = await bundle(bug);
  let found = null;
  const mode = shrink ? [] : ["--until-failure"];
  const status = await runOne(file, [bug.world ?? "server", seed, 1, seeds, operations, ...mode], (message) => {
    if (message.kind !== "progress") found = message;
  });
  if (status !== 0 && found === null) throw new Error(`${bug.name}: the simulation ended with ${status}`);
  return found;
}

function show({ seeds, operations, events, time, faults, outcomes }) {
  const parts = Object.entries(outcomes).map(([name, count]) => `${count} ${name}`);
  return `${seeds} seeds, ${operations} operations (${parts.join(", ")}), ${faults} faults, ${events} events, ${Math.round(time / 3_600_000)} simulated hours`;
}

/** @returns what was asked for; ends the process where that is not clear */
function readArguments() {
  const options = {
    cluster: { type: "boolean", default: false },
    seeds: { type: "string" },
    seed: { type: "string" },
    operations: { type: "string", default: "120" },
    planted: { type: "string" },
    shrink: { type: "boolean", default: false },
    processes: { type: "string", default: String(availableParallelism()) },
    help: { type: "boolean", short: "h", default: false },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    fail(`${error.message}\n\n${USAGE}`);
  }
  if (values.shrink && values.planted === undefined)
    fail("--shrink needs --planted; every other failure is shrunk anyway");
  const whole = (name, fallback) => {
    const text = values[name] ?? fallback;
    if (!/^[1-9]\d{0,8}$/.test(text)) fail(`--${name} must be a whole number from 1, got ${text}`);
    return Number(text);
  };
  const most = values.planted === undefined ? (values.seed === undefined ? "200" : "1") : "2000";
  return {
    ...values,
    seed: whole("seed", "1"),
    seeds: whole("seeds", most),
    operations: whole("operations"),
    processes: whole("processes"),
  };
}

/** Says how far it is, on a terminal all the time, else now and then. */
function teller(seeds) {
  const { isTTY } = process.stderr;
  let told = 0;
  return ({ seeds: done }) => {
    if (!isTTY && performance.now() - told < 10_000) return;
    told = performance.now();
    process.stderr.write(isTTY ? `\r${done}/${seeds} seeds` : `${done}/${seeds} seeds\n`);
  };
}

async function showSeeds(asked) {
  const began = performance.now();
  const result = await simulate(asked, teller(asked.seeds));
  if (process.stderr.isTTY) process.stderr.write("\r");
  for (const failure of result.failures)
    showFailure(failure, `${asked.cluster ? "--cluster " : ""}--operations ${asked.operations}`);
  const verdict = result.failures.length === 0 ? "every promise was kept" : "see above";
  console.log(`${show(result)} in ${((performance.now() - began) / 1000).toFixed(1)} s: ${verdict}`);
  if (result.failures.length > 0) process.exitCode = 1;
}

/** @param again what beside the seed repeats it */
function showFailure({ seed, violation, options, steps, of, trace }, again) {
  console.log(
    `\nseed ${seed}: ${violation.rule}\n  ${violation.text}\n  options: ${JSON.stringify(options)}\n  shrunk from ${of} steps to ${steps}:\n`,
  );
  for (const line of trace) console.log(`  ${line}`);
  console.log(`\n  again: npm run simulate -- --seed ${seed} ${again}\n`);
}

async function showPlanted(name, limits) {
  const all = plantedBugs();
  const chosen = name === "all" ? all : all.filter((bug) => bug.name === name);
  if (chosen.length === 0)
    fail(`--planted must be all or one of ${all.map((bug) => bug.name).join(", ")}; got ${name}`);
  for (const bug of chosen) {
    const found = await findPlanted(bug, limits);
    if (found === null) {
      process.exitCode = 1;
      console.log(`${bug.name}: NOT FOUND within ${limits.seeds} seeds`);
    } else if (found.kind === "failure") {
      showFailure(found, `--operations ${limits.operations} --planted ${bug.name} --shrink`);
    } else {
      console.log(
        `${bug.name}: found by seed ${found.seed}, after ${found.tried}: ${found.violation.rule}: ${found.violation.text.split("\n")[0].slice(0, 120)}`,
      );
    }
  }
}

await main(async () => {
  const asked = readArguments();
  if (asked.help) return console.log(USAGE);
  await ensurePackages();
  return asked.planted === undefined ? showSeeds(asked) : showPlanted(asked.planted, asked);
});
