/** Machine, versions and settings of a run, for the report. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clients } from "./clients/catalogue.mjs";
import { bunProgram } from "./round.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

export async function describeRun(options, servers, elapsed) {
  const { Redis } = await import("../dist/index.js");
  const redis = new Redis(servers.url);
  const server = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1];
  await redis.close();
  return {
    machine: { cpu: cpus()[0]?.model ?? "unknown", processors: cpus().length, memory: totalmem() },
    versions: { node: process.version, server: `redis-server ${server}`, ...versions() },
    rounds: options.rounds,
    phases: options.phases,
    started: new Date(Date.now() - elapsed).toISOString().slice(0, 10),
    minutes: Math.round(elapsed / 6000) / 10,
    settings: Object.fromEntries(options.chosen.map((name) => [name, clients[name].settings])),
    installed: installedSizes(),
  };
}

function packageOf(name) {
  const folder = name === "respool" ? join(here, "..") : join(here, "node_modules", name);
  try {
    return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) };
  } catch {
    return null; // not installed: only some clients were asked for, or an optional one of another platform
  }
}

function versions() {
  const found = {};
  for (const name of new Set(Object.values(clients).flatMap((client) => client.package ?? []))) {
    found[name] = packageOf(name)?.manifest.version;
  }
  try {
    found.bun = execFileSync(bunProgram(), ["--version"], { encoding: "utf8" }).trim();
  } catch {
    found.bun = undefined;
  }
  return found;
}

/** Bytes on disk of each package with all it depends on, as npm installs it. */
function installedSizes() {
  const sizes = {};
  for (const name of ["redis", "ioredis", "iovalkey", "@valkey/valkey-glide"]) {
    const seen = new Set();
    const size = sizeWithDependencies(name, seen);
    if (size > 0) sizes[name] = size;
  }
  const packed = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: join(here, ".."),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const entry = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  return { respool: entry.unpackedSize, ...sizes };
}

function sizeWithDependencies(name, seen) {
  const found = packageOf(name);
  if (found === null || seen.has(name)) return 0;
  seen.add(name);
  const { dependencies = {}, optionalDependencies = {} } = found.manifest;
  const below = Object.keys({ ...dependencies, ...optionalDependencies });
  return folderSize(found.folder) + below.reduce((sum, other) => sum + sizeWithDependencies(other, seen), 0);
}

function folderSize(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(folder, "node_modules")))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
