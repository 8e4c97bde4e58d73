import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fills } from "../../src/cache/fills.ts";
import { startFaultProxy } from "../../src/testing/index.ts";
import { sharedCaches } from "../support/cache.ts";
import { until } from "../support/wait.ts";

const shared = sharedCaches();
const { cacheOf } = shared;

/** A loader that goes on until it is told. */
function held<T>(): { load: () => Promise<T>; finish: (value: T) => void; started: () => boolean } {
  let finish: (value: T) => void = () => {};
  let count = 0;
  const value = new Promise<T>((resolve) => (finish = resolve));
  return {
    load: () => {
      count++;
      return value;
    },
    finish: (given) => finish(given),
    started: () => count > 0,
  };
}

test("the loader runs once for all who ask at the same time, and then not any more", async () => {
  await using cache = cacheOf<number>();
  let loads = 0;
  const loader = async (): Promise<number> => {
    await sleep(20);
    return ++loads;
  };
  const values = await Promise.all(
    Array.from({ length: 100 }, () => cache.getOrSet("a", loader, { awaitWrite: true })),
  );
  assert.deepEqual(new Set(values), new Set([1]));
  assert.equal(await cache.getOrSet("a", loader), 1);
  assert.equal(loads, 1);
  const { shared: joined, hits, misses, staleHits, loadTime } = cache.stats();
  assert.deepEqual({ joined, hits, misses, staleHits }, { joined: 99, hits: 1, misses: 1, staleHits: 0 });
  assert.ok(loadTime >= 15);
});

test("a loader's error reaches all callers, and the next one tries again", async () => {
  await using cache = cacheOf<number>();
  const failing = (): never => {
    throw new Error("no database");
  };
  const results = await Promise.allSettled([cache.getOrSet("a", failing), cache.getOrSet("a", failing)]);
  assert.ok(
    results.every((result) => result.status === "rejected" && (result.reason as Error).message === "no database"),
  );
  assert.equal(await cache.getOrSet("a", () => 7), 7);
  assert.equal(cache.stats().misses, 2);
});

test("that there is no value is remembered where it is asked for", async () => {
  await using cache = cacheOf<number>({ negativeTtl: 60 });
  let loads = 0;
  const nothing = (): undefined => void loads++;
  assert.equal(await cache.getOrSet("a", nothing, { awaitWrite: true }), undefined);
  assert.equal(await cache.getOrSet("a", nothing), undefined);
  assert.equal(loads, 1);
  assert.equal(cache.stats().negativeHits, 1);
  await using without = cacheOf<number>();
  await without.getOrSet("a", nothing, { awaitWrite: true });
  await without.getOrSet("a", nothing);
  assert.equal(loads, 3);
});

test("what is set or deleted while a loader runs is not overwritten by it", async () => {
  await using cache = cacheOf<string>();
  const loading = cache.getOrSet(
    "a",
    async () => {
      await cache.set("a", "newer");
      return "older";
    },
    { awaitWrite: true },
  );
  assert.equal(await loading, "older");
  assert.equal(await cache.get("a"), "newer");
  await cache.getOrSet(
    "b",
    async () => {
      await cache.delete("b");
      return "older";
    },
    { awaitWrite: true },
  );
  assert.equal(await cache.get("b"), undefined);
  assert.equal(cache.stats().lostLocks, 2);
});

for (const [what, change] of [
  ["delete", (cache) => cache.delete("a")],
  ["set", (cache) => cache.set("a", "newer")],
  ["invalidateTag", (cache) => cache.invalidateTag("t")],
  ["clear", (cache) => cache.clear()],
] as const satisfies readonly (readonly [string, (cache: ReturnType<typeof cacheOf<string>>) => Promise<unknown>])[]) {
  test(`who asks after ${what} gets nothing that was begun before`, async () => {
    await using cache = cacheOf<string>({ lockTtl: 1000 });
    const old = held<string>();
    const first = cache.getOrSet("a", old.load, { tags: ["t"] });
    await until(old.started);
    await change(cache);
    const second = cache.getOrSet("a", () => "newer", { tags: ["t"] });
    await sleep(20);
    old.finish("older");
    assert.equal(await second, "newer");
    assert.equal(await first, "older", "who asked before gets what was begun then");
  });
}

test("a loader elsewhere that hangs is not waited for for ever", async () => {
  await using cache = cacheOf<number>({ namespace: "hangs", lockTtl: 100 });
  await shared.redis.set("hangs#lock:{hangs:a}", "somebody else's");
  const began = performance.now();
  assert.equal(await cache.getOrSet("a", () => 7, { awaitWrite: true }), 7);
  assert.ok(performance.now() - began >= 400);
  assert.ok(cache.stats().waits > 1);
  assert.equal(await cache.get("a"), undefined, "it is stored by who holds the lock, or not at all");
});

test("a loader that hangs keeps its lock for a while, and not for as long as the program lives", async () => {
  await using cache = cacheOf<number>({ namespace: "keeps", lockTtl: 1000 });
  const hanging = held<number>();
  const first = cache.getOrSet("a", hanging.load);
  await until(hanging.started);
  await sleep(1500);
  assert.equal(await shared.redis.exists("keeps#lock:{keeps:a}"), 1, "renewed");
  await until(async () => (await shared.redis.exists("keeps#lock:{keeps:a}")) === 0, { timeout: 20_000 });
  await using other = cacheOf<number>({ namespace: "keeps" });
  assert.equal(await other.getOrSet("a", () => 2, { awaitWrite: true }), 2);
  hanging.finish(1);
  assert.equal(await first, 1);
  await cache.close();
  assert.equal(await other.get("a"), 2, "it came too late to be stored");
});

test("a loader that is given up gives its lock back", async () => {
  await using cache = cacheOf<number>({ namespace: "given-up", lockTtl: 60_000 });
  const controller = new AbortController();
  const hanging = held<number>();
  const call = cache.getOrSet("a", hanging.load, { signal: controller.signal });
  await until(hanging.started);
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  assert.equal(await cache.getOrSet("a", () => 2), 2);
  assert.ok(cache.stats().waits <= 1, "it may still be on its way back");
});

test("a caller whose signal is aborted already starts nothing", async () => {
  await using cache = cacheOf<number>({ namespace: "never" });
  let loads = 0;
  const reason = new Error("gone before");
  const call = cache.getOrSet("a", () => ++loads, { signal: AbortSignal.abort(reason) });
  await assert.rejects(call, reason);
  await sleep(50);
  assert.equal(loads, 0);
  assert.equal(await shared.redis.exists("never:a", "never#lock:{never:a}"), 0);
});

test("a key of another type is a miss, and what the loader makes takes its place", async () => {
  await using cache = cacheOf<number>({ namespace: "typed" });
  await shared.redis.lpush("typed:a", "x");
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.getOrSet("a", () => 1, { awaitWrite: true }), 1);
  assert.equal(await cache.get("a"), 1);
  const { unreadable, withoutRedis, breaker } = cache.stats();
  assert.deepEqual({ unreadable, withoutRedis, breaker }, { unreadable: 2, withoutRedis: 0, breaker: "closed" });
});

test("who waits for another process is woken, also with a client that gives Buffers", async () => {
  for (const decodeResponses of [true, false]) {
    const fills = new Fills(shared.another({ decodeResponses }), `woken-${decodeResponses}`);
    let isWoken = false;
    const waiting = fills.wait("a", 60_000, new AbortController().signal).then(() => (isWoken = true));
    const told = (id: string): Promise<number> => shared.redis.publish(`woken-${decodeResponses}`, id);
    await until(async () => (await told("b")) > 0);
    assert.equal(isWoken, false, "by another one's news");
    await told("a");
    await waiting;
    await fills.close();
  }
});

test("a user with the documented rights can do all of it", async () => {
  const page = await readFile(new URL("../../docs/cache.md", import.meta.url), "utf8");
  const [, rights = ""] = /^(~user:\* .*)$/m.exec(page) ?? [];
  const every = "+ping +client|unblock +discard +unwatch +select +client|setname +client|id +info";
  const words = `${rights} +scan +client|tracking +ping ${every}`.split(" ");
  await shared.redis.call("ACL", "SETUSER", "cacher", "on", "resetpass", ">pw", "resetchannels", ...words);
  const client = shared.another({ username: "cacher", password: "pw" });
  const errors: unknown[] = [];
  const options = { namespace: "user", lockTtl: 300, onError: (error: unknown) => errors.push(error) };
  await using cache = cacheOf<number>({ ...options, memory: true }, client);
  await using second = cacheOf<number>(options, client);
  const slow = async (): Promise<number> => {
    await sleep(700); // its lock is renewed
    return 1;
  };
  const both = [cache, second].map((one) => one.getOrSet("a", slow, { tags: ["t"], awaitWrite: true }));
  assert.deepEqual(await Promise.all(both), [1, 1]);
  assert.equal(await cache.set("b", 2, { tags: ["t"] }), true);
  assert.equal(await cache.set("c", 3, { tags: ["t"] }), true);
  assert.deepEqual(await cache.getMany(["a", "b", "c"]), [1, 2, 3]);
  assert.equal(await cache.invalidateTag("t"), true);
  assert.equal(await cache.get("a"), undefined);
  assert.equal(await cache.delete("b"), true);
  await until(() => cache.get("x").then(() => cache.stats().memory?.isLive === true));
  assert.equal(await cache.clear(), 2);
  assert.deepEqual(errors, []);
});

test("a lock whose reply is late is given back: nobody waits for a loader that does not run", async () => {
  await using proxy = await startFaultProxy(shared.server);
  const slow = shared.another({ host: proxy.host, port: proxy.port });
  await slow.ready();
  await using cache = cacheOf<number>({ namespace: "late", readTimeout: 500, lockTtl: 60_000 }, slow);
  const fault = proxy.inject("delay", { command: "SET", ms: 700 });
  assert.equal(await cache.getOrSet("a", () => 1), 1);
  await fault.end();
  await cache.close();
  assert.ok(fault.hits > 0);
  assert.equal(cache.stats().withoutRedis, 1);
  assert.equal(await shared.redis.exists("late#lock:{late:a}"), 0);
});

test("a caller's signal ends his wait; the loader goes on for the others, and is aborted when there are none", async () => {
  await using cache = cacheOf<number>();
  const controllers = [new AbortController(), new AbortController()];
  let seen: AbortSignal | undefined;
  const loader = async (signal: AbortSignal): Promise<number> => {
    seen = signal;
    await sleep(300, undefined, { signal });
    return 1;
  };
  const calls = controllers.map(({ signal }) => cache.getOrSet("a", loader, { signal }));
  await until(() => seen !== undefined);
  controllers[0]?.abort(new Error("gone"));
  await assert.rejects(calls[0] as Promise<number>, /gone/);
  assert.equal(seen?.aborted, false);
  controllers[1]?.abort(new Error("gone, too"));
  await assert.rejects(calls[1] as Promise<number>, /gone, too/);
  assert.equal(seen?.aborted, true);
});

test("times that are no whole ms are stored as well", async () => {
  await using cache = cacheOf<number>({ ttl: 20 / 3, grace: 1 / 3, staleWhileRevalidate: 1.005 });
  assert.equal(await cache.getOrSet("a", () => 1, { tags: ["t"], awaitWrite: true }), 1);
  assert.equal(await cache.set("b", 2, { ttl: 10 / 3, tags: ["u"] }), true);
  assert.deepEqual(await cache.getMany(["a", "b"]), [1, 2]);
  assert.equal(cache.stats().errors, 0);
});

test("a server that takes no writes is still read, and what is asked of it is no failure", async () => {
  const full = shared.another({ db: 1 });
  await using cache = cacheOf<string>({ readTimeout: 1000 }, full);
  await cache.set("a", "kept");
  await full.call("CONFIG", "SET", "maxmemory", "1");
  try {
    for (let index = 0; index < 10; index++) assert.equal(await cache.set("b", "refused"), false);
    // A tag without a version, too: nothing of it reaches the caller.
    assert.equal(await cache.set("b", "refused", { tags: ["new"] }), false);
    assert.equal(await cache.getOrSet("c", () => "made", { tags: ["newer"] }), "made");
    assert.equal(cache.stats().breaker, "closed");
    assert.equal(await cache.get("a"), "kept");
    assert.match(String(cache.stats().lastError), /OOM/);
  } finally {
    await full.call("CONFIG", "SET", "maxmemory", "0");
  }
});

test("a cache that is closed says so, and opens nothing any more", async () => {
  const cache = cacheOf<number>({ namespace: "closed", lockTtl: 300 });
  await shared.redis.set("closed#lock:{closed:a}", "somebody else's");
  let loads = 0;
  const waiting = cache.getOrSet("a", () => ++loads);
  await until(() => cache.stats().waits > 0);
  await cache.close();
  assert.equal(await waiting, 1, "who waits for another process gets the value of his own loader");
  const closed = { code: "ERR_CLOSED" };
  await assert.rejects(cache.get("a"), closed);
  await assert.rejects(cache.getMany(["a"]), closed);
  await assert.rejects(cache.set("a", 1), closed);
  await assert.rejects(cache.delete("a"), closed);
  await assert.rejects(
    cache.getOrSet("a", () => 1),
    closed,
  );
  await assert.rejects(cache.invalidateTag("t"), closed);
  await assert.rejects(cache.clear(), closed);
});
