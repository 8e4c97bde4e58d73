/**
 * The caches' part of npm run bench:report: writes bench/caches/RESULTS.md and the tables of docs/cache.md out of
 * bench/caches/results.json, which `npm run bench -- --only cache --json bench/caches/results.json` made.
 */
import { existsSync } from "node:fs";
import { clients } from "../clients/catalogue.mjs";
import { bytes, median, micros } from "../figures.mjs";
import { machine, rowTitle, settings, table, targetTable, withTables, workloadTable } from "../markdown.mjs";
import { readRun } from "../run-file.mjs";
import { cacheTargets } from "../targets.mjs";
import { payloads } from "./payloads.mjs";

/** What docs/cache.md shows of the codecs and compressions: each alone, and JSON with each compression. */
const IN_DOCS = [
  "json-none",
  "msgpack-none",
  "msgpack-records-none",
  "protobuf-none",
  "v8-none",
  "json-gzip",
  "json-brotli",
  "json-zstd",
  "json-lz4",
  "json-snappy",
  "msgpack-records-lz4",
  "protobuf-zstd",
];
const HITS = [
  ["cache-hit-second@50", "from Redis"],
  ["cache-hit-first@50", "from memory"],
];

function finder({ results }) {
  return (workload, client) =>
    results.find((one) => one.workload === workload)?.clients.find((one) => one.client === client);
}

function docsTables(run) {
  const row = finder(run);
  const sizes = Object.entries(payloads);
  const head = sizes.flatMap(([, { title }]) => [`${title}: stored`, "CPU per set", "CPU per get"]);
  const forms = IN_DOCS.map((form) => [
    clients[form].title,
    ...sizes.flatMap(([size]) => {
      const found = row(`cache-forms-${size}`, form);
      return [median(found?.storedBytes, bytes), median(found?.cpuPerSet, micros), median(found?.cpuPerGet, micros)];
    }),
  ]);
  const caches = Object.keys(run.settings).filter((name) => clients[name].role !== "form");
  const hits = caches.map((name) => [
    rowTitle(name),
    ...HITS.map(([workload]) => median(row(workload, name)?.cpuPerOp, micros)),
  ]);
  return [
    table(["codec, compression", ...head], forms),
    table(["CPU of a `getOrSet` that finds its value", ...HITS.map(([, title]) => title)], hits),
  ].join("\n\n");
}

function results(run) {
  return `<!-- Written by npm run bench:report out of results.json. -->

# Caches: benchmark results

${machine(run)}

\`\`\`sh
${["npm run bench --", run.asked, "--json bench/caches/results.json"].filter(Boolean).join(" ")}
npm run bench:report
\`\`\`

## What was wanted, and what was measured

${targetTable(run, cacheTargets)}

## Settings

${settings(run)}

## All figures

CPU is user and system time of the program's process with all its threads, the client's part of a command to Redis counted in. The objects are made of words and numbers
drawn at random ([payloads.mjs](payloads.mjs)); every value that comes back is compared. Compressions are tried on values of any size here; a compression that does
not save a tenth is not kept. \`protobuf\` reads each value again before it is stored (\`verify\`).

${run.results.map(workloadTable).join("\n\n")}
`;
}

/** @returns `[name, text]` of each file, as seen from bench/; none where the caches were not measured yet */
export function cacheReport() {
  if (!existsSync(new URL("results.json", import.meta.url))) {
    console.log("no bench/caches/results.json: nothing is written of the caches");
    return [];
  }
  const run = readRun("caches/results.json", "caches");
  return [
    ["caches/RESULTS.md", results(run)],
    ["../docs/cache.md", withTables(new URL("../../docs/cache.md", import.meta.url), docsTables(run))],
  ];
}
