/** The chart of a run: client CPU per operation of every client, drawn by ECharts without a browser. */
import { clients } from "./clients/catalogue.mjs";

const SHOWN = [
  ["get-64b@500", "GET 64 B, 500 in flight"],
  ["get-64b@50", "GET 64 B, 50 in flight"],
  ["mget@50", "MGET of 100"],
  ["hgetall@50", "HGETALL of 50 fields"],
];
const COLOURS = { respool: "#1f6f43", floor: "#9aa5a0", peer: "#8fb0d9" };

/** @returns an SVG document */
export async function drawChart({ results }) {
  const { init } = await import("echarts");
  const panels = SHOWN.map(([name, title]) => ({ title, rows: rowsOf(results, name) })).filter(
    ({ rows }) => rows.length > 0,
  );
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 960, height: 640 });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    title: panels.map(({ title }, index) => ({
      text: `${title}: client CPU, µs per operation`,
      textStyle: { fontSize: 13 },
      ...corner(index, 0),
    })),
    grid: panels.map((_panel, index) => ({ width: 260, height: 230, ...corner(index, 1) })),
    xAxis: panels.map((_panel, gridIndex) => ({ gridIndex, type: "value", splitNumber: 3 })),
    yAxis: panels.map(({ rows }, gridIndex) => ({
      gridIndex,
      type: "category",
      inverse: true,
      data: rows.map(({ title }) => title),
      axisTick: { show: false },
    })),
    series: panels.map(({ rows }, index) => ({
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 12,
      label: { show: true, position: "right", fontSize: 11 },
      data: rows.map(({ value, role }) => ({
        value: Number(value.toPrecision(3)),
        itemStyle: { color: COLOURS[role] },
      })),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function corner(index, below) {
  return { left: 10 + (index % 2) * 480 + below * 160, top: 10 + Math.floor(index / 2) * 320 + below * 40 };
}

/** The fastest first. */
function rowsOf(results, workload) {
  const found = results.find((one) => one.workload === workload);
  return (found?.clients ?? [])
    .filter(({ client, cpuPerOp }) => client in clients && cpuPerOp)
    .map(({ client, cpuPerOp }) => ({
      title: clients[client].title,
      role: clients[client].role,
      value: cpuPerOp.median,
    }))
    .toSorted((a, b) => a.value - b.value);
}
