import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { SimulatedWorld } from "../../src/testing/index.ts";

/*
 * The library sends a few commands of its own on a lane: ECHO to check the order, INFO once, CLIENT UNBLOCK. Nobody has called them,
 * so they neither take a place from the callers' nor are refused for want of one.
 */

async function inWorld(options: { maxInFlight: number }, body: (redis: Redis, world: SimulatedWorld) => Promise<void>) {
  const world = new SimulatedWorld(1);
  const commands = new Map<string, number>();
  world.startServer("simulated:6379").onExecute = ([name = ""]) => {
    commands.set(name, (commands.get(name) ?? 0) + 1);
  };
  const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, ...options });
  const redis = new Redis({ pool });
  await world.run(() => body(redis, world));
  pool.destroy();
  return { commands, stats: pool.stats() };
}

test("as many callers as maxInFlight allows are never refused for what the library sends beside them", async () => {
  const { commands, stats } = await inWorld({ maxInFlight: 4 }, async (redis, world) => {
    // Replies come one by one, so that a caller is there again before the library's own reply.
    world.network.weather.splits = true;
    const caller = async (): Promise<void> => {
      for (let call = 0; call < 1000; call++) await redis.get("key");
    };
    await Promise.all([caller(), caller(), caller(), caller()]);
    await world.pass(2000);
    await Promise.all([caller(), caller(), caller(), caller()]);
  });
  assert.ok((commands.get("ECHO") ?? 0) >= 8, "the order was checked");
  assert.equal(commands.get("INFO"), 1);
  assert.equal(stats.rejected, 0);
});

test("a blocked pop is let go of at once while the lane has all it may have", async () => {
  await inWorld({ maxInFlight: 1 }, async (redis, world) => {
    await redis.get("key");
    const [lane] = world.network.links;
    const stop = new AbortController();
    const pop = redis.with({ signal: stop.signal }).blpop("queue", 0);
    await world.pass(50);
    lane?.hold("toClient", true);
    const get = redis.get("key");
    const before = world.timeline.now();
    stop.abort(new Error("enough"));
    await assert.rejects(pop, /enough/);
    const took = world.timeline.now() - before;
    assert.ok(took < 100, `${took} ms`);
    lane?.hold("toClient", false);
    await get;
  });
});
