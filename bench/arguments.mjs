/** The options of `npm run bench`. */
import { parseArgs } from "node:util";
import { clients } from "./clients/catalogue.mjs";
import { takesPart } from "./clients/taking-part.mjs";
import { workloads } from "./workloads/index.mjs";

const help = `npm run bench -- [options]

  --quick          one short round of the fastest settings of each client, in most workloads, without allocations: an idea of the
                   figures in less than three minutes
  --only NAME      only this client, or this workload (get-64b@50); a name that no client or workload has stands for the
                   workloads whose names begin so (get-64b); may be repeated. The caches are measured with --only cache alone
  --rounds N       rounds of every client, a whole number below 1000; default 3, with --quick 1
  --seconds S      how long a round measures, between 0 and 1000; default 1, with --quick 0.15; open loops take twice that
  --json FILE      writes the figures to FILE, too
  --list           shows the names of clients and workloads
  --help           shows this
`;

function parse() {
  const options = {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    seconds: { type: "string" },
    json: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Error(`${error.message}; see --help`, { cause: error });
  }
}

export function readArguments() {
  const values = parse();
  if (values.help || values.list) {
    process.stdout.write(values.help ? help : listing());
    process.exit(0);
  }
  const seconds = readSeconds(values.seconds ?? (values.quick ? "0.15" : "1"));
  return {
    ...choose(values.only, values.quick),
    json: values.json,
    asked: asked(values),
    rounds: readRounds(values.rounds ?? (values.quick ? "1" : "3")),
    phases: { warmUp: values.quick ? 0.1 : Math.max(0.25, seconds / 3), seconds },
    // Counted in one round more, which takes as long as the others.
    countsAllocations: !values.quick,
  };
}

/** The options as they are typed, for the report; not where the figures go to. */
function asked({ quick, only, rounds, seconds }) {
  return [
    ...(quick ? ["--quick"] : []),
    ...only.map((name) => `--only ${name}`),
    ...(rounds === undefined ? [] : [`--rounds ${rounds}`]),
    ...(seconds === undefined ? [] : [`--seconds ${seconds}`]),
  ].join(" ");
}

function choose(only, quick) {
  const named = only.filter((name) => Object.hasOwn(clients, name));
  const wanted = only.filter((name) => !Object.hasOwn(clients, name)).flatMap(workloadsNamed);
  const usual = Object.keys(clients).filter((name) => !quick || clients[name].quick);
  const chosen = named.length > 0 ? [...new Set(named)] : usual;
  const some = workloads.filter(({ name, suite, quick: short }) =>
    wanted.length > 0 ? wanted.includes(name) : suite === suiteOf(named) && (!quick || short),
  );
  const possible = some.filter((workload) => chosen.some((name) => takesPart(name, workload)));
  if (possible.length === 0) throw new Error("--only: the chosen clients take part in none of the chosen workloads");
  return {
    chosen: chosen.filter((name) => possible.some((workload) => takesPart(name, workload))),
    workloads: possible,
  };
}

/** What is measured when no workload was named: the clients, unless a cache was. */
function suiteOf(named) {
  return named.map((name) => clients[name].suite).find((suite) => suite !== undefined) ?? "clients";
}

/** The one of this name, else those whose names begin so. */
function workloadsNamed(text) {
  const names = workloads.map(({ name }) => name);
  const found = names.includes(text) ? [text] : names.filter((name) => text !== "" && name.startsWith(text));
  if (found.length > 0) return found;
  throw new Error(`--only ${text}: no client or workload has this name; --list shows them`);
}

function listing() {
  const row = ([name, title]) => `  ${name.padEnd(18)} ${title}\n`;
  const known = Object.entries(clients).map(([name, { title }]) => [name, title]);
  const loads = workloads.map(({ name, title }) => [name, title]);
  return `clients\n${known.map(row).join("")}\nworkloads\n${loads.map(row).join("")}`;
}

function readSeconds(text) {
  const value = Number(text);
  if (value > 0 && value < 1000) return value;
  throw new Error(`--seconds must be a number between 0 and 1000, got ${text}; see --help`);
}

function readRounds(text) {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 1000) return value;
  throw new Error(`--rounds must be a whole number from 1 to 999, got ${text}; see --help`);
}
