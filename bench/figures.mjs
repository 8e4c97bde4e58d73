/** How figures are written, in the terminal and in the report. */

const columns = [
  ["stored", (row) => median(row.storedBytes, bytes)],
  ["CPU/set", (row) => median(row.cpuPerSet, micros)],
  ["CPU/get", (row) => median(row.cpuPerGet, micros)],
  ["CPU/op", (row) => median(row.cpuPerOp, micros)],
  ["(min–max)", (row) => range(row.cpuPerOp, micros)],
  ["ops/s", (row) => median(row.opsPerSecond, thousands)],
  ["p50", (row) => median(row.latency?.p50, millis)],
  ["p99", (row) => median(row.latency?.p99, millis)],
  ["p99.9", (row) => median(row.latency?.p999, millis)],
  ["alloc/op", (row) => median(row.bytesPerOp, bytes)],
  ["peak RSS", (row) => median(row.peakMemory, bytes)],
  ["heap/conn", (row) => median(row.heapPerConnection, bytes)],
  ["RSS/conn", (row) => median(row.residentPerConnection, bytes)],
  ["import", (row) => median(row.importMilliseconds, millis)],
  ["heap", (row) => median(row.importHeap, bytes)],
];

/** The columns that any of the rows has a figure for, as `[head, cell]`; `cell(row)` is text. */
export function columnsOf(rows) {
  return columns.filter(([, cell]) => rows.some((row) => cell(row) !== ""));
}

/** The median of a figure, or nothing where there is none. */
export function median(figure, show) {
  return figure ? show(figure.median) : "";
}

function range(figure, show) {
  return figure ? `${show(figure.min)}–${show(figure.max)}` : "";
}

export function micros(value) {
  return value < 1000 ? `${value.toPrecision(3)} µs` : `${(value / 1000).toPrecision(3)} ms`;
}

export function millis(value) {
  return value < 1 ? `${Math.round(value * 1000)} µs` : `${value.toPrecision(3)} ms`;
}

export function thousands(value) {
  if (value >= 999_500) return `${(value / 1e6).toFixed(2)}M`;
  return value < 10_000 ? value.toFixed(0) : `${Math.round(value / 1000)}k`;
}

export function bytes(value) {
  if (value < 10_000) return `${Math.round(value)} B`;
  if (value < 1000 * 1024) return `${Math.round(value / 1024)} KB`;
  const megabytes = value / 1024 / 1024;
  return `${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB`;
}
