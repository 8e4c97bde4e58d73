// Counts visits of pages in a cluster, and prints the most visited ones.
//
//   NODES=host:7000,host:7001 npx tsx examples/cluster/tally.ts
import { Redis } from "respool";

const PAGES = ["home", "news", "about", "contact"];

await using redis = new Redis(`redis+cluster://${process.env.NODES ?? "localhost:7000"}`);

// Each counter goes to the node of its slot; a node that fails over meanwhile makes this wait, not fail.
for (let visit = 0; visit < 100; visit++) {
  const page = PAGES[visit % 7] ?? "home";
  await redis.incr(`visits:${page}`);
}

// One MGET for keys of several nodes: split, run side by side, and joined.
const counts = await redis.mget(PAGES.map((page) => `visits:${page}`));
for (const [index, page] of PAGES.entries()) console.log(`${page}: ${counts[index] ?? 0}`);

// What belongs together has a common {tag}, and so a common slot: then a transaction can hold it.
const [, total] = await redis.multi().set("{visits}:seen", Date.now()).incrby("{visits}:total", 100).exec();
console.log(`all visits: ${String(total)}, on ${Object.keys(redis.stats().nodes).length} nodes`);
