/**
 * npm run bench: the clients side by side, on one real server.
 *
 * They take turns, each in a new process and each round begun by another client, so that a machine that grows slow or fast
 * meanwhile does so for all; medians are compared, with the smallest and largest. Client CPU per operation is the figure to
 * watch: it is what the application loses, and it holds on a noisy machine.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { readArguments } from "./arguments.mjs";
import { clients } from "./clients/catalogue.mjs";
import { describeRun } from "./environment.mjs";
import { findLimit, runLimit } from "./limit.mjs";
import { installCaches, installPeers } from "./peers.mjs";
import { printWorkload } from "./print.mjs";
import { startRound } from "./round.mjs";
import { openServers } from "./servers.mjs";
import { summarise } from "./summary.mjs";

const LIMIT = "redis-benchmark";

/** One workload: every client's figures, and why some failed. */
class Measurement {
  figures;
  failed = new Map();
  #workload;
  #options;
  #servers;

  constructor(workload, options, servers) {
    this.#workload = workload;
    this.#options = options;
    this.#servers = servers;
    this.figures = new Map(options.chosen.map((name) => [name, []]));
  }

  /** All rounds, the clients taking turns. */
  async run() {
    const { chosen, rounds, phases, countsAllocations } = this.#options;
    for (let turn = 0; turn < rounds; turn++) {
      for (const name of rotated(chosen, turn, rounds)) await this.#round(name, phases);
      await this.#limit();
    }
    // Once is enough: what is allocated does not depend on how busy the machine is.
    for (const name of countsAllocations && this.#workload.driver === "closed" ? chosen : []) {
      await this.#round(name, { ...phases, allocation: true });
    }
  }

  /** A client that fails is left out from then on, and told. */
  async #round(name, phases) {
    const workload = this.#workload;
    await this.#take(name, () => startRound({ name, workload, place: this.#placeOf(name), phases }));
  }

  #placeOf(name) {
    const { plain, tls, cluster } = this.#servers;
    if (this.#workload.tls) return tls;
    return this.#workload.cluster && clients[name].role !== "single" ? cluster : plain;
  }

  async #limit() {
    const { limit, phases } = this.#options;
    if (limit === null) return;
    await this.#take(LIMIT, () => runLimit(limit, this.#workload, this.#servers.plain, phases));
  }

  async #take(name, measure) {
    if (this.failed.has(name)) return;
    try {
      const figures = await measure();
      if (figures !== null) this.figures.set(name, [...(this.figures.get(name) ?? []), figures]);
    } catch (error) {
      this.failed.set(name, error.message);
      console.error(`\n${error.message}`);
      process.exitCode = 1;
    }
  }
}

/** Each round begins with another client, so that nobody always follows the same one. */
function rotated(names, turn, rounds) {
  const first = Math.round((turn * names.length) / rounds) % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

async function measure(workload, options, servers) {
  const measurement = new Measurement(workload, options, servers);
  await measurement.run();
  const rows = [...measurement.figures].filter(([, rounds]) => rounds.length > 0);
  return {
    workload: workload.name,
    title: workload.title,
    clients: rows.map(([client, rounds]) => ({ client, ...summarise(rounds) })),
    failed: Object.fromEntries(measurement.failed),
  };
}

/** Before anything is measured: forty minutes are too long to find out that the figures have no place to go to. */
function expectWritable(path) {
  try {
    closeSync(openSync(path, "a"));
  } catch (error) {
    throw new Error(`--json ${path}: cannot write there: ${error.message}`, { cause: error });
  }
}

async function main() {
  const asked = readArguments();
  if (asked.chosen.some((name) => clients[name].role === "peer")) installPeers();
  if (asked.chosen.some((name) => clients[name].role === "cache")) installCaches();
  const options = { ...asked, limit: findLimit() };
  const began = Date.now();
  const servers = await openServers(options.workloads);
  const results = [];
  try {
    // Before the file is opened, which may be one of those that git looks at.
    const run = options.json === undefined ? null : await describeRun(options, servers);
    if (run !== null) expectWritable(options.json);
    for (const workload of options.workloads) {
      results.push(await measure(workload, options, servers));
      printWorkload(results.at(-1), options.workloads.length, results.length);
    }
    if (run !== null) {
      const minutes = Math.round((Date.now() - began) / 6000) / 10;
      writeFileSync(options.json, `${JSON.stringify({ ...run, minutes, results }, null, 1)}\n`);
    }
  } finally {
    await servers.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
