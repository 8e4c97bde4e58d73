/**
 * One measurement in a process of its own, so that no client warms up or litters the heap of another.
 * Takes `{ client, server, inFlight, commands, keys }` as JSON in its argument and prints one line of JSON.
 */
import { valueOf } from "./values.mjs";

const { client: name, server, inFlight, commands, keys } = JSON.parse(process.argv[2]);
const { connect } = await import(new URL(`clients/${name}.mjs`, import.meta.url));
const client = await connect(server);
const names = Array.from({ length: keys }, (_, index) => `bench:${index}`);
const values = Array.from({ length: keys }, (_, index) => valueOf(index));

/** Keeps `inFlight` GETs under way until `count` are answered, and compares every reply. */
async function run(count) {
  let issued = 0;
  const caller = async () => {
    while (issued < count) {
      const index = issued++ % keys;
      const value = await client.get(names[index]);
      if (value !== values[index]) throw new Error(`${names[index]}: expected ${values[index]}, got ${value}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

await run(Math.max(20_000, commands / 10));
const cpuBefore = process.cpuUsage();
const before = performance.now();
await run(commands);
const elapsed = performance.now() - before;
const cpu = process.cpuUsage(cpuBefore);
await client.close();

console.log(
  JSON.stringify({
    cpuPerCommand: (cpu.user + cpu.system) / commands,
    opsPerSecond: Math.round((commands / elapsed) * 1000),
    userPerCommand: cpu.user / commands,
    systemPerCommand: cpu.system / commands,
  }),
);
