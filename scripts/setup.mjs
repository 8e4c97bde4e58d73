// Brings a fresh clone to where everything runs: packages, a Redis or Valkey server, the compiled library.
// Plain JavaScript on Node alone, for nothing is installed yet. By itself: node scripts/setup.mjs
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** The compiler, as a Node program. */
export const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");

const BUILD_STAMP = join(ROOT, ".cache", "build");

/** Everything, in order; returns the server that was found, or undefined where none is wanted. */
export async function setUp({ server = true } = {}) {
  checkNode();
  await ensurePackages();
  await ensureBuild();
  return server ? await ensureServer() : undefined;
}

/** Ends the process with one clear line. */
export function fail(message) {
  process.stderr.write(`respool: ${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`needs Node 20.19 or newer, this is ${process.version}`);
}

/** Runs `npm ci` unless what package-lock.json asks for is installed. */
export async function ensurePackages() {
  if (packagesAreCurrent()) return;
  const inNpm = basename(process.env.npm_execpath ?? "").startsWith("npm");
  const npm = inNpm ? [process.execPath, process.env.npm_execpath] : ["npm"];
  // --include=dev: NODE_ENV=production would leave the compiler out.
  await run("installing packages", [...npm, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
}

// By content: the time stamps of a clone, a copy or a restored cache say nothing.
function packagesAreCurrent() {
  const installed = readJson(join(ROOT, "node_modules", ".package-lock.json"))?.packages;
  const wanted = readJson(join(ROOT, "package-lock.json"))?.packages;
  if (installed === undefined) return false;
  return Object.entries(wanted ?? {}).every(([path, entry]) => {
    if (path === "" || entry.optional === true || entry.devOptional === true || entry.peer === true) return true;
    return installed[path]?.version === entry.version && existsSync(join(ROOT, path));
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Compiles src/ to dist/ if anything in it has changed since. */
export async function ensureBuild() {
  const print = sourcePrint();
  const built = existsSync(join(ROOT, "dist", "index.js")) && existsSync(BUILD_STAMP);
  if (built && readFileSync(BUILD_STAMP, "utf8") === print) return;
  // Beside, and then swapped in: a program that runs from dist/ never sees half of it, and no deleted file stays.
  const fresh = join(ROOT, ".cache", `dist-${process.pid}`);
  mkdirSync(fresh, { recursive: true });
  try {
    await run("compiling", [process.execPath, TSC, "-p", "tsconfig.build.json", "--outDir", fresh]);
    await run("bundling", [process.execPath, join(ROOT, "scripts", "bundle.mjs"), fresh]);
    rmSync(join(ROOT, "dist"), { recursive: true, force: true });
    renameSync(fresh, join(ROOT, "dist"));
    writeFileSync(BUILD_STAMP, print);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function sourcePrint() {
  const hash = createHash("sha256");
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  };
  for (const path of filesBelow("src")) add(path);
  for (const path of ["package.json", "tsconfig.json", "tsconfig.build.json", "scripts/bundle.mjs"]) add(path);
  return hash.digest("hex");
}

/** All files in a folder of the project, as paths from its root, in order. */
export function filesBelow(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.name === "node_modules") return [];
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();
}

/** Finds a server, or installs one where the system's package manager and our rights allow it. */
export async function ensureServer() {
  const { findServer } = await import(pathToFileURL(join(ROOT, "dist", "testing", "index.js")).href);
  const find = () => {
    try {
      return { server: findServer() };
    } catch (error) {
      return { problem: error.message };
    }
  };
  const first = find();
  if (first.server !== undefined) return first.server;
  if (process.env.RESPOOL_SERVER) fail(first.problem);
  const installation = chooseInstallation();
  if (installation === undefined) fail(first.problem);
  await run(`installing a server with ${installation.manager}`, installation.command, installation.manager);
  const second = find();
  if (second.server === undefined) fail(second.problem);
  return second.server;
}

// Valkey where the distribution has it, else Redis.
const INSTALLATIONS = [
  {
    manager: "apt-get",
    // policy-rc.d (101: forbidden) keeps the package from starting its service, which would take port 6379 and stay;
    // disabled, it does not start with the machine either. A policy that is there already is left as it is.
    script: `
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
package=redis-server
if apt-cache show valkey-server >/dev/null 2>&1; then package=valkey-server; fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$package"
if command -v systemctl >/dev/null 2>&1; then systemctl disable --quiet "$package" >/dev/null 2>&1 || true; fi
`,
  },
  { manager: "dnf", script: "dnf install -y -q valkey || dnf install -y -q redis" },
  { manager: "apk", script: "apk add --no-cache valkey || apk add --no-cache redis" },
  { manager: "brew", script: "brew install --quiet valkey || brew install --quiet redis", asUser: true },
];

function chooseInstallation() {
  const isRoot = process.getuid?.() === 0;
  const maySudo = !isRoot && spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0;
  for (const { manager, script, asUser = false } of INSTALLATIONS) {
    if (spawnSync(manager, ["--version"], { stdio: "ignore" }).status !== 0) continue;
    if (asUser ? isRoot : !(isRoot || maySudo)) continue;
    const shell = ["/bin/sh", "-ec", script];
    return { manager, command: asUser || isRoot ? shell : ["sudo", "-n", ...shell] };
  }
  return undefined;
}

/** Runs a command with its output kept back, one line of progress, and its output shown if it fails. */
async function run(what, [program, ...args], named = basename(program)) {
  const start = Date.now();
  const line = () => `respool: ${what} … ${Math.round((Date.now() - start) / 1000)} s`;
  const isTerminal = process.stderr.isTTY === true;
  process.stderr.write(isTerminal ? line() : `respool: ${what} …\n`);
  const ticker = isTerminal ? setInterval(() => process.stderr.write(`\r${line()}`), 1000) : undefined;
  const output = [];
  const status = await new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  clearInterval(ticker);
  if (isTerminal) process.stderr.write(`\r${line()}\n`);
  if (status === 0) return;
  // The cause comes first or last; npm adds all its options.
  const lines = Buffer.concat(output).toString().trimEnd().split("\n");
  const shown = lines.length <= 60 ? lines : [...lines.slice(0, 30), "…", ...lines.slice(-20)];
  process.stderr.write(`${shown.join("\n")}\n`);
  throw new SetupError(`${what} failed: ${named} ended with ${status}, its output is above`);
}

class SetupError extends Error {}

/** Runs a script's main function; a failed step of the set-up is one line, not a stack. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    fail(error.message);
  }
}

/** Runs a Node program in the project's root as if it were this process, and resolves to its exit status. */
export function runNode(args, { timeout } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    let reason;
    const stop = (why, signal) => {
      reason ??= why;
      child.kill(signal);
      setTimeout(() => child.kill("SIGKILL"), 5000).unref();
    };
    for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => stop(`ended by ${signal}`, signal));
    // A terminal interrupts both of us; the child gets it twice only where it was meant for us alone.
    process.on("SIGINT", () => setTimeout(stop, 1000, "ended by SIGINT", "SIGINT").unref());
    const late = () => stop(`not done within ${timeout / 1000} s`, "SIGTERM");
    const limit = timeout === undefined ? undefined : setTimeout(late, timeout);
    child.once("exit", (code) => {
      clearTimeout(limit);
      if (reason !== undefined) process.stderr.write(`respool: ${reason}\n`);
      resolve(reason === undefined ? (code ?? 1) : 1);
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const server = await setUp();
    console.log(`respool: ready, with ${server.kind} ${server.version} (${server.path}) and Node ${process.version}`);
  });
}
