/** Runs one measurement in a process of its own. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { clients } from "./clients/catalogue.mjs";
import { takesPart } from "./clients/taking-part.mjs";

/** A client that lost a reply would wait for ever. So much more than it measures may a round take, ms. */
const ROUND_LIMIT = 120_000;
/** A heap in which nothing has to be collected while allocations are counted, MB. */
const NO_COLLECTION = [
  "--max-semi-space-size=1024",
  "--min-semi-space-size=1024",
  "--initial-heap-size=6144",
  "--max-old-space-size=12288",
];

const worker = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** Where the `bun` package has its program. */
export function bunProgram() {
  const require = createRequire(import.meta.url);
  const cpu = process.arch === "arm64" ? "aarch64" : process.arch;
  return join(dirname(require.resolve(`@oven/bun-${process.platform}-${cpu}/package.json`)), "bin", "bun");
}

function commandFor({ runtime }, job, phases) {
  if (runtime === "bun") return [bunProgram(), [worker, job]];
  const flags = phases.allocation ? NO_COLLECTION : [];
  return [process.execPath, ["--expose-gc", ...flags, worker, job]];
}

/** @returns the figures, or null for what this client does not have */
export function startRound({ name, workload, place, phases }) {
  const client = clients[name];
  if (!takesPart(name, workload)) return null;
  if (client.runtime === "bun" && phases.allocation) return null; // its heap is counted in another way
  const specifier = client.package === "respool" ? new URL("../dist/index.js", import.meta.url).href : client.package;
  const job = JSON.stringify({ client: { ...client, specifier }, workload, place, phases });
  const [program, argv] = commandFor(client, job, phases);
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: ROUND_LIMIT + phases.seconds * 4000,
      killSignal: "SIGKILL",
    });
    let output = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (complaint += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      try {
        if (code !== 0) throw new Error(`ended with ${signal ?? `status ${code}`}\n${complaint.slice(0, 2000)}`);
        resolve(JSON.parse(output));
      } catch (error) {
        reject(new Error(`${name}, ${workload.name}: ${error.message}`, { cause: error }));
      }
    });
  });
}
