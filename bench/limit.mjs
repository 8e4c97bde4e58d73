/** The limit: redis-benchmark with the same pipelining on one connection. It does not look at the replies, and is written in C. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { small } from "./dataset.mjs";

const run = promisify(execFile);
/** Commands that it sends in a second, about; the count is all that it can be given. */
const PER_SECOND = 1_000_000;

const commands = {
  "get-64b": ["GET", small[0].key],
  "set-64b": ["SET", small[0].key, small[0].value],
};

/** @returns `{ opsPerSecond }`, or null for a workload that it has not */
export async function runLimit({ driver, step, inFlight, tls }, { host, port }, { seconds }) {
  const command = commands[step];
  if (driver !== "closed" || command === undefined || tls) return null;
  const count = Math.ceil((seconds * PER_SECOND) / (inFlight === 1 ? 20 : 1));
  const load = ["-c", "1", "-P", String(inFlight), "-n", String(count), "--csv"];
  const { stdout } = await run("redis-benchmark", ["-h", host, "-p", String(port), ...load, ...command]);
  // "test","rps",… and one line of figures.
  const figures = stdout.trim().split("\n").at(-1).split('","');
  return { opsPerSecond: Number(figures[1]) };
}
