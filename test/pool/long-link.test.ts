import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { SimulatedWorld } from "../../src/testing/index.ts";

/*
 * On a long way to the server many commands are outstanding although none waits for another, and replies come at the callers' pace:
 * that is no overload. The simulated server answers at once, so every refusal would be wrong.
 */

for (const [oneWay, commandTimeout] of [
  [25, 500],
  [50, 500],
  [75, 1000],
  [150, 5000],
] as const) {
  test(`with ${2 * oneWay} ms there and back and a limit of ${commandTimeout} ms no command is refused for its wait`, async () => {
    const world = new SimulatedWorld(7);
    world.network.weather.latency = [oneWay, 1.2 * oneWay];
    const server = world.startServer("simulated:6379");
    const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, commandTimeout });
    const redis = new Redis({ pool });
    const errors: unknown[] = [];
    const call = (count: number): void => {
      for (let left = count; left > 0; left--) redis.get("key").catch((error: unknown) => errors.push(error));
    };
    for (let at = 1; at < 6000; at += 5) world.timeline.after(at, () => call(1), true);
    for (let at = 2000; at < 6000; at += 1000) world.timeline.after(at, () => call(1000), true);
    await world.timeline.run(8000);
    assert.deepEqual(errors, []);
    assert.equal(pool.stats().rejected, 0);
    // The pool's own question, which is asked once.
    assert.equal(pool.advise().maxClients, server.maxClients);
    pool.destroy();
  });
}
