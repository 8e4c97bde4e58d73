/** Parts of the reports, in Markdown. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { clients } from "./clients/catalogue.mjs";
import { columnsOf } from "./figures.mjs";
import { judge } from "./targets.mjs";

const titleOf = (client) => clients[client]?.title ?? client;

/** respool's own rows stand out. */
export const rowTitle = (client) =>
  client === "respool" || client === "respool-cache" ? `**${titleOf(client)}**` : titleOf(client);

/** A table in Markdown; the columns that are not `text` are figures. */
export function table(head, rows, text = [0]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_cell, index) => (text.includes(index) ? "---" : "--:"))), ...rows.map(line)].join(
    "\n",
  );
}

/** Of what and how a run was made. */
export function machine({ machine: { cpu, processors, memory, platform, arch, kernel }, versions, commit, ...run }) {
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

export function workloadTable({ title, workload, clients: rows, failed }) {
  const used = columnsOf(rows);
  const body = rows.map((row) => [rowTitle(row.client), ...used.map(([, cell]) => cell(row))]);
  return [
    `### ${title}`,
    `\`${workload}\``,
    table(["client", ...used.map(([head]) => head)], body),
    ...Object.entries(failed).map(([name, message]) => `**${titleOf(name)} failed** (${message.split("\n", 1)[0]}).`),
  ].join("\n\n");
}

export function settings({ settings: given }) {
  return table(
    ["client", "settings"],
    Object.entries(given)
      .filter(([, text]) => text !== "")
      .map(([name, text]) => [titleOf(name), text]),
    [0, 1],
  );
}

export function targetTable(run, wanted) {
  const rows = judge(run, wanted).map(({ title, limit, figure, where, reached }) => [
    title,
    limit,
    figure,
    reached === null ? "" : reached ? "yes" : "**no**",
    where,
  ]);
  return table(["figure", "wanted", "measured", "reached", "against, where it is least good"], rows, [0, 3, 4]);
}

const BEFORE = "<!-- figures: npm run bench:report -->";
const AFTER = "<!-- end of figures -->";

/** The text of a file with other tables between the marks for them. */
export function withTables(path, tables) {
  const text = readFileSync(path, "utf8");
  const [start, end] = [text.indexOf(BEFORE), text.indexOf(AFTER)];
  if (start === -1 || end < start) throw new Error(`${basename(path.pathname)}: expected ${BEFORE} … ${AFTER}`);
  return `${text.slice(0, start + BEFORE.length)}\n\n${tables}\n\n${text.slice(end)}`;
}
