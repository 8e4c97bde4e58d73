/**
 * One measurement in a process of its own, so that no client warms up or litters the heap of another.
 * Takes a job as JSON in its argument (run.mjs makes it) and prints one line of JSON: the figures.
 */
const job = JSON.parse(process.argv[2]);
const { workload, client: chosen, place, phases } = job;

async function run() {
  if (workload.driver === "loading") {
    const { measure } = await import("./drivers/loading.mjs");
    return measure(chosen.specifier);
  }
  const module = await import(new URL(`clients/${chosen.file}`, import.meta.url));
  if (workload.driver === "idle" || workload.driver === "borrow") return runPool(module);
  const options = { variant: chosen.variant, connections: workload.connections };
  if (workload.driver === "churn") {
    const { churn } = await import("./drivers/pools.mjs");
    return churn((where) => module.connect(where, options), place, workload, phases);
  }
  const { measure } = await import(`./drivers/${workload.driver}.mjs`);
  const client = await module.connect(place, options);
  if (workload.needs !== undefined && client[workload.needs] === undefined) return null;
  const figures = await measure(client, workload, phases);
  await client.close();
  return figures;
}

async function runPool(module) {
  const { borrow, idle } = await import("./drivers/pools.mjs");
  if (module.connectPool === undefined) return null;
  if (workload.driver === "idle") return idle(module.connectPool, place, workload);
  const pool = await module.connectPool(place, workload);
  const figures = pool.borrow === undefined ? null : await borrow(pool, workload, phases);
  await pool.close();
  return figures;
}

process.stdout.write(JSON.stringify(await run()), () => process.exit(0));
