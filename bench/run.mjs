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

/** All rounds of one workload, the clients taking turns. */
async function measure(workload, { chosen, rounds, phases }, servers) {
  const places = workload.tls ? servers.tls : servers.plain;
  const figures = new Map(chosen.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of chosen) {
      const result = await startRound({ name, workload, place: places, phases });
      if (result !== null) figures.get(name).push(result);
    }
    const limit = await runLimit(workload, servers.plain, phases);
    if (limit !== null) figures.set(LIMIT, [...(figures.get(LIMIT) ?? []), limit]);
  }
  if (workload.driver === "closed") {
    for (const name of chosen) {
      const allocation = await startRound({ name, workload, place: places, phases: { ...phases, allocation: true } });
      for (const one of figures.get(name).slice(0, 1)) one.bytesPerOp = allocation?.bytesPerOp ?? null;
    }
  }
  return [...figures].filter(([, list]) => list.length > 0).map(([client, list]) => ({ client, ...summarise(list) }));
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
      const clients = await measure(workload, options, servers);
      results.push({ workload: name, title, clients });
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
