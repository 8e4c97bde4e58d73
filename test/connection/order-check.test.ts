import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLostError, ConnectionPool, ProtocolError, Redis, type RedisError } from "../../src/index.ts";
import { SimulatedWorld } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { afterHandshake } from "../support/scripts.ts";
import { startScriptedServer, type Script } from "../support/scripted-server.ts";
import { sharedServer } from "../support/server.ts";

/*
 * Redis numbers neither commands nor replies. Where a server, or a proxy in between, sends one too many or too few, every later caller
 * would get somebody else's data. An ECHO after every 512 commands, or a second, and after anything odd, finds that.
 */

const server = sharedServer();

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Answers GET with its key, or with `value`, and makes its mistake at the `nth` one of the first connection. */
function mistaken(nth: number, mistake: (key: string) => string, value?: string): Script {
  let gets = 0;
  return afterHandshake((name, [argument = ""], { id }) => {
    if (name === "GET" && id === 1 && ++gets === nth) return mistake(argument);
    if (name === "GET") return bulk(value ?? argument);
    return name === "ECHO" ? bulk(argument) : "+OK\r\n";
  });
}

const mistakes: [title: string, mistake: (key: string) => string][] = [
  ["one reply too many", (key) => bulk(key) + bulk(key)],
  ["one reply too few", () => ""],
];

for (const [title, mistake] of mistakes) {
  test(`${title} is found within 512 commands: the connection ends, and what is on it fails as unknown`, async () => {
    await using own = await startScriptedServer(mistaken(100, mistake));
    await using pool = new ConnectionPool({ host: "127.0.0.1", port: own.port });
    const redis = new Redis({ pool }).with({ retry: false });
    const wrong = new Set<string>();
    const errors: unknown[] = [];
    await Promise.all(
      Array.from({ length: 5000 }, async (_, index) => {
        try {
          const reply = await redis.get(`key:${index}`);
          if (reply !== `key:${index}`) wrong.add(`key:${index}`);
        } catch (error) {
          errors.push(error);
        }
      }),
    );
    assert.ok(wrong.size > 0 && wrong.size <= 512, `${wrong.size} wrong replies`);
    assert.equal(pool.stats().closedBecause.order, 1);
    assert.ok(errors.length > 0);
    for (const error of errors) {
      assert.ok(error instanceof ConnectionLostError && error.reason === "order", String(error));
      assert.ok(error.cause instanceof ProtocolError);
    }
    assert.ok(errors.some((error) => (error as RedisError).outcome === "unknown"));
    // The next connection is in order again.
    assert.equal(await redis.get("after"), "after");
  });
}

test("data that read like an answer to a command of MULTI do not pass for the ECHO", async () => {
  await using own = await startScriptedServer(mistaken(100, () => bulk("QUEUED") + bulk("QUEUED"), "QUEUED"));
  await using pool = new ConnectionPool({ host: "127.0.0.1", port: own.port });
  const redis = new Redis({ pool }).with({ retry: false });
  const replies = await Promise.allSettled(Array.from({ length: 2000 }, () => redis.get("key")));
  assert.ok(replies.some(({ status }) => status === "rejected"));
  assert.equal(pool.stats().closedBecause.order, 1);
});

test("a reply of another form is checked at once, behind the next command", async () => {
  let broken = false;
  const seen: string[] = [];
  await using own = await startScriptedServer(
    afterHandshake((name, [argument = ""]) => {
      seen.push(name);
      if (name === "INCR") return broken ? bulk("not a number") : ":1\r\n";
      return name === "ECHO" ? bulk(argument) : "+OK\r\n";
    }),
  );
  await using redis = new Redis({ host: "127.0.0.1", port: own.port });
  assert.equal(await redis.incr("a"), 1);
  broken = true;
  await assert.rejects(redis.incr("a"), ProtocolError);
  broken = false;
  assert.equal(await redis.incr("a"), 1);
  assert.equal(await redis.incr("a"), 1);
  assert.deepEqual(
    seen.filter((name) => name === "INCR" || name === "ECHO"),
    ["INCR", "INCR", "INCR", "ECHO", "INCR"],
  );
});

test("a late reply is checked behind the next command, and the connection stays when all is in order", async () => {
  let answer: (() => void) | undefined;
  await using own = await startScriptedServer(
    afterHandshake((name, [argument = ""], connection) => {
      if (name !== "GET" || argument !== "late") return name === "GET" || name === "ECHO" ? bulk(argument) : "+OK\r\n";
      answer = () => connection.send(bulk("late"));
      return null;
    }),
  );
  await using redis = new Redis({ host: "127.0.0.1", port: own.port });
  await redis.ready();
  await assert.rejects(redis.with({ timeout: 30 }).get("late"), { code: "ERR_COMMAND_TIMEOUT" });
  answer?.();
  for (const key of ["a", "b", "c"]) assert.equal(await redis.get(key), key);
  assert.equal(own.received.filter(({ command }) => command[0] === "ECHO").length, 1);
  assert.equal(own.accepted, 1);
});

test("a user who may not ECHO is not checked, and nothing else changes", async () => {
  using raw = await connectRaw(server());
  await raw.command("ACL", "SETUSER", "no-echo", "on", "nopass", "~*", "+@all", "-echo");
  try {
    await using pool = new ConnectionPool({
      host: server().host,
      port: server().port,
      username: "no-echo",
      password: "x",
    });
    const redis = new Redis({ pool });
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 300 }, () => redis.get("none")));
    assert.equal(pool.stats().created, 1);
  } finally {
    await raw.command("ACL", "DELUSER", "no-echo");
  }
});

test("a connection of one's own gets no command beside one's own", async () => {
  const seen: string[] = [];
  await using own = await startScriptedServer(
    afterHandshake((name) => {
      seen.push(name);
      return "+OK\r\n";
    }),
  );
  await using pool = new ConnectionPool({ host: "127.0.0.1", port: own.port });
  await using lease = await pool.lease();
  await Promise.all(Array.from({ length: 1000 }, () => lease.set("a", "b")));
  assert.ok(!seen.includes("ECHO"));
});

for (const perSecond of [1, 20]) {
  test(`at ${perSecond} pairs of commands a second the order is checked about once a second`, async () => {
    const world = new SimulatedWorld(1);
    const simulated = world.startServer("simulated:6379");
    let checks = 0;
    simulated.onExecute = ([name]) => {
      if (name === "ECHO") checks++;
    };
    const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, healthCheckInterval: 0 });
    const redis = new Redis({ pool }).with({ retry: false });
    const wrong: string[] = [];
    const call = async (key: string): Promise<void> => {
      const reply = redis.set(key, key).then(() => redis.get(key));
      reply.then(
        (value) => value === key || wrong.push(key),
        () => {},
      );
      await world.pass(1000 / perSecond);
    };
    for (let nth = 0; nth < 20 * perSecond; nth++) await call(`before ${nth}`);
    assert.ok(checks >= 9 && checks <= 21, `${checks} in 20 s`);
    for (const session of simulated.sessions.values()) session.answers = "skip"; // as if the next reply was lost
    for (let nth = 0; nth < 10 * perSecond; nth++) await call(`behind ${nth}`);
    assert.equal(pool.stats().closedBecause.order, 1);
    assert.ok(wrong.length <= 2 * perSecond, `${wrong.length} wrong replies`);
    pool.destroy();
  });
}

test("a check that could not be written in its time is made again later", async () => {
  const world = new SimulatedWorld(1);
  world.network.weather.highWater = 1;
  const simulated = world.startServer("simulated:6379");
  let checks = 0;
  simulated.onExecute = ([name]) => {
    if (name === "ECHO") checks++;
  };
  const pool = new ConnectionPool({ host: "simulated", port: 6379, environment: world, socketTimeout: 200 });
  const redis = new Redis({ pool });
  const call = async (count: number): Promise<void> => {
    const all = Promise.all(Array.from({ length: count }, () => redis.get("key")));
    await world.pass(1000);
    await all;
  };
  await call(1);
  const [link] = world.network.links;
  link?.hold("toServer", true);
  // The socket takes the first ones, and no more; the server is there all the same.
  const held = Promise.all(Array.from({ length: 600 }, () => redis.get("key")));
  for (let turn = 0; turn < 10; turn++) {
    for (const session of simulated.sessions.values()) {
      session.push(["invalidate", null]);
      session.flush();
    }
    await world.pass(50);
  }
  link?.hold("toServer", false);
  await world.pass(1000);
  await held;
  assert.equal(checks, 0, "the first check was given up");
  await call(600);
  assert.equal(checks, 1);
  assert.equal(pool.stats().created, 1);
  pool.destroy();
});
