/** Reads what a run has written, for the reports. */
import { readFileSync } from "node:fs";
import { clients } from "./clients/catalogue.mjs";
import { takesPart } from "./clients/taking-part.mjs";
import { workloads } from "./workloads/index.mjs";

const WANTED = ["machine", "versions", "serverSettings", "phases", "rounds", "settings", "installed", "results"];

/**
 * A run, when it is one and has all that its report tells.
 *
 * @param name of the file in this folder
 * @param suite what it is to be a run of
 */
export function readRun(name, suite) {
  const only = suite === "caches" ? "--only cache " : "";
  const makeIt = `make it with \`npm run bench -- ${only}--json bench/${name}\``;
  const run = parseRun(name, makeIt);
  const absent = WANTED.filter((part) => typeof run?.[part] !== "object" && typeof run?.[part] !== "number");
  if (absent.length > 0 || !Array.isArray(run.results)) {
    throw new Error(`bench/${name} is no run of this benchmark (no ${absent.join(", ") || "results"}): ${makeIt}`);
  }
  const missing = missingIn(run.results, suite);
  if (missing.length > 0) {
    throw new Error(`bench/${name} is not a whole run, nothing was written: ${makeIt}. Missing: ${missing.join("; ")}`);
  }
  return run;
}

function parseRun(name, makeIt) {
  try {
    return JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
  } catch (error) {
    throw new Error(`bench/${name} cannot be read (${error.message}): ${makeIt}`, { cause: error });
  }
}

/**
 * Workloads and clients without figures. One that failed is not missing: the report names it. Nor are the workloads of the
 * cluster: a run may be older than they are, and its targets then say that they were not measured.
 */
function missingIn(results, suite) {
  return workloads
    .filter((workload) => workload.suite === suite)
    .flatMap((workload) => {
      const { name, cluster } = workload;
      const found = results.find((one) => one.workload === name);
      if (found === undefined) return cluster ? [] : [name];
      const known = new Set([...found.clients.map(({ client }) => client), ...Object.keys(found.failed ?? {})]);
      const absent = Object.keys(clients).filter((client) => takesPart(client, workload) && !known.has(client));
      return absent.length > 0 ? [`${name}: ${absent.join(", ")}`] : [];
    });
}
