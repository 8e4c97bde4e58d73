/** Shows a workload's figures in the terminal as soon as they are there. */

const columns = [
  ["CPU/op", (one) => micros(one.cpuPerOp)],
  ["(min–max)", (one) => range(one.cpuPerOp, micros)],
  ["ops/s", (one) => thousands(one.opsPerSecond)],
  ["p50", (one) => millis(one.latency?.p50)],
  ["p99", (one) => millis(one.latency?.p99)],
  ["p99.9", (one) => millis(one.latency?.p999)],
  ["alloc/op", (one) => bytes(one.bytesPerOp)],
  ["peak RSS", (one) => bytes(one.peakMemory)],
  ["heap/conn", (one) => bytes(one.heapPerConnection)],
  ["RSS/conn", (one) => bytes(one.residentPerConnection)],
  ["import", (one) => millis(one.importMilliseconds)],
  ["heap", (one) => bytes(one.importHeap)],
];

/** The columns that any of the rows has a figure for. */
export function columnsOf(rows) {
  return columns.filter(([, cell]) => rows.some((row) => cell(row) !== ""));
}

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

function range(figure, show) {
  return figure ? `${show({ median: figure.min })}–${show({ median: figure.max })}` : "";
}

export function micros(figure) {
  if (!figure) return "";
  return figure.median < 1000 ? `${figure.median.toPrecision(3)} µs` : `${(figure.median / 1000).toPrecision(3)} ms`;
}

export function millis(figure) {
  if (!figure) return "";
  return figure.median < 1 ? `${Math.round(figure.median * 1000)} µs` : `${figure.median.toPrecision(3)} ms`;
}

export function thousands(figure) {
  if (!figure) return "";
  return figure.median < 10_000 ? figure.median.toFixed(0) : `${Math.round(figure.median / 1000)}k`;
}

export function bytes(figure) {
  if (!figure) return "";
  const { median } = figure;
  if (median < 10_000) return `${Math.round(median)} B`;
  return median < 10_000_000 ? `${Math.round(median / 1024)} KB` : `${Math.round(median / 1024 / 1024)} MB`;
}
