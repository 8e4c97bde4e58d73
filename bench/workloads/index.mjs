/** Everything that is measured, in the order of the report. */
import { payloads } from "../caches/payloads.mjs";
import { steps } from "./steps.mjs";

/** Connections of the pools in the pool workloads. */
const POOLED = 10;
/** respool lends each blocked pop one of its connections: 50 pops, and room for the GETs beside them. */
const ROOM_FOR_POPS = 64;

function closed(step, inFlight, more = {}) {
  const { title, needs } = steps[step];
  const name = `${more.cluster ? "cluster-" : ""}${step}${more.tls ? "-tls" : ""}@${inFlight}`;
  const where = more.tls ? ", TLS" : more.cluster ? ", cluster of three primaries" : "";
  return { name, title: `${title}${where}, ${inFlight} in flight`, driver: "closed", step, inFlight, needs, ...more };
}

function open(name, title, more) {
  return { name, title, driver: "open-loop", rate: 10_000, ...more };
}

function borrow(waiting, title) {
  const callers = waiting === 0 ? 1 : POOLED + waiting;
  return { name: `borrow@${waiting}`, title, driver: "borrow", callers, connections: POOLED };
}

/** What a `getOrSet` costs that finds its value; `level`: in Redis, or in a first level in memory before it. */
function hit(level) {
  const { title } = steps["cache-hit"];
  const where = level === "first" ? "in memory (first level)" : "in Redis (second level)";
  return {
    name: `cache-hit-${level}@50`,
    title: `${title}, ${where}, 50 in flight`,
    driver: "closed",
    step: "cache-hit",
    inFlight: 50,
    level,
  };
}

/** What codecs and compressions cost, and save. */
function forms([payload, { title }]) {
  return {
    name: `cache-forms-${payload}`,
    title: `set and get of ${title}, 8 in flight`,
    driver: "forms",
    inFlight: 8,
    payload,
  };
}

/** These say little more than the others. */
const NOT_IN_QUICK = [
  "get-64b@5000",
  "set-64b@5000",
  "set-16kb@50",
  "set-1mb@8",
  "zipf@50",
  "cluster-set-64b@500",
  "borrow@10",
];

const all = [
  ...[1, 50, 500, 5000].flatMap((inFlight) => [closed("get-64b", inFlight), closed("set-64b", inFlight)]),
  closed("get-16kb", 50),
  closed("set-16kb", 50),
  closed("get-1mb", 8),
  closed("set-1mb", 8),
  closed("mget", 50),
  closed("hgetall", 50),
  closed("lrange", 20),
  closed("zrange", 20),
  closed("pipeline", 1),
  closed("incr", 50),
  closed("zipf", 50),
  closed("get-buffer", 500),
  closed("get-64b", 500, { tls: true }),
  closed("get-64b", 500, { cluster: true }),
  closed("set-64b", 500, { cluster: true }),
  open("steady", "10,000 small GETs/s", { beside: "none" }),
  open("beside-large", "10,000 small GETs/s beside 100 GETs/s of 1 MB", { beside: "large-gets", largeRate: 100 }),
  open("beside-pops", "10,000 small GETs/s beside 50 blocked BLPOPs", {
    beside: "blocked-pops",
    needs: "blpop",
    maxConnections: ROOM_FOR_POPS,
  }),
  borrow(0, "take a connection and give it back, nobody waiting"),
  borrow(10, "the same, 10 waiting"),
  borrow(10_000, "the same, 10,000 waiting"),
  { name: "churn", title: "a new connection per GET, 50 in flight", driver: "churn", inFlight: 50 },
  { name: "idle", title: "1,000 idle connections", driver: "idle", connections: 1000 },
  { name: "loading", title: "import", driver: "loading" },
];

const caches = [hit("second"), hit("first"), ...Object.entries(payloads).map(forms)];

/** `quick`: also in a quick run. `suite`: the clients are measured by default, the caches when they are asked for. */
export const workloads = [
  ...all.map((workload) => ({ ...workload, suite: "clients", quick: !NOT_IN_QUICK.includes(workload.name) })),
  ...caches.map((workload) => ({ ...workload, suite: "caches", quick: true })),
];
