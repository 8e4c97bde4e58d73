import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sharedServer } from "../support/server.ts";
import type { Oracle } from "./oracle.ts";
import { PATIENT, Scene } from "./scene.ts";

const server = sharedServer();

/** What the oracle says about a scene in which something is wrong. */
async function verdict(body: (scene: Scene) => Promise<void>): Promise<string> {
  const scene = await Scene.open(server(), { client: PATIENT });
  try {
    await body(scene);
    await scene.close();
    using raw = await scene.raw();
    return await scene.oracle.verify([raw]).then(
      () => "all is well",
      (error: { actual: string[] }) => error.actual.join("; "),
    );
  } finally {
    await scene.dispose();
  }
}

/** Waits for so long, without what the event loop was busy elsewhere. */
async function elapsed(oracle: Oracle, ms: number): Promise<void> {
  const { stalled } = oracle;
  const began = performance.now();
  while (performance.now() - began - 2 * (oracle.stalled - stalled) < ms) await sleep(20);
}

test("the oracle has nothing to say where nothing is wrong", async () => {
  const said = await verdict(async (scene) => {
    for (let turn = 0; turn < 20; turn++) scene.nudge();
    await scene.oracle.settled(5000);
    assert.ok(scene.oracle.endings.acknowledged > 100);
  });
  assert.equal(said, "all is well");
});

test("the oracle finds a write that ran twice", async () => {
  const said = await verdict(async ({ oracle, redis, proxy }) => {
    proxy.inject("cut", { command: "INCR", nth: 1 });
    await oracle.increment(redis.with({ retry: { effects: "accumulate" } }), 1000);
  });
  assert.match(said, /ran 2 times \(acknowledged\)/);
});

test("the oracle finds an acknowledged write that is not there, and one that ran although its error denies it", async () => {
  const said = await verdict(async ({ oracle, redis, proxy }) => {
    proxy.inject("reply", { raw: ":1\r\n", command: "INCR", nth: 1 });
    proxy.inject("swallow", { command: "INCR", nth: 1 });
    await redis.multi().set("fault:any", 0).exec();
    assert.equal(await oracle.increment(redis, 1000), "acknowledged");
    for (const key of await redis.keys("*:n:0")) await redis.del(key);
    proxy.inject("reply", { raw: "-ERR denied\r\n", command: "INCR", nth: 1 });
    proxy.inject("swallow", { command: "INCR", nth: 1 });
    assert.equal(await oracle.increment(redis, 1000), "rejected");
  });
  assert.match(said, /:n:0 was acknowledged and did not run/);
  assert.match(said, /:n:1 is called rejected and ran/);
});

test("the oracle finds a reply that belongs to another", async () => {
  const said = await verdict(async ({ oracle, redis, proxy }) => {
    proxy.inject("reply", { raw: "$5\r\nother\r\n", command: "GET", nth: 1 });
    proxy.inject("swallow", { command: "GET", nth: 1 });
    await oracle.read(redis, 1000);
  });
  assert.match(said, /1 replies of others/);
});

test("the oracle finds what is late, and what never settles", async () => {
  const said = await verdict(async ({ oracle }) => {
    // A stall long ago excuses nobody.
    const end = performance.now() + 1000;
    while (performance.now() < end);
    await sleep(20);
    await oracle.perform("late", 1, () => elapsed(oracle, 300));
    void oracle.perform("lost", 1, () => new Promise(() => undefined));
    await oracle.settled(50);
  });
  assert.match(said, /late \(\d+\) took \d+ ms, its limit was 1/);
  assert.match(said, /never settled: lost/);
});

test("the oracle finds an error that tells no outcome", async () => {
  const said = await verdict(async ({ oracle }) => {
    await oracle.perform("broken", 1000, () => Promise.reject(new TypeError("oops")));
  });
  assert.match(said, /broken \(\d+\) failed with TypeError: oops/);
});
