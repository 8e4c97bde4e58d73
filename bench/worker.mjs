/**
 * One measurement in a process of its own, so that no client warms up or litters the heap of another.
 * Takes a job as JSON in its argument (round.mjs makes it) and prints one line of JSON: the figures.
 */
const job = JSON.parse(process.argv[2]);
const { workload, client: chosen, place, phases } = job;

async function run() {
  if (workload.driver === "loading") {
    const { measure } = await import("./drivers/loading.mjs");
    return measure(chosen.specifier);
  }
  const module = await import(new URL(chosen.file, import.meta.url));
  if (workload.driver === "idle" || workload.driver === "borrow") return runPool(module);
  const { maxConnections, level, payload } = workload;
  const options = { variant: chosen.variant, maxConnections, level, payload };
  if (workload.driver === "churn") {
    const { churn } = await import("./drivers/pools.mjs");
    return churn(() => module.connect(place, options), workload, phases);
  }
  const { measure } = await import(`./drivers/${workload.driver}.mjs`);
  const client = await (place.nodes === undefined ? module.connect : module.connectCluster)(place, options);
  if (workload.needs !== undefined && client[workload.needs] === undefined) return null;
  const figures = await measure(client, workload, phases);
  await client.close();
  return figures;
}

async function runPool(module) {
  const { borrow, idle } = await import("./drivers/pools.mjs");
  const open = (size) => module.connectPool(place, size);
  if (workload.driver === "idle") return idle(open, workload);
  const pool = await open(workload);
  const figures = await borrow(pool, workload, phases);
  await pool.close();
  return figures;
}

process.stdout.write(JSON.stringify(await run()), () => process.exit(0));
