/** What respool wants to reach, as ratios within one run. Each is reported, reached or not. */
import { clients } from "./clients/catalogue.mjs";
import { millis } from "./figures.mjs";

const caches = Object.keys(clients).filter((name) => clients[name].role === "cache");
const peers = Object.keys(clients).filter((name) => clients[name].role === "peer");
const onNode = peers.filter((name) => clients[name].runtime === undefined);

/** Looks up medians: `cell("get-64b@50", "respool").cpuPerOp`. */
function reader(results) {
  const found = new Map(results.map((one) => [one.workload, new Map(one.clients.map((row) => [row.client, row]))]));
  return (workload, client) => found.get(workload)?.get(client) ?? null;
}

const cpu = (row) => row?.cpuPerOp?.median ?? null;
const rate = (row) => row?.opsPerSecond?.median ?? null;
const p99 = (row) => row?.latency?.p99?.median ?? null;
/** The rounds' smallest and largest: a p99 hangs on few moments. */
const p99Range = (row) => `${millis(row.latency.p99.min)}–${millis(row.latency.p99.max)}`;

function best(cell, workload, names, figure, choose) {
  const rows = names
    .map((name) => ({ name, value: figure(cell(workload, name)) }))
    .filter(({ value }) => value !== null);
  if (rows.length === 0) return null;
  const value = choose(...rows.map((row) => row.value));
  return { value, name: rows.find((row) => row.value === value).name };
}

/** respool's figure over another's; `against` names it. */
function ratio(mine, theirs) {
  if (mine === null || theirs === null || theirs.value === null) return null;
  return { ratio: mine / theirs.value, against: clients[theirs.name]?.title ?? theirs.name };
}

/** A ratio of p99s, which tells how far they lie apart within the run. */
function ratioOfP99(mine, theirs, name) {
  const found = ratio(p99(mine), { value: p99(theirs), name });
  return found && { ...found, note: `${p99Range(mine)} against ${p99Range(theirs)}` };
}

/** The worst of several workloads: a target is reached when it is in all of them, and not measured when one is missing. */
function worst(workloads, one, choose) {
  const each = workloads.map((workload) => ({ workload, ...one(workload) }));
  if (each.some((found) => found.ratio === undefined)) return null;
  return each.find((found) => found.ratio === choose(...each.map((all) => all.ratio)));
}

const SMALL = ["get-64b@50", "set-64b@50", "get-64b@500", "set-64b@500"];
const COLLECTIONS = ["mget@50", "hgetall@50", "lrange@20", "zrange@20"];
const CLUSTER = "cluster-get-64b@500";
const LARGE = ["get-16kb@50", "set-16kb@50", "get-1mb@8", "set-1mb@8"];

/** Bun's client is part of another runtime: lines where it is the best peer are given again for the peers on Node. */
function alsoOnNode({ title, of, ...limits }) {
  return [
    { title, ...limits, of: (cell) => of(cell, peers) },
    { title: `${title}, on Node`, ...limits, of: (cell) => of(cell, onNode) },
  ];
}

const worstCpu = (workloads) => (cell, names) =>
  worst(workloads, (name) => ratio(cpu(cell(name, "respool")), best(cell, name, names, cpu, Math.min)) ?? {}, Math.max);

const cpuAgainst = (names) => (cell) => worstCpu(SMALL)(cell, names);

/** `most` and `least` are the limits of the ratio. */
export const targets = [
  {
    title: "GET, SET 64 B at 50 and 500: CPU per operation against the best-tuned peer",
    most: 0.5,
    of: cpuAgainst(peers),
  },
  { title: "the same against ioredis with auto-pipelining", most: 0.2, of: cpuAgainst(["ioredis-auto"]) },
  { title: "the same against redis as shipped", most: 0.1, of: cpuAgainst(["redis"]) },
  { title: "the same against GLIDE", most: 0.1, of: cpuAgainst(["glide"]) },
  {
    title: "the same against the bare floor, at 500",
    most: 1.3,
    of: (cell) =>
      worst(
        SMALL.slice(2),
        (name) => ratio(cpu(cell(name, "respool")), best(cell, name, ["floor"], cpu, Math.min)) ?? {},
        Math.max,
      ),
  },
  {
    title: "GET at 1 in flight: operations/s against every peer on Node",
    least: 1.15,
    of: (cell) => ratio(rate(cell("get-64b@1", "respool")), best(cell, "get-64b@1", onNode, rate, Math.max)),
  },
  ...alsoOnNode({
    title: "MGET, HGETALL, LRANGE, ZRANGE: CPU against the best peer",
    most: 0.5,
    of: worstCpu(COLLECTIONS),
  }),
  ...alsoOnNode({
    title: "16 KB and 1 MB: operations/s against the best peer",
    least: 1.2,
    of: (cell, names) =>
      worst(
        LARGE,
        (name) => ratio(rate(cell(name, "respool")), best(cell, name, names, rate, Math.max)) ?? {},
        Math.min,
      ),
  }),
  {
    title: "GET at 500 in flight: operations/s against redis-benchmark, 500 pipelined on one connection",
    least: 0.6,
    of: (cell) =>
      ratio(rate(cell("get-64b@500", "respool")), best(cell, "get-64b@500", ["redis-benchmark"], rate, Math.max)),
  },
  {
    title: "GET at 500 in flight in a cluster of three primaries: CPU against one server",
    most: 1.3,
    of: (cell) => {
      const single = { value: cpu(cell(CLUSTER, "respool-single")), name: "respool-single" };
      return ratio(cpu(cell(CLUSTER, "respool")), single);
    },
  },
  {
    title: "the same against the best peer in the cluster",
    most: 0.5,
    of: (cell) => ratio(cpu(cell(CLUSTER, "respool")), best(cell, CLUSTER, peers, cpu, Math.min)),
  },
  ...alsoOnNode({
    title: "small GETs beside 1 MB GETs: p99 against the best peer",
    most: 0.5,
    of(cell, names) {
      const name = best(cell, "beside-large", names, p99, Math.min)?.name;
      return ratioOfP99(cell("beside-large", "respool"), cell("beside-large", name), name);
    },
  }),
  {
    title: "small GETs beside 50 BLPOPs: p99 against the same without",
    most: 1.2,
    of(cell) {
      const found = ratioOfP99(cell("beside-pops", "respool"), cell("steady", "respool"), "without");
      // Blocked pops cannot make the GETs beside them faster.
      return found && found.ratio < 1 ? { ...found, note: `${found.note}: no difference seen` } : found;
    },
  },
  {
    title: "take a connection and give it back: CPU, µs",
    most: 1,
    unit: "µs",
    of: (cell) => absolute(cpu(cell("borrow@0", "respool"))),
  },
  {
    title: "10,000 waiters: CPU per hand-over against 10 waiters",
    most: 1.5,
    of: (cell) =>
      ratio(cpu(cell("borrow@10000", "respool")), { value: cpu(cell("borrow@10", "respool")), name: "10 waiters" }),
  },
  {
    title: "a new connection per request: CPU against pooled",
    least: 50,
    of: (cell) => ratio(cpu(cell("churn", "respool")), { value: cpu(cell("get-64b@50", "respool")), name: "pooled" }),
  },
  {
    title: "memory of an idle connection in the client, KB",
    most: 10,
    unit: "KB",
    of: (cell) => absolute((cell("idle", "respool")?.heapPerConnection?.median ?? null) / 1024),
  },
  {
    title: "the same against the best peer",
    most: 1,
    of: (cell) => {
      const heap = (row) => row?.heapPerConnection?.median ?? null;
      return ratio(heap(cell("idle", "respool")), best(cell, "idle", peers, heap, Math.min));
    },
  },
  {
    title: "import, ms",
    most: 40,
    unit: "ms",
    of: (cell) => absolute(cell("loading", "respool")?.importMilliseconds?.median ?? null),
  },
  {
    title: "installed size, MB",
    most: 2,
    unit: "MB",
    of: (_cell, { installed }) => absolute((installed?.respool ?? null) / 1024 / 1024),
  },
  {
    title: "installed size against the smallest peer",
    most: 1,
    of: (_cell, { installed }) => {
      const others = Object.entries(installed ?? {}).filter(([name]) => name !== "respool");
      const [name, value] = others.toSorted((a, b) => a[1] - b[1])[0] ?? [];
      return value === undefined ? null : ratio(installed.respool, { value, name });
    },
  },
];

const hitCost = (level) => (cell) =>
  ratio(
    cpu(cell(`cache-hit-${level}@50`, "respool-cache")),
    best(cell, `cache-hit-${level}@50`, caches, cpu, Math.min),
  );

/** The same for the caches, which have a run of their own. */
export const cacheTargets = [
  {
    title: "getOrSet that finds its value in Redis: CPU against the best other cache",
    most: 0.5,
    of: hitCost("second"),
  },
  { title: "the same in memory", most: 0.5, of: hitCost("first") },
];

function absolute(value) {
  return value === null || value === 0 ? null : { ratio: value, against: "" };
}

/** @returns `{ title, limit, figure, where, reached }` for each target; `reached` is null where the run has no figures for it */
export function judge(run, wanted = targets) {
  const cell = reader(run.results);
  return wanted.map(({ title, most, least, unit = "×", of }) => {
    const limit = most === undefined ? `≥ ${least} ${unit}` : `≤ ${most} ${unit}`;
    const found = of(cell, run);
    if (!Number.isFinite(found?.ratio)) return { title, limit, figure: "not measured", where: "", reached: null };
    const reached = most === undefined ? found.ratio >= least : found.ratio <= most;
    const parts = [found.against, found.workload, found.note];
    const where = parts.filter((part) => part !== undefined && part !== "").join(", ");
    return { title, limit, figure: `${shown(found.ratio)} ${unit}`, where, reached };
  });
}

function shown(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
