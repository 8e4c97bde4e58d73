/** The limit: redis-benchmark with the same pipelining on one connection. It does not look at the replies, and is written in C. */
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { small } from "./dataset.mjs";

const run = promisify(execFile);
const PROGRAMS = ["redis-benchmark", "valkey-benchmark"];
/** Commands that it sends in a second, about; the count is all that it can be given. */
const PER_SECOND = 1_000_000;
const TIME_LIMIT = 120_000;

/** One key: it has no way to go through the names that the clients read. */
const commands = {
  "get-64b": ["GET", small[0].key],
  "set-64b": ["SET", small[0].key, small[0].value],
};

/** @returns `{ program, version }` of the first that is installed, or null: then a run goes on without it */
export function findLimit() {
  for (const program of PROGRAMS) {
    try {
      return { program, version: execFileSync(program, ["--version"], { encoding: "utf8" }).trim() };
    } catch {
      // Not installed: the next one.
    }
  }
  console.error(`neither ${PROGRAMS.join(" nor ")} found: the run goes on without that limit`);
  return null;
}

/** @returns `{ opsPerSecond }`, or null for a workload that it has not */
export async function runLimit({ program }, { driver, step, inFlight, tls, cluster }, { host, port }, { seconds }) {
  const command = commands[step];
  if (driver !== "closed" || command === undefined || tls || cluster) return null;
  const count = Math.ceil((seconds * PER_SECOND) / (inFlight === 1 ? 20 : 1));
  const load = ["-c", "1", "-P", String(inFlight), "-n", String(count), "--csv"];
  const { stdout } = await run(program, ["-h", host, "-p", String(port), ...load, ...command], { timeout: TIME_LIMIT });
  // "test","rps",… and one line of figures.
  const opsPerSecond = Number(stdout.trim().split("\n").at(-1).split('","')[1]);
  if (!(opsPerSecond > 0)) throw new Error(`expected a line of figures of ${program}, got ${stdout.slice(0, 200)}`);
  return { opsPerSecond };
}
