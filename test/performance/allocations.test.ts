import assert from "node:assert/strict";
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { after, before, mock, test } from "node:test";
import { Redis, type Clock } from "respool";
import { startServer, type TestServer } from "respool/testing";
import { systemClock } from "../../src/base/clock.ts";
import { resolveOptions } from "../../src/base/options.ts";
import { SocketDialler } from "../../src/connection/socket.ts";

/*
 * What a command costs, counted instead of timed: objects, bytes and socket writes are the same on every machine. Code that the
 * compiler has not optimised yet makes more objects, so the least of several rounds counts.
 */

const COMMANDS = 1000;
/** The most that are tried: on a busy machine the compiler comes late. */
const ROUNDS = 60;

/** The profiler makes turns of the event loop long, and what a long turn does to deadlines is not what is to be counted. */
const slowClock: Clock = {
  now: () => systemClock.now() / 1000,
  coarseNow: () => systemClock.coarseNow() / 1000,
  random: () => systemClock.random(),
  schedule: (callback, delay, hold) => systemClock.schedule(callback, delay, hold),
  defer: (callback) => systemClock.defer(callback),
};

const value = "x".repeat(64);

interface Sampling {
  readonly profile: { readonly samples: readonly { readonly size: number }[] };
}

interface Garbage {
  readonly objects: number;
  readonly bytes: number;
}

/** The fewest allocations of several rounds, which end when there are no more than `enough`. */
async function allocations(work: () => Promise<void>, enough: Partial<Garbage>): Promise<Garbage> {
  const { objects = Infinity, bytes = Infinity } = enough;
  let least = await allocationsOnce(work);
  for (let round = 1; round < ROUNDS && (least.objects > objects || least.bytes > bytes); round++) {
    await work();
    const made = await allocationsOnce(work);
    // Both limits have to be met in one round.
    const isEnough = made.objects <= objects && made.bytes <= bytes;
    if (isEnough || made.objects < least.objects) least = made;
  }
  return least;
}

/** Every allocation on the heap while `work` runs: the profiler takes a sample per byte. */
async function allocationsOnce(work: () => Promise<void>): Promise<Garbage> {
  const session = new Session();
  session.connect();
  const post = (method: string, params?: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      session.post(method, params, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
  await post("HeapProfiler.startSampling", {
    samplingInterval: 1,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await work();
  const { profile } = (await post("HeapProfiler.stopSampling")) as Sampling;
  session.disconnect();
  return {
    objects: profile.samples.length,
    bytes: profile.samples.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Writes of the test's commands to the server while `work` runs; the pool asks for INFO now and then. */
async function socketWrites(work: () => Promise<unknown>): Promise<number> {
  const write = mock.method(Socket.prototype, "write");
  try {
    await work();
    const ofTest = write.mock.calls.filter(({ this: socket, arguments: [data] }) => {
      return (socket as Socket).remotePort === server.port && String(data).includes("cost:key");
    });
    return ofTest.length;
  } finally {
    write.mock.restore();
  }
}

function atOnce(count: number, command: () => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, command));
}

let server: TestServer;
let redis: Redis;

before(async () => {
  server = await startServer();
  const dialler = new SocketDialler(resolveOptions(server.url));
  redis = new Redis(server.url, { environment: { clock: slowClock, dialler: () => dialler } });
  await redis.set("cost:key", value);
  await redis.del("cost:list", "cost:hash");
  await redis.rpush(
    "cost:list",
    ...Array.from({ length: COMMANDS }, (_, index) => `element-${index}-`.padEnd(32, "x")),
  );
  await redis.hset("cost:hash", Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`field-${n}`, `value-${n}`])));
  // Once over: what the first call makes is made once.
  await atOnce(COMMANDS, () => redis.get("cost:key"));
});

after(async () => {
  await redis.close();
  await server.stop();
});

for (const [title, command, objects, bytes] of [
  ["GET", () => redis.get("cost:key"), 20, 1600],
  ["SET", () => redis.set("cost:key", value), 22, 1800],
  ["INCR", () => redis.incr("cost:count"), 20, 1600],
] as const) {
  test(`a ${title} makes at most ${objects} objects and ${bytes} bytes of garbage`, async () => {
    const work = async (): Promise<void> => {
      await atOnce(COMMANDS, command);
    };
    const made = await allocations(work, { objects: objects * COMMANDS, bytes: bytes * COMMANDS });
    const each = { objects: made.objects / COMMANDS, bytes: made.bytes / COMMANDS };
    assert.ok(each.objects > 1, "nothing was counted");
    assert.ok(each.objects <= objects, `${each.objects} objects per ${title}`);
    assert.ok(each.bytes <= bytes, `${each.bytes} bytes per ${title}`);
  });
}

test("an element of a list costs its string and a share of the text that it was cut from", async () => {
  const read = async (): Promise<void> => {
    assert.equal((await redis.lrange("cost:list", 0, -1)).length, COMMANDS);
  };
  const { objects, bytes } = await allocations(read, { objects: 1.5 * COMMANDS, bytes: 160 * COMMANDS });
  assert.ok(objects / COMMANDS <= 1.5, `${objects / COMMANDS} objects per element`);
  assert.ok(bytes / COMMANDS <= 160, `${bytes / COMMANDS} bytes per element`);
});

test("a hash is decoded straight into its object", async () => {
  const read = async (): Promise<void> => {
    assert.equal(Object.keys(await redis.hgetall("cost:hash")).length, 50);
  };
  const { objects } = await allocations(read, { objects: 3.5 * 100 });
  assert.ok(objects / 100 <= 3.5, `${objects / 100} objects per name or value`);
});

test("the commands of a turn are one write, and many are one for each 128", async () => {
  assert.equal(await socketWrites(() => atOnce(100, () => redis.get("cost:key"))), 1);
  assert.equal(await socketWrites(() => atOnce(COMMANDS, () => redis.get("cost:key"))), Math.ceil(COMMANDS / 128));
});

test("the check of the order makes no write of its own", async () => {
  const echoes = async (): Promise<number> =>
    Number(/cmdstat_echo:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
  const before = await echoes();
  // Whole writes: an ECHO in the place of a command would leave one over, for one write more.
  assert.equal(await socketWrites(() => atOnce(8 * 128, () => redis.get("cost:key"))), 8);
  assert.ok((await echoes()) > before, "no check was made");
});

test("a pipeline is one write, however long", async () => {
  const writes = await socketWrites(async () => {
    const batch = redis.pipeline();
    for (let index = 0; index < COMMANDS; index++) batch.call("GET", "cost:key");
    await batch.exec();
  });
  assert.equal(writes, 1);
});
