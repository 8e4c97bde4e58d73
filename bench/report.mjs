/**
 * npm run bench:report: writes bench/RESULTS.md, its chart and the tables of the README out of bench/results.json, which
 * `npm run bench -- --json bench/results.json` made. The words around the tables are in bench/NOTES.md and stay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { drawChart } from "./chart.mjs";
import { clients } from "./clients/catalogue.mjs";
import { takesPart } from "./clients/taking-part.mjs";
import { bytes, columnsOf, median, micros, thousands } from "./figures.mjs";
import { installPeers } from "./peers.mjs";
import { judge } from "./targets.mjs";
import { workloads } from "./workloads/index.mjs";

/** What the README shows: every library as shipped, and with the settings that make it faster somewhere. Its pools are not for this. */
const IN_README = Object.keys(clients).filter((name) => !["floor", "respool-single", "redis-pool"].includes(name));
const OTHER_COSTS = [
  ["get-16kb@50", "GET of 16 KB"],
  ["cluster-get-64b@500", "GET of 64 B, cluster of three"],
  ["mget@50", "MGET of 100, per call"],
  ["hgetall@50", "HGETALL of 50"],
  ["lrange@20", "LRANGE of 1,000"],
  ["zrange@20", "ZRANGE of 500 with scores"],
  ["pipeline@1", "pipelined GET, per command"],
];
const MAKE_IT = "make it with `npm run bench -- --json bench/results.json`";

const file = (name) => new URL(name, import.meta.url);
const titleOf = (client) => clients[client]?.title ?? client;

/** respool's own rows stand out. */
const rowTitle = (client) => (client === "respool" ? `**${titleOf(client)}**` : titleOf(client));

/** A table in Markdown; the columns that are not `text` are figures. */
function table(head, rows, text = [0]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_cell, index) => (text.includes(index) ? "---" : "--:"))), ...rows.map(line)].join(
    "\n",
  );
}

function machine({ machine: { cpu, processors, memory, platform, arch, kernel }, versions, commit, ...run }) {
  const known = Object.entries(versions).filter(([, version]) => version !== undefined);
  const { phases, rounds } = run;
  const server = Object.entries(run.serverSettings).map(([name, value]) => `${name} ${value === "" ? '""' : value}`);
  const lines = [
    ["machine", `${processors} × ${cpu}, ${Math.round(memory / 2 ** 30)} GB, ${platform} ${arch}, kernel ${kernel}`],
    ["versions", known.map(([name, version]) => `${name} ${version}`).join(", ")],
    ["server", `on the same machine, TCP on loopback: ${server.join(", ")}`],
    ["commit", commit === null ? "unknown" : `${commit.id}${commit.changed ? ", with changes of its own" : ""}`],
    [
      "run",
      `${run.started}, ${run.minutes} minutes: ${rounds} ${rounds === 1 ? "round" : "rounds"} of each client, each begun by another ` +
        `client, ${phases.warmUp} s to warm up, ${phases.seconds} s measured, open loops ${phases.seconds * 2} s; medians, and the smallest and largest`,
    ],
  ];
  return table(["", ""], lines, [0, 1]);
}

function workloadTable({ title, workload, clients: rows, failed }) {
  const used = columnsOf(rows);
  const body = rows.map((row) => [rowTitle(row.client), ...used.map(([, cell]) => cell(row))]);
  return [
    `### ${title}`,
    `\`${workload}\``,
    table(["client", ...used.map(([head]) => head)], body),
    ...Object.entries(failed).map(([name, message]) => `**${titleOf(name)} failed** (${message.split("\n", 1)[0]}).`),
  ].join("\n\n");
}

function settings({ settings: given }) {
  return table(
    ["client", "settings"],
    Object.entries(given).map(([name, text]) => [titleOf(name), text]),
    [0, 1],
  );
}

function targetTable(run) {
  const rows = judge(run).map(({ title, limit, figure, where, reached }) => [
    title,
    limit,
    figure,
    reached === null ? "" : reached ? "yes" : "**no**",
    where,
  ]);
  return table(["figure", "wanted", "measured", "reached", "against, where it is least good"], rows, [0, 3, 4]);
}

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

/** The run in results.json, when it is one and has all that the report tells. */
function readRun() {
  const run = parseRun();
  const wanted = ["machine", "versions", "serverSettings", "phases", "rounds", "settings", "installed", "results"];
  const absent = wanted.filter((name) => typeof run?.[name] !== "object" && typeof run?.[name] !== "number");
  if (absent.length > 0 || !Array.isArray(run.results)) {
    throw new Error(
      `bench/results.json is no run of this benchmark (no ${absent.join(", ") || "results"}): ${MAKE_IT}`,
    );
  }
  const missing = missingIn(run.results);
  if (missing.length > 0) {
    throw new Error(
      `bench/results.json is not a whole run, nothing was written: ${MAKE_IT}. Missing: ${missing.join("; ")}`,
    );
  }
  return run;
}

function parseRun() {
  try {
    return JSON.parse(readFileSync(file("results.json"), "utf8"));
  } catch (error) {
    throw new Error(`bench/results.json cannot be read (${error.message}): ${MAKE_IT}`, { cause: error });
  }
}

/**
 * Workloads and clients without figures. One that failed is not missing: the report names it. Nor are the workloads of the
 * cluster: a run may be older than they are, and its targets then say that they were not measured.
 */
function missingIn(results) {
  return workloads.flatMap((workload) => {
    const { name, cluster } = workload;
    const found = results.find((one) => one.workload === name);
    if (found === undefined) return cluster ? [] : [name];
    const known = new Set([...found.clients.map(({ client }) => client), ...Object.keys(found.failed ?? {})]);
    const absent = Object.keys(clients).filter((client) => takesPart(client, workload) && !known.has(client));
    return absent.length > 0 ? [`${name}: ${absent.join(", ")}`] : [];
  });
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

${targetTable(run)}

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

/** The README with other tables. */
function readmeWith(run) {
  const [before, after] = ["<!-- figures: npm run bench:report -->", "<!-- end of figures -->"];
  const text = readFileSync(file("../README.md"), "utf8");
  const [start, end] = [text.indexOf(before), text.indexOf(after)];
  if (start === -1 || end < start) throw new Error(`README.md: expected ${before} … ${after}`);
  return `${text.slice(0, start + before.length)}\n\n${readmeTables(run)}\n\n${text.slice(end)}`;
}

try {
  const run = readRun();
  installPeers();
  // All of it is made before any of it is written.
  const made = [
    ["results.svg", await drawChart(run)],
    ["RESULTS.md", results(run)],
    ["../README.md", readmeWith(run)],
  ];
  for (const [name, text] of made) writeFileSync(file(name), text);
  console.log("wrote bench/RESULTS.md, bench/results.svg and the tables of README.md");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
