import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, OptionsError, type Lease } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { ABORTED } from "./oracle.ts";
import { assertStruck, assertUnharmed, faultTests, recovery } from "./play.ts";
import { report } from "./report.ts";
import { PATIENT, Scene, type SceneOptions } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;

/** A scene to the end, with what the oracle has to say about it. */
async function within(options: SceneOptions, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await Scene.open(server(), options);
  try {
    await body(scene);
    await scene.oracle.settled(6000);
    await scene.lend(scene.pool.stats().maxConnections - 1);
    await scene.agreesWithServer();
    await scene.close();
    using raw = await scene.raw();
    await scene.oracle.verify([raw]);
  } finally {
    await scene.dispose();
  }
}

/** The event loop does nothing else for so long. */
function stall(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const STALLED = {
  row: 37,
  name: "event loop stalled for 5 s",
  what: "replies that came meanwhile are read before anything is called late: nothing fails, no connection is lost",
};

// All situations at once: each would take as long.
test(`fault 37, ${STALLED.name}, idle, under load, mid-pipeline and mid-lease: ${STALLED.what}`, () =>
  within({}, async (scene) => {
    const { oracle, redis, pool, commandTimeout } = scene;
    const lease = await pool.lease();
    for (const via of [redis, lease]) {
      void oracle.increment(via, commandTimeout);
      void oracle.batch(via, commandTimeout, "pipeline", 50);
      void oracle.read(via, commandTimeout);
    }
    scene.nudge();
    // Written, so that the server can answer while nobody listens.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    stall(5000);
    const began = performance.now();
    assert.equal(await oracle.read(redis, commandTimeout), "acknowledged");
    report(file, STALLED, "under load", performance.now() - began);
    await oracle.settled(1000);
    assert.equal(await oracle.read(lease, commandTimeout), "acknowledged");
    lease.release();
    assertUnharmed(scene);
  }));

const realNow = Date.now;

faultTests(
  file,
  {
    row: 38,
    name: "the clock jumps, back and forth by years",
    what: "nothing depends on the time of day",
    client: PATIENT,
    strike: (scene) => {
      let offset = 0;
      const timer = setInterval(() => {
        offset = offset > 0 ? -1e11 : 1e11;
        if (Math.abs(Date.now() - realNow()) > 1e10) scene.struck++;
      }, 10);
      Date.now = () => realNow() + offset;
      setTimeout(() => clearInterval(timer), 110);
    },
    end: () => {
      Date.now = realNow;
    },
    felt: assertStruck,
    after: assertUnharmed,
  },
  server,
);

const ABORTS = {
  row: 39,
  name: "abort at every await",
  what: "the caller gets its signal's reason or its reply; nobody else notices",
};

/** Every place at which a caller can give up: before, in the same turn, in any of the next microtasks and turns, and later. */
const MOMENTS: readonly [name: string, wait: () => Promise<unknown>][] = [
  ["at once", async () => undefined],
  ...[1, 2, 3, 5, 8].map(
    (count) =>
      [
        `${count} microtasks later`,
        async () => {
          for (let turn = 0; turn < count; turn++) await Promise.resolve();
        },
      ] as [string, () => Promise<unknown>],
  ),
  ...[1, 2, 3, 4, 6].map(
    (count) =>
      [
        `${count} turns later`,
        async () => {
          for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
        },
      ] as [string, () => Promise<unknown>],
  ),
  ...[1, 2, 5, 10].map((ms) => [`${ms} ms later`, () => sleep(ms)] as [string, () => Promise<unknown>]),
];

for (const fresh of [true, false]) {
  const where = fresh ? "while connections are made" : "on open connections";
  test(`fault 39, ${ABORTS.name}, under load, ${where}: ${ABORTS.what}`, () =>
    within({}, async (scene) => {
      const { oracle, redis, pool, commandTimeout } = scene;
      for (const [, moment] of MOMENTS) {
        if (fresh) {
          scene.proxy.inject("cut", {});
          await sleep(1);
        }
        const stop = new AbortController();
        const view = redis.with({ signal: stop.signal });
        const given = [
          oracle.read(view, commandTimeout),
          oracle.increment(view, commandTimeout),
          oracle.batch(view, commandTimeout, "pipeline", 3),
          oracle.batch(view, commandTimeout, "multi"),
          oracle
            .perform("lease", commandTimeout, () => pool.lease({ signal: stop.signal }))
            .then(({ value }) => value?.release()),
          oracle.perform("BLPOP", commandTimeout, () => view.blpop("fault:none", 0.2)),
          oracle.perform("WATCH", commandTimeout, () =>
            view.transaction("fault:none", async (tx) => tx.multi().set("fault:other", await tx.echo("1"))),
          ),
          oracle.perform("SUBSCRIBE", commandTimeout, async () => {
            const subscription = await view.subscribe("fault:channel", () => undefined, { signal: stop.signal });
            await subscription.close();
          }),
        ];
        const others = [oracle.read(redis, commandTimeout), oracle.increment(redis, commandTimeout)];
        await moment();
        stop.abort(ABORTED);
        await Promise.all([...given, ...others]);
      }
      assert.ok(oracle.endings.aborted > MOMENTS.length, `${oracle.endings.aborted} aborted`);
      report(file, ABORTS, "under load", await recovery(scene, scene.recoveryBound));
    }));
}

faultTests(
  file,
  {
    row: 40,
    name: "an argument that cannot be encoded",
    what: "its command is refused before anything of it is sent; the commands around it are whole",
    client: PATIENT,
    strike: async (scene) => {
      const { oracle, redis, commandTimeout } = scene;
      const hostile = { toString: () => assert.fail("never asked") } as unknown as string;
      for (let turn = 0; turn < 20; turn++) {
        const around = [oracle.increment(redis, commandTimeout)];
        const refused = redis.set("fault:bad", hostile).catch((error: unknown) => error);
        around.push(oracle.read(redis, commandTimeout));
        assert.throws(() => redis.pipeline().incr("fault:bad").set("fault:bad", hostile), OptionsError);
        around.push(oracle.batch(redis, commandTimeout, "pipeline", 2));
        const error = await refused;
        assert.ok(error instanceof OptionsError && error.outcome === "not-sent", String(error));
        scene.struck++;
        await Promise.all(around);
      }
      assert.equal(await redis.exists("fault:bad"), 0);
    },
    felt: (scene) => assertStruck(scene, 20),
    after: assertUnharmed,
  },
  server,
);

const KEPT = {
  row: 43,
  name: "leases that are never given back",
  what: "who waits is told with the state of the pool; shared commands work on; close() does not wait for them",
};

for (const situation of ["idle", "under load"] as const) {
  test(`fault 43, ${KEPT.name}, ${situation}: ${KEPT.what}`, () =>
    within({ client: { acquireTimeout: 200, leakThreshold: 50 } }, async (scene) => {
      const { oracle, redis, pool, commandTimeout } = scene;
      const kept: Lease[] = [];
      for (let count = 1; count < pool.stats().maxConnections; count++) kept.push(await pool.lease());
      const refused = await pool.lease().catch((error: unknown) => error);
      assert.match(String(refused), /no connection within 200 ms.*5\/6 leased/);
      if (situation === "under load") for (let turn = 0; turn < 20; turn++) scene.nudge();
      assert.equal(await oracle.increment(redis, commandTimeout), "acknowledged");
      await sleep(100);
      assert.equal(pool.leaks().length, kept.length);
      await oracle.settled(2000);
      for (const lease of kept) lease.release();
      report(file, KEPT, situation, await recovery(scene, scene.recoveryBound));
      const other = new ConnectionPool(server().url);
      const never = await other.lease();
      await other.close({ timeout: 50 });
      await assert.rejects(never.get("k"), { code: "ERR_CONNECTION_LOST", outcome: "not-sent" });
    }));
}

faultTests(
  file,
  {
    row: 44,
    name: "leases given back twice",
    what: "the second time does nothing: no connection is lent to two, no place is freed twice",
    client: PATIENT,
    strike: async (scene) => {
      const { oracle, pool, commandTimeout } = scene;
      for (let turn = 0; turn < 10; turn++) {
        const first = await pool.lease();
        const id = await first.client.id();
        first.release();
        const second = await pool.lease();
        first.release();
        const third = await pool.lease();
        first.release();
        const [a, b] = await Promise.all([second.client.id(), third.client.id()]);
        assert.notEqual(a, b);
        // What is given back twice was lent to another meanwhile.
        if (a === id || b === id) scene.struck++;
        await assert.rejects(first.get("k"), { code: "ERR_CLOSED", outcome: "not-sent" });
        await Promise.all([oracle.increment(second, commandTimeout), oracle.increment(third, commandTimeout)]);
        second.release();
        third.release();
        second.release();
      }
    },
    felt: assertStruck,
    after: assertUnharmed,
  },
  server,
);
