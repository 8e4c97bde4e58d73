/**
 * npm run bench: the clients side by side, on one real server.
 *
 * They take turns (A B C A B C …), each round in a new process, so that a machine that grows slow or fast meanwhile does so for
 * all; medians are compared, with the smallest and largest. Client CPU per operation is the figure to watch: it is what the
 * application loses, and it holds on a noisy machine.
 */
import { writeFileSync } from "node:fs";
import { readArguments } from "./arguments.mjs";
import { describeRun } from "./environment.mjs";
import { installPeers } from "./peers.mjs";
import { runLimit } from "./limit.mjs";
import { printWorkload } from "./print.mjs";
import { startRound } from "./round.mjs";
import { openServers } from "./servers.mjs";
import { summarise } from "./summary.mjs";

const LIMIT = "redis-benchmark";

/** All rounds of one workload, the clients taking turns. A client that fails is left out from then on, and told. */
async function measure(workload, { chosen, rounds, phases, countsAllocations }, servers) {
  const place = workload.tls ? servers.tls : servers.plain;
  const figures = new Map(chosen.map((name) => [name, []]));
  const failed = new Map();
  const round = async (name, how) => {
    if (failed.has(name)) return null;
    try {
      return await startRound({ name, workload, place, phases: how });
    } catch (error) {
      failed.set(name, error.message);
      console.error(`\n${error.message}`);
      process.exitCode = 1;
      return null;
    }
  };
  for (let turn = 0; turn < rounds; turn++) {
    for (const name of chosen) figures.get(name).push(await round(name, phases));
    const limit = await runLimit(workload, servers.plain, phases);
    figures.set(LIMIT, [...(figures.get(LIMIT) ?? []), limit]);
  }
  // Once is enough: what is allocated does not depend on how busy the machine is.
  for (const name of countsAllocations && workload.driver === "closed" ? chosen : []) {
    figures.get(name).push(await round(name, { ...phases, allocation: true }));
  }
  const rows = [...figures].map(([client, list]) => ({ client, rounds: list.filter((one) => one !== null) }));
  return {
    clients: rows
      .filter((row) => row.rounds.length > 0)
      .map((row) => ({ client: row.client, ...summarise(row.rounds) })),
    failed: Object.fromEntries(failed),
  };
}

async function main() {
  const options = readArguments();
  installPeers(options.chosen);
  const began = Date.now();
  const servers = await openServers();
  const results = [];
  try {
    for (const workload of options.workloads) {
      const { name, title } = workload;
      results.push({ workload: name, title, ...(await measure(workload, options, servers)) });
      printWorkload(results.at(-1), options.workloads.length, results.length);
    }
    const run = await describeRun(options, servers, Date.now() - began);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ ...run, results }, null, 1)}\n`);
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
