import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { TestServerError } from "./errors.ts";

/** A server program on this machine. */
export interface ServerBinary {
  /** Absolute path, or what `RESPOOL_SERVER` holds. */
  readonly path: string;
  readonly kind: "redis" | "valkey";
  /** Such as `7.0.15`. */
  readonly version: string;
}

const NAMES: readonly string[] = ["valkey-server", "redis-server"];

// Where packages put servers; a service's or an editor's PATH often lacks some of them.
const USUAL_FOLDERS = [
  "/usr/local/bin",
  "/usr/bin",
  "/usr/sbin",
  "/opt/homebrew/bin",
  "/opt/homebrew/opt/valkey/bin",
  "/opt/homebrew/opt/redis/bin",
  "/home/linuxbrew/.linuxbrew/bin",
];

const HOW_TO_INSTALL =
  "install one with `apt install redis-server`, `dnf install valkey`, `apk add valkey` or `brew install valkey`, " +
  "or set RESPOOL_SERVER to the path of one";

const known = new Map<string, ServerBinary>();

/** Where to look. */
export interface SearchPlaces {
  /** The environment variables `RESPOOL_SERVER` and `PATH`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folders beside those on the PATH. */
  readonly folders: readonly string[];
}

/**
 * Finds the Redis or Valkey server that `startServer` runs: the one in the environment variable `RESPOOL_SERVER`,
 * else `valkey-server`, else `redis-server`, on the PATH or in the usual folders.
 *
 * @returns its path, kind and version
 * @throws TestServerError `ERR_SERVER_NOT_FOUND`, with how to install one
 * @see docs/testing.md
 */
export function findServer(): ServerBinary {
  return searchServer({ environment: process.env, folders: USUAL_FOLDERS });
}

/** `findServer`, with the places given. */
export function searchServer(places: SearchPlaces): ServerBinary {
  const chosen = places.environment["RESPOOL_SERVER"];
  const names = chosen === undefined || chosen === "" ? NAMES : [chosen];
  for (const name of names) {
    const path = name.includes("/") ? name : locate(name, places);
    const binary = path === undefined ? undefined : identify(path);
    if (binary !== undefined) return binary;
  }
  throw new TestServerError(
    "ERR_SERVER_NOT_FOUND",
    names === NAMES
      ? `no valkey-server or redis-server found: ${HOW_TO_INSTALL}`
      : `RESPOOL_SERVER should be the path of a Redis or Valkey server, but "${chosen}" is not one that runs here: correct it or unset it`,
  );
}

function locate(name: string, places: SearchPlaces): string | undefined {
  const onPath = (places.environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...onPath, ...places.folders].map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function identify(path: string): ServerBinary | undefined {
  const before = known.get(path);
  if (before !== undefined) return before;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  // "Redis server v=7.0.15 sha=…"; a redis-server may be a link to a Valkey, so its own word counts, not its name.
  const match = /\b(redis|valkey) server v=(\S+)/i.exec(stdout ?? "");
  if (match === null) return undefined;
  const kind = match[1]?.toLowerCase() === "valkey" ? "valkey" : "redis";
  const binary: ServerBinary = { path, kind, version: match[2] ?? "" };
  known.set(path, binary);
  return binary;
}
