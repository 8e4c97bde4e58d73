import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type RedisOptions } from "../../src/index.ts";
import type { TestServer } from "../../src/testing/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { assertSumRule, statsOf } from "../support/stats.ts";

const server = sharedServer();

const MAX = 50;
const GETS = 10_000;
const POPS = 200;
const TRANSACTIONS = 50;

interface Watch extends AsyncDisposable {
  samples: number;
  looks: number;
  mostClients: number;
}

/** Checks the sum rule at every turn of the event loop, and looks at the server's CLIENT LIST as often as it answers. */
async function watching(redis: Redis, target: TestServer, pusher: RawClient): Promise<Watch> {
  const pusherId = String(await pusher.command("CLIENT", "ID"));
  const raw = await connectRaw(target);
  let running = true;
  let failure: Error | null = null;
  const sample = (): void => {
    try {
      assertSumRule(statsOf(redis), MAX);
    } catch (error) {
      failure ??= error as Error;
    }
    watch.samples++;
    if (running) setImmediate(sample);
  };
  const look = async (): Promise<void> => {
    while (running) {
      const clients = (await raw.clients()).filter(({ id }) => id !== pusherId);
      watch.mostClients = Math.max(watch.mostClients, clients.length);
      watch.looks++;
    }
  };
  const watch: Watch = {
    samples: 0,
    looks: 0,
    mostClients: 0,
    [Symbol.asyncDispose]: async () => {
      running = false;
      await looking;
      raw.close();
      if (failure !== null) throw failure;
    },
  };
  sample();
  const looking = look();
  return watch;
}

function gets(redis: Redis, prefix: string): Promise<string | null>[] {
  return Array.from({ length: GETS }, (_, index) => redis.get(`${prefix}:get:${index}`));
}

function transactions(redis: Redis, prefix: string): Promise<unknown>[] {
  return Array.from({ length: TRANSACTIONS }, (_, index) =>
    redis.transaction([`${prefix}:shared`, `${prefix}:own:${index}`], async (tx) => {
      const [shared, own] = await tx.mget(`${prefix}:shared`, `${prefix}:own:${index}`);
      assert.equal(own, String(index * 1000), "a borrower reads its own key");
      return tx
        .multi()
        .set(`${prefix}:shared`, Number(shared) + 1)
        .incr(`${prefix}:own:${index}`)
        .get(`${prefix}:own:${index}`);
    }),
  );
}

async function prepare(redis: Redis, prefix: string): Promise<void> {
  const entries = Array.from({ length: GETS }, (_, index) => [`${prefix}:get:${index}`, `value ${index}`] as const);
  await redis.mset(entries);
  await redis.set(`${prefix}:shared`, 0);
  for (let index = 0; index < TRANSACTIONS; index++) await redis.set(`${prefix}:own:${index}`, index * 1000);
}

async function runMix(prefix: string, options: RedisOptions): Promise<void> {
  const preparing = new Redis(server().url);
  await prepare(preparing, prefix);
  await preparing.close();
  using pusher = await connectRaw(server());
  // Patient: what is shown is that everybody gets his own, not how fast this machine is.
  const patience = { acquireTimeout: 20_000, commandTimeout: 20_000 };
  const redis = new Redis(server().url, { maxConnections: MAX, ...patience, ...options });
  {
    await using watch = await watching(redis, server(), pusher);
    const early = gets(redis, prefix);
    const pops = Array.from({ length: POPS }, (_, index) => redis.blpop(`${prefix}:pop:${index}`, 20));
    const all = transactions(redis, prefix);
    assert.deepEqual(
      await Promise.all(early),
      early.map((_, index) => `value ${index}`),
    );
    assert.ok(statsOf(redis).leased + statsOf(redis).connecting > 0, "the pops are still blocked");
    const late = gets(redis, prefix);
    for (let index = 0; index < POPS; index++) await pusher.command("RPUSH", `${prefix}:pop:${index}`, `job ${index}`);
    assert.deepEqual(
      await Promise.all(pops),
      pops.map((_, index) => [`${prefix}:pop:${index}`, `job ${index}`]),
    );
    for (const [index, results] of (await Promise.all(all)).entries())
      assert.deepEqual(results, ["OK", index * 1000 + 1, String(index * 1000 + 1)]);
    assert.deepEqual(
      await Promise.all(late),
      late.map((_, index) => `value ${index}`),
    );
    assert.equal(await redis.get(`${prefix}:shared`), String(TRANSACTIONS));
    assert.ok(watch.samples > 20 && watch.looks > 5, `${watch.samples} samples, ${watch.looks} looks`);
    assert.ok(watch.mostClients > 10 && watch.mostClients <= MAX, `${watch.mostClients} clients`);
  }
  const stats = statsOf(redis);
  assert.deepEqual([stats.leased, stats.waiting, stats.inFlight, stats.queuedBytes], [0, 0, 0, 0]);
  assert.deepEqual([stats.timeouts, stats.rejected, stats.destroyed], [0, 0, 0]);
  assert.ok(stats.created <= MAX);
  await redis.close();
}

for (const protocol of [2, 3] as const) {
  test(`10,000 GETs, 200 BLPOPs and 50 WATCH transactions at once on 50 connections each get their own, in RESP${protocol}`, async () => {
    await runMix(`mix${protocol}`, { protocol });
  });
}

test("the same on a fresh client whose connections are dialled in advance", async () => {
  await runMix("mix-min", { minConnections: MAX });
});
