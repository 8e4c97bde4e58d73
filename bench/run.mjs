/**
 * npm run bench: client CPU and throughput of GETs of 64 bytes, in a closed loop, side by side with the floor.
 *
 * CPU per command is the figure to watch: it is what the application loses, and it holds on a noisy machine.
 * Clients take turns (A B A B …), each round in a new process; medians are compared, with the smallest and largest.
 * A client is a file in bench/clients/ that exports `connect(server)` → `{ get, set, close }`.
 */
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { connect } from "./floor.mjs";
import { valueOf } from "./values.mjs";

const KEYS = 1000;
const FLOOR = "floor";
// A round takes about a second: a client that lost a reply would wait for ever.
const ROUND_LIMIT = 120_000;

const help = `npm run bench -- [options]

  --quick          fewer commands and rounds: an idea of the figures in some seconds
  --only NAME      this client, beside the floor; may be repeated
  --in-flight N    commands in flight; may be repeated; default 500 and 50
  --rounds N       rounds of every client; default 5, with --quick 3
  --commands N     commands of a round; default 300000, with --quick 100000
  --unix           over a unix socket instead of TCP on loopback
  --server H:P     a server that runs already, instead of one of its own; its keys bench:* are overwritten
  --json FILE      writes the figures to FILE, too
  --help           shows this
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      "in-flight": { type: "string", multiple: true, default: ["500", "50"] },
      rounds: { type: "string" },
      commands: { type: "string" },
      unix: { type: "boolean", default: false },
      server: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  return {
    ...values,
    clients: chooseClients(values.only),
    inFlight: values["in-flight"].map((text) => readCount("in-flight", text)),
    rounds: readCount("rounds", values.rounds ?? (values.quick ? "3" : "5")),
    commands: readCount("commands", values.commands ?? (values.quick ? "100000" : "300000")),
  };
}

function readCount(name, text) {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number from 1, got ${text}`);
}

/** The floor first, then the clients asked for. */
function chooseClients(only) {
  const files = readdirSync(new URL("clients/", import.meta.url));
  const all = files.filter((file) => file.endsWith(".mjs")).map((file) => file.slice(0, -".mjs".length));
  const unknown = (only ?? []).filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`unknown client ${unknown.join(", ")}: the known ones are ${all.join(", ")}`);
  return [FLOOR, ...(only ?? all).filter((name) => name !== FLOOR)];
}

/** A server of its own, or the one that runs already: where it is, and how to stop it. */
async function openServer({ server, unix }) {
  if (server !== undefined) {
    const colon = server.lastIndexOf(":");
    return { host: server.slice(0, colon), port: Number(server.slice(colon + 1)), stop: async () => {} };
  }
  const { startServer } = await import("../dist/testing/index.js").catch((error) => {
    throw error.code === "ERR_MODULE_NOT_FOUND" ? new Error("dist/ is missing: run npm run build first") : error;
  });
  const own = await startServer({ unixSocket: true });
  const place = unix ? { path: own.path } : { host: own.host, port: own.port };
  return { ...place, stop: () => own.stop() };
}

async function fill(server) {
  const client = await connect(server);
  await Promise.all(Array.from({ length: KEYS }, (_, index) => client.set(`bench:${index}`, valueOf(index))));
  client.close();
}

/** Runs one round in a process of its own. */
function measure(job) {
  return new Promise((resolve, reject) => {
    const worker = fileURLToPath(new URL("worker.mjs", import.meta.url));
    const child = spawn(process.execPath, [worker, JSON.stringify(job)], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: ROUND_LIMIT,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(JSON.parse(output));
      else
        reject(
          new Error(`client ${job.client} with ${job.inFlight} in flight ended with ${signal ?? `status ${code}`}`),
        );
    });
  });
}

/** Median, smallest and largest of what `pick` takes from the rounds. */
function summary(rounds, pick) {
  const sorted = rounds.map(pick).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** The rounds of all clients at one number in flight, the clients taking turns. */
async function compare(server, options, inFlight) {
  const rounds = new Map(options.clients.map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const client of options.clients) {
      const place = { host: server.host, port: server.port, path: server.path };
      const job = { client, server: place, inFlight, commands: options.commands, keys: KEYS };
      rounds.get(client).push(await measure(job));
    }
  }
  const floor = summary(rounds.get(FLOOR), (round) => round.cpuPerCommand).median;
  return options.clients.map((client) => {
    const cpu = summary(rounds.get(client), (round) => round.cpuPerCommand);
    const ops = summary(rounds.get(client), (round) => round.opsPerSecond);
    return { client, inFlight, cpuPerCommand: cpu, opsPerSecond: ops, timesFloor: cpu.median / floor };
  });
}

function print({ client, cpuPerCommand: cpu, opsPerSecond: ops, timesFloor }) {
  const range = `${cpu.min.toFixed(2)}–${cpu.max.toFixed(2)}`;
  const figures = [
    `${cpu.median.toFixed(2).padStart(7)} µs (${range})`.padEnd(26),
    `${timesFloor.toFixed(2)}×`.padStart(7),
    `${Math.round(ops.median / 1000)}k`.padStart(8),
    `(${Math.round(ops.min / 1000)}k–${Math.round(ops.max / 1000)}k)`,
  ];
  console.log(`  ${client.padEnd(16)} ${figures.join(" ")}`);
}

async function main() {
  const options = readArguments();
  const server = await openServer(options);
  const results = [];
  try {
    await fill(server);
    for (const inFlight of options.inFlight) {
      const size = `${options.rounds} rounds of ${options.commands} GETs of 64 bytes`;
      console.log(`\n${inFlight} in flight, ${size}, over ${server.path ? "a unix socket" : "TCP"}`);
      console.log(`  client             CPU per command (range)   × floor    ops/s (range)`);
      const compared = await compare(server, options, inFlight);
      for (const result of compared) print(result);
      results.push(...compared);
    }
  } finally {
    await server.stop();
  }
  if (options.json === undefined) return;
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", processors: cpus().length };
  const { rounds, commands } = options;
  writeFileSync(options.json, `${JSON.stringify({ machine, rounds, commands, results }, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
