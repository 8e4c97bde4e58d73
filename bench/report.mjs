/**
 * npm run bench:report: writes bench/RESULTS.md, its chart and the tables of the README out of bench/results.json, which
 * `npm run bench -- --json bench/results.json` made. The words around the tables are in bench/NOTES.md and stay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { drawChart } from "./chart.mjs";
import { clients } from "./clients/catalogue.mjs";
import { bytes, columnsOf, micros, thousands } from "./print.mjs";
import { judge } from "./targets.mjs";

const file = (name) => new URL(name, import.meta.url);
const titleOf = (client) => clients[client]?.title ?? client;

/** A table in Markdown; the first column is text, the others figures. */
function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_cell, index) => (index === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}

function machine({ machine: { cpu, processors, memory }, versions, rounds, phases, minutes, started }) {
  const known = Object.entries(versions).filter(([, version]) => version !== undefined);
  return table(
    ["", ""],
    [
      ["machine", `${processors} × ${cpu}, ${Math.round(memory / 2 ** 30)} GB, ${process.platform} ${process.arch}`],
      ["versions", known.map(([name, version]) => `${name} ${version}`).join(", ")],
      [
        "run",
        `${started}, ${minutes} minutes: ${rounds} rounds of each client in turn, ${phases.warmUp} s to warm up, ${phases.seconds} s measured; medians, and the smallest and largest`,
      ],
    ],
  ).replace("--:", "---");
}

function workloadTable({ title, workload, clients: rows }) {
  const used = columnsOf(rows);
  const body = rows.map((row) => [
    row.client === "respool" ? "**respool**" : titleOf(row.client),
    ...used.map(([, cell]) => cell(row)),
  ]);
  return `### ${title}\n\n\`${workload}\`\n\n${table(["client", ...used.map(([head]) => head)], body)}`;
}

function settings({ settings: given }) {
  return table(
    ["client", "settings"],
    Object.entries(given).map(([name, text]) => [titleOf(name), text]),
  ).replace("--:", "---");
}

function targetTable(run) {
  const rows = judge(run).map(({ title, limit, figure, where, reached }) => [
    title,
    limit,
    figure,
    reached ? "yes" : "**no**",
    where,
  ]);
  return table(["figure", "wanted", "measured", "reached", "against, where it is least good"], rows);
}

function installedTable({ installed }) {
  return table(
    ["package with its dependencies", "on disk"],
    Object.entries(installed).map(([name, size]) => [name, bytes({ median: size })]),
  );
}

/** For the README: what a command costs by client, and what others cost. */
function readmeTables({ results }) {
  const row = (workload, client) =>
    results.find((one) => one.workload === workload)?.clients.find((one) => one.client === client);
  const shown = ["respool", "redis", "redis-untimed", "ioredis", "ioredis-auto", "iovalkey-auto", "glide", "bun"];
  const small = shown.map((client) => [
    client === "respool" ? "**respool**" : titleOf(client),
    ...["get-64b@50", "get-64b@500"].flatMap((name) => [
      micros(row(name, client)?.cpuPerOp),
      thousands(row(name, client)?.opsPerSecond),
    ]),
  ]);
  const names = [
    ["get-16kb@50", "GET 16 KB"],
    ["mget@50", "MGET 100"],
    ["hgetall@50", "HGETALL 50"],
    ["lrange@20", "LRANGE 1,000"],
    ["zrange@20", "ZRANGE 500"],
    ["pipeline@1", "pipelined GET"],
  ];
  const others = shown.map((client) => [
    client === "respool" ? "**respool**" : titleOf(client),
    ...names.map(([name]) => micros(row(name, client)?.cpuPerOp)),
  ]);
  return [
    table(["client", "CPU per GET, 50 in flight", "GETs/s", "CPU per GET, 500 in flight", "GETs/s"], small),
    table(["client CPU for one", ...names.map(([, title]) => title)], others),
  ].join("\n\n");
}

const run = JSON.parse(readFileSync(file("results.json"), "utf8"));
writeFileSync(file("results.svg"), await drawChart(run));
const notes = readFileSync(file("NOTES.md"), "utf8");
writeFileSync(
  file("RESULTS.md"),
  `<!-- Written by npm run bench:report out of results.json and NOTES.md. -->

# Benchmark results

![Client CPU per operation by client](results.svg)

${machine(run)}

\`\`\`sh
npm run bench -- --json bench/results.json
npm run bench:report
\`\`\`

## What was wanted, and what was measured

Ratios within this run. Where a line stands for several workloads, the least good one is shown.

${targetTable(run)}

${notes.trim()}

## Settings

${settings(run)}

## Installed size

${installedTable(run)}

## All figures

CPU is user and system time of the client's process. Latencies of the closed loops are those of a caller who waits for each reply;
those of the open loops count from when a command was due.

${run.results.map(workloadTable).join("\n\n")}
`,
);
const readme = file("../README.md");
const [before, after] = ["<!-- figures: npm run bench:report -->", "<!-- end of figures -->"];
const text = readFileSync(readme, "utf8");
const [start, end] = [text.indexOf(before), text.indexOf(after)];
if (start === -1 || end < start) throw new Error(`README.md: expected ${before} … ${after}`);
writeFileSync(readme, `${text.slice(0, start + before.length)}\n\n${readmeTables(run)}\n\n${text.slice(end)}`);
console.log("wrote bench/RESULTS.md, bench/results.svg and the tables of README.md");
