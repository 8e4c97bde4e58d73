// Writes the table of faults in docs/reliability.md from what the tests have measured:
//
//   rm -f temp/faults.jsonl
//   RESPOOL_FAULT_REPORT=$PWD/temp/faults.jsonl npm test -- test/faults
//   node scripts/fault-report.mjs temp/faults.jsonl
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { cpus } from "node:os";

const PAGE = new URL("../docs/reliability.md", import.meta.url);
const SITUATIONS = ["idle", "under load", "mid-pipeline", "mid-lease"];
const [BEGIN, END] = ["<!-- faults: begin (scripts/fault-report.mjs) -->", "<!-- faults: end -->"];

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: node scripts/fault-report.mjs FILE, where FILE is what RESPOOL_FAULT_REPORT named");
  process.exit(1);
}

const lines = readFileSync(path, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line));

const faults = new Map();
for (const line of lines) {
  const key = `${String(line.row).padStart(2, "0")} ${line.name}`;
  const fault = faults.get(key) ?? { ...line, recoveries: new Map() };
  const before = fault.recoveries.get(line.situation) ?? [];
  fault.recoveries.set(line.situation, [...before, line.recovery]);
  faults.set(key, fault);
}

const rows = [...faults.values()].sort((a, b) => a.row - b.row).map(tableRow);
const matrixRows = new Set(lines.map(({ row }) => row)).size;
const recoveries = lines.map(({ recovery }) => recovery);
const summary = [
  `${lines.length} runs of ${faults.size} faults, which are ${matrixRows} rows of the fault matrix (the first column), some in several forms; the first success came after ${ms(median(recoveries))} ms in the median,`,
  `${ms(Math.max(...recoveries))} ms at most. Node ${process.version}, ${cpus().length} processors, 2 test files at a time.`,
].join(" ");
const table = [
  "| | fault | what happens | idle | under load | mid-pipeline | mid-lease | test |",
  "|---|---|---|---|---|---|---|---|",
  ...rows,
].join("\n");

const page = readFileSync(PAGE, "utf8");
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
if (from === -1 || to < from) throw new Error(`docs/reliability.md should have the lines ${BEGIN} and ${END}`);
writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n${table}\n\n${summary}\n${page.slice(to)}`);
console.log(summary);

function tableRow({ row, name, what, file, recoveries: measured }) {
  const cells = SITUATIONS.map((situation) => {
    const found = measured.get(situation) ?? [];
    return found.length === 0 ? "–" : ms(Math.max(...found));
  });
  const link = `[${basename(file, ".test.ts")}](../${file})`;
  return `| ${row} | ${name} | ${what} | ${cells.join(" | ")} | ${link} |`;
}

function ms(value) {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
