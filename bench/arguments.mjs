/** The options of `npm run bench`. */
import { parseArgs } from "node:util";
import { clients } from "./clients/catalogue.mjs";
import { workloads } from "./workloads/index.mjs";

const help = `npm run bench -- [options]

  --quick          one short round of the fastest settings of each client, in most workloads, without allocations: an idea of the
                   figures in less than three minutes
  --only NAME      only this client, or this workload, or the workloads whose names begin so; may be repeated
  --rounds N       rounds of every client; default 3, with --quick 1
  --seconds S      how long a round measures; default 1, with --quick 0.15
  --json FILE      writes the figures to FILE, too
  --list           shows the names of clients and workloads
  --help           shows this
`;

export function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.list) {
    process.stdout.write(values.help ? help : listing());
    process.exit(0);
  }
  const seconds = readNumber("seconds", values.seconds ?? (values.quick ? "0.15" : "1"));
  return {
    ...choose(values.only, values.quick),
    quick: values.quick,
    json: values.json,
    rounds: Math.ceil(readNumber("rounds", values.rounds ?? (values.quick ? "1" : "3"))),
    phases: { warmUp: values.quick ? 0.1 : Math.max(0.25, seconds / 3), seconds },
    // Counted in one round more, which takes as long as the others.
    countsAllocations: !values.quick,
  };
}

function choose(only, quick) {
  const chosen = only.filter((name) => name in clients);
  const wanted = only.filter((name) => !(name in clients));
  const found = workloads.filter(({ name }) => wanted.some((start) => name.startsWith(start)));
  const unknown = wanted.filter((start) => !workloads.some(({ name }) => name.startsWith(start)));
  if (unknown.length > 0)
    throw new Error(`--only ${unknown[0]}: no client or workload has this name; --list shows them`);
  const usual = Object.keys(clients).filter((name) => !quick || clients[name].quick);
  return {
    chosen: chosen.length > 0 ? chosen : usual,
    workloads: wanted.length > 0 ? found : workloads.filter((workload) => !quick || workload.quick),
  };
}

function listing() {
  const row = ([name, title]) => `  ${name.padEnd(18)} ${title}\n`;
  const known = Object.entries(clients).map(([name, { title }]) => [name, title]);
  const loads = workloads.map(({ name, title }) => [name, title]);
  return `clients\n${known.map(row).join("")}\nworkloads\n${loads.map(row).join("")}`;
}

function readNumber(name, text) {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value < 1000) return value;
  throw new Error(`--${name} must be a number above 0, got ${text}`);
}
