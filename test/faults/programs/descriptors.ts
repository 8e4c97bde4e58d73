// Run with a low `ulimit -n`: uses up every file descriptor, and tells as JSON what became of a client meanwhile.
import { closeSync, openSync } from "node:fs";
import { ConnectionPool, Redis, type PoolTimeoutError } from "../../../src/index.ts";

const pool = new ConnectionPool(process.env["REDIS_URL"], {
  maxConnections: 10,
  acquireTimeout: 300,
  reconnect: { minDelay: 5, maxDelay: 50 },
});
const redis = new Redis({ pool });
const problems: string[] = [];
await redis.set("descriptors:k", "works on");

const taken: number[] = [];
/** Takes what there is. @returns whether there was any */
function take(): boolean {
  const before = taken.length;
  for (;;) {
    try {
      taken.push(openSync("/dev/null", "r"));
    } catch {
      return taken.length > before;
    }
  }
}
// The loader of TypeScript still has files open, which it closes a little later: until there are no more for a while.
for (let calm = 0; calm < 20; calm++) {
  if (take()) calm = 0;
  await new Promise((resolve) => setTimeout(resolve, 10));
}

let running = true;
const load = (async (): Promise<void> => {
  while (running) {
    const values = await Promise.all([1, 2, 3, 4].map(() => redis.get("descriptors:k")));
    if (values.some((value) => value !== "works on")) problems.push(`read ${values.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
})();
const refused = await pool.lease().catch((error: unknown) => error as PoolTimeoutError);
const lane = await redis.get("descriptors:k");
const lease = refused instanceof Error ? [refused.code, refused.outcome] : "there was one";
const cause = refused instanceof Error ? causes(refused).find((code) => code === "EMFILE") : undefined;
for (const descriptor of taken) closeSync(descriptor);
const began = performance.now();
const after = await pool.use((next) => next.echo("lent"));
const recovery = performance.now() - began;
running = false;
await load;
await redis.close();
await pool.close();
process.stdout.write(JSON.stringify({ lane, lease, cause, after, problems, recovery }));

function causes(error: Error): string[] {
  const { code, cause } = error as NodeJS.ErrnoException;
  return [String(code), ...(cause instanceof Error ? causes(cause) : [])];
}
