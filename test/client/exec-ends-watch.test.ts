import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "respool";
import { sharedServer } from "../support/server.ts";
import { connectRaw } from "../support/raw-client.ts";

const server = sharedServer();

/** How often the server ran the commands that repair a session. */
async function repairs(): Promise<number> {
  using raw = await connectRaw(server());
  const stats = await raw.info("commandstats");
  return ["unwatch", "discard", "reset"]
    .map((command) => Number(/calls=(\d+)/.exec(stats[`cmdstat_${command}`] ?? "calls=0")?.[1]))
    .reduce((sum, calls) => sum + calls, 0);
}

test("after EXEC nothing is watched: the connection is lent again without a repair", async () => {
  const before = await repairs();
  await using pool = new ConnectionPool(server().url);
  await pool.use(async (lease) => {
    await lease.watch("exec:key");
    await lease.multi().set("exec:key", "1").exec();
  });
  await pool.use((lease) => lease.get("exec:key"));
  await using redis = new Redis({ pool });
  await redis.transaction("exec:key", (tx) => tx.multi().incr("exec:key"));
  assert.equal(await redis.get("exec:key"), "2");
  assert.equal(await repairs(), before);
  await pool.use((lease) => lease.watch("exec:key"));
  await pool.use((lease) => lease.get("exec:key"));
  assert.equal(await repairs(), before + 1, "a WATCH without EXEC is repaired");
});
