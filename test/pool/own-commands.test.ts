import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis, type RedisOptions } from "../../src/index.ts";
import { SimulatedWorld, type SimulatedServer } from "../../src/testing/index.ts";

/*
 * The library sends a few commands of its own on a lane: ECHO to check the order, INFO once, CLIENT UNBLOCK. Nobody has called them,
 * so they neither take a place from the callers' nor are refused for want of one, and their time-outs are not counted.
 */

interface Scene {
  readonly world: SimulatedWorld;
  readonly server: SimulatedServer;
  readonly pool: ConnectionPool;
  readonly redis: Redis;
  /** How often the server has run each command. */
  readonly ran: ReadonlyMap<string, number>;
}

async function within(options: RedisOptions, body: (scene: Scene) => Promise<void>): Promise<void> {
  const world = new SimulatedWorld(1);
  const server = world.startServer("simulated:6379");
  const ran = new Map<string, number>();
  server.onExecute = ([name = ""]) => void ran.set(name, (ran.get(name) ?? 0) + 1);
  const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, ...options });
  await body({ world, server, pool, redis: new Redis({ pool }), ran });
  pool.destroy();
}

test("as many callers as maxInFlight allows are never refused for what the library sends beside them", () =>
  within({ maxInFlight: 4 }, async ({ world, pool, redis, ran }) => {
    // Replies come one by one, so that a caller is there again before the library's own reply.
    world.network.weather.splits = true;
    const caller = async (): Promise<void> => {
      for (let call = 0; call < 1000; call++) await redis.get("key");
    };
    for (let round = 0; round < 2; round++) {
      await world.run(() => Promise.all([caller(), caller(), caller(), caller()]));
      await world.pass(2000);
    }
    assert.ok((ran.get("ECHO") ?? 0) >= 8, "the order was checked");
    assert.equal(ran.get("INFO"), 1);
    assert.equal(pool.stats().rejected, 0);
  }));

test("a blocked pop is let go of at once while the lane has all it may have", () =>
  within({ maxInFlight: 1 }, async ({ world, redis }) => {
    await world.run(() => redis.get("key"));
    const [lane] = world.network.links;
    const stop = new AbortController();
    const pop = redis.with({ signal: stop.signal }).blpop("queue", 0);
    await world.pass(50);
    lane?.hold("toClient", true);
    const get = redis.get("key");
    const before = world.timeline.now();
    stop.abort(new Error("enough"));
    await assert.rejects(
      world.run(() => pop),
      /enough/,
    );
    const took = world.timeline.now() - before;
    assert.ok(took < 100, `${took} ms`);
    lane?.hold("toClient", false);
    await world.run(() => get);
  }));

test("a check of the order that runs out of time is not counted, nor is the PING of a health check", () =>
  within({ socketTimeout: 200, healthCheckInterval: 300 }, async ({ world, server, pool, redis }) => {
    await world.run(() => redis.get("key"));
    const [lane] = world.network.links;
    lane?.hold("toServer", true);
    const gets = Promise.all(Array.from({ length: 512 }, () => redis.get("key")));
    // The server is there all the same, so the link is not taken for dead.
    for (let turn = 0; turn < 6; turn++) {
      for (const session of server.sessions.values()) {
        session.push(["invalidate", null]);
        session.flush();
      }
      await world.pass(50);
    }
    lane?.hold("toServer", false);
    await world.run(() => gets);
    lane?.hold("toServer", true);
    await world.pass(2000);
    const { timeouts, closedBecause } = pool.stats();
    assert.deepEqual(closedBecause, { "socket-timeout": 1 });
    assert.equal(timeouts, 0);
  }));
