/** The chart of a run: client CPU per operation of every client, drawn by ECharts without a browser. */
import { clients } from "./clients/catalogue.mjs";

/** Those that the run has figures for. The last two are there because respool is not the first in them. */
const SHOWN = [
  ["get-64b@500", "GET 64 B, 500 in flight"],
  ["get-64b@50", "GET 64 B, 50 in flight"],
  ["cluster-get-64b@500", "GET 64 B, 500 in flight, cluster of three"],
  ["mget@50", "MGET of 100"],
  ["hgetall@50", "HGETALL of 50 fields"],
  ["zrange@20", "ZRANGE WITHSCORES of 500"],
  ["get-1mb@8", "GET 1 MB"],
];
const ROLES = {
  respool: { name: "respool", color: "#1f6f43" },
  single: { name: "respool on one server", color: "#8cc5a4" },
  floor: { name: "bare floor (a bare socket, no client)", color: "#9aa5a0" },
  peer: { name: "other clients", color: "#8fb0d9" },
};
const HEAD = 80;
const PANEL = { width: 490, height: 340 };

/** @returns an SVG document */
export async function drawChart(run) {
  const { init } = await import("echarts");
  const panels = SHOWN.map(([name, title]) => ({ title, rows: rowsOf(run.results, name) })).filter(
    ({ rows }) => rows.length > 0,
  );
  const roles = Object.keys(ROLES).filter((role) => panels.some(({ rows }) => rows.some((row) => row.role === role)));
  const height = HEAD + Math.ceil(panels.length / 2) * PANEL.height;
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 2 * PANEL.width, height });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    title: [heading(run), ...panels.map(({ title }, index) => panelTitle(title, index))],
    legend: { top: 54, left: 10, itemGap: 60, data: roles.map((role) => ROLES[role].name), selectedMode: false },
    grid: panels.map((_panel, index) => ({ width: 250, height: PANEL.height - 80, ...corner(index, 185, 34) })),
    xAxis: panels.map((_panel, gridIndex) => ({ gridIndex, type: "value", splitNumber: 3 })),
    yAxis: panels.map(({ rows }, gridIndex) => ({
      gridIndex,
      type: "category",
      inverse: true,
      data: rows.map(({ title }) => title),
      axisTick: { show: false },
      axisLabel: { interval: 0, fontSize: 11 },
    })),
    series: panels.flatMap(({ rows }, index) => roles.map((role) => bars(rows, role, index))),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function heading({ versions, started }) {
  const known = Object.entries(versions).filter(([name, version]) => version !== undefined && name !== "limit");
  return {
    text: "Client CPU per operation, µs: smaller is better",
    subtext: `${started}: ${known.map(([name, version]) => `${name} ${version}`).join(", ")}`,
    textStyle: { fontSize: 15 },
    subtextStyle: { fontSize: 10 },
    left: 10,
    top: 6,
  };
}

function panelTitle(text, index) {
  return { text, textStyle: { fontSize: 13 }, ...corner(index, 0, 6) };
}

/** One role's bars; stacked, so that each row has one bar in the middle. */
function bars(rows, role, index) {
  const { name, color } = ROLES[role];
  return {
    name,
    type: "bar",
    stack: `panel ${index}`,
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: 11,
    itemStyle: { color },
    label: { show: true, position: "right", fontSize: 11 },
    data: rows.map((row) => (row.role === role ? Number(row.value.toPrecision(3)) : null)),
  };
}

function corner(index, right, below) {
  return { left: 10 + (index % 2) * PANEL.width + right, top: HEAD + Math.floor(index / 2) * PANEL.height + below };
}

/** The fastest first. */
function rowsOf(results, workload) {
  const found = results.find((one) => one.workload === workload);
  return (found?.clients ?? [])
    .filter(({ client, cpuPerOp }) => Object.hasOwn(clients, client) && cpuPerOp)
    .map(({ client, cpuPerOp }) => ({
      title: clients[client].title,
      role: clients[client].role,
      value: cpuPerOp.median,
    }))
    .toSorted((a, b) => a.value - b.value);
}
