import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "respool";
import { Random, SimulatedWorld } from "respool/testing";

const HOUR = 3_600_000;

function open(world: SimulatedWorld, options: ConstructorParameters<typeof Redis>[1] = {}): Redis {
  return new Redis({ host: "cache", environment: world, ...options });
}

test("hours pass in milliseconds: a command waits for a server that is away, as long as it may", async () => {
  const world = new SimulatedWorld(1);
  const server = world.startServer("cache:6379");
  const redis = open(world);
  const value = await world.run(async () => {
    await redis.set("greeting", "hello");
    server.crash();
    world.clock.schedule(() => server.start(), HOUR);
    const greeting = await redis.with({ timeout: 2 * HOUR }).get("greeting");
    await redis.close();
    return greeting;
  });
  assert.equal(value, "hello");
  assert.ok(world.timeline.now() > HOUR && world.timeline.now() < HOUR + 5000, `${world.timeline.now()}`);
});

test("what the server knows: strings, lists, hashes, blocking, transactions, sessions and messages", async () => {
  const world = new SimulatedWorld(2);
  world.startServer("cache:6379");
  const redis = open(world);
  await world.run(async () => {
    assert.equal(await redis.incr("n"), 1);
    assert.deepEqual(await redis.mget("n", "none"), ["1", null]);
    await redis.hset("h", { a: "1", b: "2" });
    assert.deepEqual({ ...(await redis.hgetall("h")) }, { a: "1", b: "2" });
    const pop = redis.blpop("q", 10);
    await redis.rpush("q", "x", "y");
    assert.deepEqual(await pop, ["q", "x"]);
    assert.deepEqual(await redis.lrange("q", 0, -1), ["y"]);
    assert.equal(await redis.blpop("nothing", 1), null);
    assert.deepEqual(await redis.multi().set("m", "1").incr("m").exec(), ["OK", 2]);
    const messages: string[] = [];
    const subscription = await redis.subscribe("news", ({ message }) => void messages.push(message));
    assert.equal(await redis.publish("news", "hello"), 1);
    await subscription.close();
    assert.deepEqual(messages, ["hello"]);
    await assert.rejects(redis.call("GEOADD", "k", 1, 2, "m"), /unknown command/);
    await redis.close();
  });
});

test("a watched key that another client changes makes the transaction start again", async () => {
  const world = new SimulatedWorld(3);
  world.startServer("cache:6379");
  const [one, other] = [open(world), open(world)];
  let tries = 0;
  await world.run(async () => {
    await one.transaction("n", async (tx) => {
      const value = Number((await tx.get("n")) ?? 0);
      if (++tries === 1) await other.set("n", "10");
      return tx.multi().set("n", String(value + 1));
    });
    assert.equal(await one.get("n"), "11");
    await Promise.all([one.close(), other.close()]);
  });
  assert.equal(tries, 2);
});

test("two worlds of one seed do the same at the same time, two seeds do not", async () => {
  const play = async (seed: number): Promise<string> => {
    const world = new SimulatedWorld(seed);
    world.startServer("cache:6379");
    world.network.weather.splits = true;
    const redis = open(world);
    const times: number[] = [];
    await world.run(async () => {
      for (let n = 0; n < 20; n++) {
        await redis.echo(`${n}`);
        times.push(world.timeline.now());
      }
      await redis.close();
    });
    return times.join(" ");
  };
  assert.equal(await play(5), await play(5));
  assert.notEqual(await play(5), await play(6));
});

test("a program that waits for what never comes is told so, with the time", async () => {
  const world = new SimulatedWorld(4);
  await assert.rejects(
    world.run(() => new Promise(() => {})),
    /at 0 ms the program waits, and nothing is left to happen/,
  );
  await assert.rejects(
    world.run(() => Promise.reject(new Error("its own"))),
    /^Error: its own$/,
  );
});

test("faults: refused, unanswered, paused, held, cut, full, and a stalled program", async () => {
  const world = new SimulatedWorld(6);
  const server = world.startServer("cache:6379");
  const redis = open(world, { commandTimeout: 500, connectTimeout: 200, retry: { attempts: 0 } });
  await world.run(async () => {
    server.stop();
    await assert.rejects(redis.ping(), /connection refused|ECONNREFUSED/);
    server.start();
    world.network.silent.add("cache:6379");
    await assert.rejects(redis.ping(), { code: "ERR_COMMAND_TIMEOUT" });
    world.network.silent.clear();
    assert.equal(await redis.ping(), "PONG");
    server.pause();
    await assert.rejects(redis.ping(), { code: "ERR_COMMAND_TIMEOUT", outcome: "unknown" });
    server.resume();
    for (const link of world.network.links) link.hold("toClient", true);
    await assert.rejects(redis.ping(), { code: "ERR_COMMAND_TIMEOUT" });
    for (const link of world.network.links) link.hold("toClient", false);
    assert.equal(await redis.ping(), "PONG");
    const cut = redis.incr("n");
    world.clock.defer(() => world.network.links.forEach((link) => link.cut("reset")));
    await assert.rejects(cut, { code: "ERR_CONNECTION_LOST" });
    server.refusal = "LOADING Redis is loading the dataset in memory";
    await assert.rejects(redis.with({ retry: false }).get("n"), { code: "LOADING" });
    server.refusal = null;
    const before = world.timeline.now();
    world.timeline.stall(5000);
    assert.equal(world.timeline.now(), before + 5000);
    assert.equal(await redis.ping(), "PONG");
    await redis.close();
  });
  assert.equal(world.network.links.size, 0);
  assert.equal(world.timeline.held, 0);
});

test("a server that takes its time serves one command after the other, whoever sent them, and none is lost in a pause", async () => {
  const world = new SimulatedWorld(11);
  const server = world.startServer("cache:6379");
  const dialled: string[] = [];
  world.network.onDial = (address) => void dialled.push(address);
  const [one, other] = [open(world), open(world)];
  await world.run(async () => {
    await Promise.all([one.ping(), other.ping()]);
    assert.equal(server.worked, 0);
    server.serviceTime = 5;
    const began = world.timeline.now();
    const replies = Promise.all(
      [one, other].map(async (redis) => Promise.all([1, 2, 3, 4].map(() => redis.incr("n")))),
    );
    await world.pass(12);
    assert.ok(server.busySince !== null && server.worked > 0);
    assert.equal(server.backlog, 8); // the replies of one turn go out together
    server.pause();
    await world.pass(100);
    server.resume();
    const values = (await replies).flat();
    assert.deepEqual(
      values.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.equal(world.timeline.now() - began >= 8 * 5 + 95, true);
    assert.equal(server.busySince, null);
    assert.equal(server.backlog, 0);
    const popped = one.blpop("q", 1);
    await other.rpush("q", "x");
    assert.deepEqual(await popped, ["q", "x"]);
    await Promise.all([one.close(), other.close()]);
  });
  assert.deepEqual([...new Set(dialled)], ["cache:6379"]);
});

test("a reply that comes twice, and one that never comes", async () => {
  const world = new SimulatedWorld(12);
  const server = world.startServer("cache:6379");
  const redis = open(world);
  await world.run(async () => {
    await redis.ping();
    for (const session of server.sessions.values()) session.mistake = "twice";
    assert.deepEqual(await Promise.all([redis.echo("one"), redis.echo("two")]), ["one", "one"]);
    await redis.close();
  });
  const other = open(world);
  await world.run(async () => {
    await other.ping();
    for (const session of server.sessions.values()) session.mistake = "never";
    const replies = [other.echo("one"), other.with({ timeout: 100 }).echo("two")];
    assert.equal(await replies[0], "two");
    await assert.rejects(replies[1] as Promise<string>, { code: "ERR_COMMAND_TIMEOUT" });
    await other.close({ timeout: 10 });
  });
});

test("a crash keeps the data, or loses it", async () => {
  const world = new SimulatedWorld(9);
  const server = world.startServer("cache:6379");
  const redis = open(world);
  await world.run(async () => {
    await redis.set("greeting", "hello");
    server.crash();
    server.start();
    assert.equal(await redis.get("greeting"), "hello");
    server.crash({ keepData: false });
    server.start();
    assert.equal(await redis.get("greeting"), null);
    await redis.close();
  });
});

test("a server that is full says so in the handshake", async () => {
  const world = new SimulatedWorld(7);
  const server = world.startServer("cache:6379");
  server.maxClients = 1;
  const pool = new ConnectionPool({ host: "cache", environment: world, acquireTimeout: 100 });
  await world.run(async () => {
    const lease = await pool.lease();
    await assert.rejects(pool.lease(), /as many clients as its `maxclients` allows/);
    lease.release();
    await pool.close();
  });
});

test("chance is even, repeats by its seed, and each part has its own", () => {
  const draws = Array.from(
    { length: 10_000 },
    (
      (random) => () =>
        random.next()
    )(new Random(8)),
  );
  assert.ok(draws.every((draw) => draw >= 0 && draw < 1));
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  assert.ok(Math.abs(mean - 0.5) < 0.02, `${mean}`);
  assert.equal(new Random(8).next(), draws[0]);
  const random = new Random(8);
  const [fork, again] = [random.fork("a").next(), (random.next(), random.fork("a").next())];
  assert.equal(fork, again);
  assert.notEqual(random.fork("b").next(), fork);
  assert.throws(() => random.pick([]), /something to pick from/);
});
