/**
 * npm run bench:report: writes bench/RESULTS.md, its chart and the tables of the README out of bench/results.json, which
 * `npm run bench -- --json bench/results.json` made; and what caches/report.mjs does. The words around the tables are in
 * bench/NOTES.md and stay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cacheReport } from "./caches/report.mjs";
import { drawChart } from "./chart.mjs";
import { clients } from "./clients/catalogue.mjs";
import { bytes, median, micros, thousands } from "./figures.mjs";
import { machine, rowTitle, settings, table, targetTable, withTables, workloadTable } from "./markdown.mjs";
import { installPeers } from "./peers.mjs";
import { readRun } from "./run-file.mjs";
import { targets } from "./targets.mjs";

/** What the README shows: every library as shipped, and with the settings that make it faster somewhere. Its pools are not for this. */
const IN_README = Object.keys(clients).filter(
  (name) => clients[name].suite !== "caches" && !["floor", "respool-single", "redis-pool"].includes(name),
);
const OTHER_COSTS = [
  ["get-16kb@50", "GET of 16 KB"],
  ["cluster-get-64b@500", "GET of 64 B, cluster of three"],
  ["mget@50", "MGET of 100, per call"],
  ["hgetall@50", "HGETALL of 50"],
  ["lrange@20", "LRANGE of 1,000"],
  ["zrange@20", "ZRANGE of 500 with scores"],
  ["pipeline@1", "pipelined GET, per command"],
];

const file = (name) => new URL(name, import.meta.url);

function installedTable({ installed }) {
  return table(
    ["package with its dependencies", "on disk"],
    Object.entries(installed).map(([name, size]) => [name, bytes(size)]),
  );
}

/** For the README: what a GET costs by client, and what others cost. */
function readmeTables({ results }) {
  const row = (workload, client) =>
    results.find((one) => one.workload === workload)?.clients.find((one) => one.client === client);
  const small = IN_README.filter((name) => clients[name].only === undefined).map((client) => [
    rowTitle(client),
    ...["get-64b@50", "get-64b@500"].flatMap((name) => [
      median(row(name, client)?.cpuPerOp, micros),
      median(row(name, client)?.opsPerSecond, thousands),
    ]),
  ]);
  const costs = OTHER_COSTS.filter(([name]) => results.some((one) => one.workload === name));
  const others = IN_README.map((client) => [
    rowTitle(client),
    ...costs.map(([name]) => median(row(name, client)?.cpuPerOp, micros)),
  ]);
  const loads = ["50", "500"].flatMap((count) => [
    `client CPU per GET, ${count} in flight (smaller is better)`,
    `GETs/s, ${count} in flight`,
  ]);
  return [
    table(["GET of 64 B", ...loads], small),
    table(["client CPU (smaller is better)", ...costs.map(([, title]) => title)], others),
    "A collection's cost is that of one call (an MGET gives 100 values), a pipelined GET's that of one command of 1,000. RESP2 was tried where it matters.",
  ].join("\n\n");
}

function results(run) {
  return `<!-- Written by npm run bench:report out of results.json and NOTES.md. -->

# Benchmark results

![Client CPU per operation by client](results.svg)

${machine(run)}

\`\`\`sh
${["npm run bench --", run.asked, "--json bench/results.json"].filter(Boolean).join(" ")}
npm run bench:report
\`\`\`

## What was wanted, and what was measured

Ratios within this run. Where a line stands for several workloads, the least good one is shown.

${targetTable(run, targets)}

${readFileSync(file("NOTES.md"), "utf8").trim()}

## Settings

${settings(run)}

## Installed size

Of respool, what npm says it would unpack (\`unpackedSize\` of \`npm pack\`); of the others, all files in their folders and in those of what they need.

${installedTable(run)}

## All figures

CPU is user and system time of the client's process. Latencies of the closed loops are those of a caller who waits for each reply;
those of the open loops count from when a command was due. Operations are commands: an MGET is one, a pipeline of 1,000 GETs is 1,000.

${run.results.map(workloadTable).join("\n\n")}
`;
}

try {
  const run = readRun("results.json", "clients");
  const caches = cacheReport();
  installPeers();
  // All of it is made before any of it is written.
  const made = [
    ["results.svg", await drawChart(run)],
    ["RESULTS.md", results(run)],
    ["../README.md", withTables(file("../README.md"), readmeTables(run))],
    ...caches,
  ];
  for (const [name, text] of made) writeFileSync(file(name), text);
  console.log(`wrote ${made.map(([name]) => `bench/${name}`.replace("bench/../", "")).join(", ")}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
