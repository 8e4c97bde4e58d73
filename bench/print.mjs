/** Shows a workload's figures in the terminal as soon as they are there. */
import { columnsOf } from "./figures.mjs";

export function printWorkload({ workload, title, clients }, total, done) {
  console.log(`\n[${done}/${total}] ${workload}: ${title}`);
  const used = columnsOf(clients);
  const rows = [
    ["", ...used.map(([head]) => head)],
    ...clients.map((one) => [one.client, ...used.map(([, cell]) => cell(one))]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ")}`,
    );
  }
}
