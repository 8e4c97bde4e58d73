/** Machine, versions and settings of a run, for the report. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clients } from "./clients/catalogue.mjs";
import { bunProgram } from "./round.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
/** What of this folder a run or a report writes: no change of what is measured. */
const WRITTEN = ["results.json", "results.svg", "RESULTS.md", "caches/results.json", "caches/RESULTS.md"];
/** Settings of the server that could make a difference. */
const SERVER_SETTINGS = ["save", "appendonly", "io-threads", "maxmemory", "maxmemory-policy", "activedefrag"];

/** Before the run: what cannot be told should end it early. */
export async function describeRun(options, servers) {
  const { Redis } = await import("../dist/index.js");
  const redis = new Redis(servers.url);
  const server = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1];
  const serverSettings = await redis.call("CONFIG", "GET", ...SERVER_SETTINGS);
  await redis.close();
  return {
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      processors: cpus().length,
      memory: totalmem(),
      platform: process.platform,
      arch: process.arch,
      kernel: release(),
    },
    versions: {
      node: process.version,
      server: `redis-server ${server}`,
      limit: options.workloads.some(({ suite }) => suite === "clients") ? options.limit?.version : undefined,
      ...versions(options.chosen),
    },
    commit: commit(),
    serverSettings,
    asked: options.asked,
    rounds: options.rounds,
    phases: options.phases,
    started: new Date().toISOString().slice(0, 10),
    settings: Object.fromEntries(options.chosen.map((name) => [name, clients[name].settings])),
    installed: installedSizes(packagesOf(options.chosen)),
  };
}

/** By the package's name, the folder in which it is installed. */
function packagesOf(chosen) {
  return new Map(
    chosen.flatMap((name) => (clients[name].package ? [[clients[name].package, clients[name].folder ?? ""]] : [])),
  );
}

/** `{ id, changed }` of what is measured, or null where this is no clone. */
function commit() {
  const git = (...args) =>
    execFileSync("git", args, { cwd: here, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const others = WRITTEN.map((name) => `:(exclude)${name}`);
    return {
      id: git("rev-parse", "HEAD"),
      changed: git("status", "--porcelain", "--", ".", "../src", ...others) !== "",
    };
  } catch {
    return null;
  }
}

function packageOf(name, place) {
  const folder = name === "respool" ? join(here, "..") : join(here, place, "node_modules", name);
  try {
    return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) };
  } catch {
    return null; // not installed: only some clients were asked for, or an optional one of another platform
  }
}

function versions(chosen) {
  const found = {};
  for (const [name, place] of packagesOf(chosen)) found[name] = packageOf(name, place)?.manifest.version;
  if (!chosen.some((name) => clients[name].runtime === "bun")) return found;
  try {
    found.bun = execFileSync(bunProgram(), ["--version"], { encoding: "utf8" }).trim();
  } catch {
    // Not installed, or not for this platform.
  }
  return found;
}

/** Bytes on disk of each package with all it depends on; of respool, which is not installed, what npm says it would unpack. */
function installedSizes(packages) {
  const sizes = Array.from(packages, ([name, place]) => [
    name,
    name === "respool" ? packedSize() : sizeWithDependencies(name, place, new Set()),
  ]);
  return Object.fromEntries(sizes.filter(([, size]) => size > 0));
}

/** What of this folder goes into the package; it depends on nothing. */
function packedSize() {
  const packed = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: join(here, ".."),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const entry = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  return entry.unpackedSize;
}

function sizeWithDependencies(name, place, seen) {
  const found = packageOf(name, place);
  if (found === null || seen.has(name)) return 0;
  seen.add(name);
  const { dependencies = {}, optionalDependencies = {} } = found.manifest;
  const below = Object.keys({ ...dependencies, ...optionalDependencies });
  return folderSize(found.folder) + below.reduce((sum, other) => sum + sizeWithDependencies(other, place, seen), 0);
}

function folderSize(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(folder, "node_modules")))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
