import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lease, PoolStats } from "../../src/index.ts";
import { startServer, type StartServerOptions, type TestServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";
import { report, type ReportedFault, type Situation } from "./report.ts";
import { Scene, type SceneOptions } from "./scene.ts";

/** One row of the fault matrix. */
export interface FaultRow extends ReportedFault, SceneOptions {
  /** Default: all four. */
  readonly situations?: readonly Situation[];
  /** How long the fault lasts at least, ms; default 120. It lasts on until it was felt. */
  readonly hold?: number;
  /** How long nobody can know of it after its end, ms: a reply that never comes looks like a late one. Default 0. */
  readonly detect?: number;
  /** Leases that can be had at once afterwards; default one less than `maxConnections`, which the shared commands keep. */
  readonly capacity?: number;
  /** Replies that may reach another caller before it is noticed; default 0. */
  readonly foreignReplies?: number;
  /** Called before the client is made. */
  before?(): void;
  /** Begins the fault. */
  strike(scene: Scene): void | Promise<void>;
  /** Ends it; the proxy's faults end by themselves. */
  end?(scene: Scene): void | Promise<void>;
  /** Asserts that the fault was felt: else a test of "nothing happens" holds where nothing was injected. */
  felt(scene: Scene): void;
  /** Asserts what is to be seen when all is over. */
  after?(scene: Scene): void;
}

export const SITUATIONS: readonly Situation[] = ["idle", "under load", "mid-pipeline", "mid-lease"];

/** A machine under load delays even what is in time, ms. */
const SLACK = 400;
const END_LIMIT = 8000;

type Stop = () => Promise<void>;

/** Ends something the first time, and never again. */
function once(stop: Stop): Stop {
  let stopped: Promise<void> | undefined;
  return () => (stopped ??= stop());
}

/** Runs `work` again and again on each of so many workers, until it is stopped. */
function workers(count: number, work: (turn: number) => Promise<unknown>): Stop {
  let running = true;
  const run = async (worker: number): Promise<void> => {
    for (let turn = worker; running; turn++) {
      await work(turn);
      await sleep(1 + (turn % 3));
    }
  };
  const all = Promise.all(Array.from({ length: count }, (_, worker) => run(worker)));
  return async () => {
    running = false;
    await all;
  };
}

function underLoad(scene: Scene): Stop {
  const { oracle, redis, commandTimeout } = scene;
  return workers(6, (turn) => {
    if (turn % 11 === 10) return scene.borrow();
    if (turn % 7 === 6) return oracle.batch(redis, commandTimeout, "multi");
    return turn % 2 === 0 ? oracle.read(redis, commandTimeout) : oracle.increment(redis, commandTimeout);
  });
}

function midPipeline(scene: Scene): Stop {
  // Slow enough that there is always one on its way.
  if (scene.proxy.accepted > 0) scene.proxy.inject("delay", { ms: 4, jitter: 4 });
  return workers(3, () => scene.oracle.batch(scene.redis, scene.commandTimeout, "pipeline", 20));
}

/** Holds a lease from before the fault until after it, while others come and go. */
async function midLease(scene: Scene): Promise<Stop> {
  const { oracle, commandTimeout } = scene;
  const lease: Lease = await scene.pool.lease();
  await lease.watch("fault:watched");
  const stop = workers(2, () => scene.borrow());
  const using = workers(1, async () => {
    await oracle.increment(lease, commandTimeout);
    await oracle.read(lease, commandTimeout);
  });
  return async () => {
    await using();
    await oracle.batch(lease, commandTimeout, "multi");
    lease.release();
    await stop();
  };
}

async function begin(situation: Situation, scene: Scene): Promise<Stop> {
  if (situation === "under load") return underLoad(scene);
  if (situation === "mid-pipeline") return midPipeline(scene);
  if (situation === "mid-lease") return midLease(scene);
  return () => Promise.resolve();
}

/** The time until a write succeeds, ms. */
export async function recovery(scene: Scene, bound: number): Promise<number> {
  const { oracle, redis } = scene;
  const { stalled } = oracle;
  const began = performance.now();
  const view = redis.with({ timeout: bound + SLACK });
  for (;;) {
    const ending = await oracle.increment(view, bound + SLACK);
    const took = performance.now() - began;
    const isLate = took > bound + SLACK + oracle.stalled - stalled;
    if (ending === "acknowledged" || isLate) {
      if (isLate)
        oracle.problem(`the first success came ${Math.round(took)} ms after the fault, the bound is ${bound}`);
      return took;
    }
    await sleep(1);
  }
}

/** Gives a slow machine time, and the client work, until the fault was felt; `felt` tells afterwards if it never was. */
async function untilFelt(row: FaultRow, scene: Scene): Promise<void> {
  for (const deadline = performance.now() + END_LIMIT; performance.now() < deadline;) {
    try {
      row.felt(scene);
      return;
    } catch {
      await sleep(50);
      scene.nudge();
    }
  }
}

function isQuiet({ waiting, inFlight, queuedBytes, leased }: PoolStats): boolean {
  return waiting + inFlight + queuedBytes + leased === 0;
}

/**
 * Plays one row in one situation, and leaves nothing behind, whatever becomes of it: what shares the server would fail, too.
 *
 * @returns the recovery time, ms
 */
export async function play(row: FaultRow, situation: Situation, server: TestServer): Promise<number> {
  row.before?.();
  const scene = await Scene.open(server, row);
  let stop: Stop = async () => undefined;
  const end = once(async () => row.end?.(scene));
  try {
    stop = once(await begin(situation, scene));
    if (situation !== "idle") await sleep(20);
    await row.strike(scene);
    scene.nudge();
    await sleep(row.hold ?? 120);
    await untilFelt(row, scene);
    await end();
    await scene.proxy.heal();
    const took = await recovery(scene, scene.recoveryBound + (row.detect ?? 0));
    await stop();
    await settle(row, scene);
    return took;
  } catch (error) {
    await Promise.allSettled([end(), scene.dispose().then(stop)]);
    throw error;
  }
}

/** Holds what the scene has come to against the promises. */
async function settle(row: FaultRow, scene: Scene): Promise<void> {
  const { oracle, pool } = scene;
  await oracle.settled(END_LIMIT);
  await scene.lend(row.capacity ?? pool.stats().maxConnections - 1);
  await scene.agreesWithServer();
  // The pool asks the server something of its own now and then.
  await until(() => isQuiet(pool.stats()), { what: `nothing is left to do: ${JSON.stringify(pool.stats())}` });
  row.felt(scene);
  row.after?.(scene);
  await scene.close();
  using raw = await scene.raw();
  await until(async () => (await raw.clients()).length === 0, { what: "no connection is left on the server" });
  await oracle.verify([raw], row);
}

/**
 * The tests of a row, one for each situation.
 *
 * @param file `import.meta.url` of the test
 * @param server a server to share, or how to start one for each test
 */
export function faultTests(file: string, row: FaultRow, server: (() => TestServer) | StartServerOptions): void {
  for (const situation of row.situations ?? SITUATIONS) {
    test(`fault ${row.row}, ${row.name}, ${situation}: ${row.what}`, async () => {
      if (typeof server === "function") {
        report(file, row, situation, await play(row, situation, server()));
        return;
      }
      await using own = await startServer(server);
      report(file, row, situation, await play(row, situation, own));
    });
  }
}

/** Whether a command is of the load, not of the handshake: for `inject`. */
export function isWork([name = ""]: readonly string[]): boolean {
  return /^(GET|INCR|ECHO|EXEC)$/i.test(name);
}

/** Asserts that connections ended for a reason. */
export function assertClosed(scene: Scene, ...reasons: readonly string[]): void {
  const closed: Partial<Record<string, number>> = scene.pool.stats().closedBecause;
  assert.ok(
    reasons.some((reason) => (closed[reason] ?? 0) > 0),
    `no connection ended because of ${reasons.join(" or ")}, but ${JSON.stringify(closed)}`,
  );
}

/** Asserts that each of the faults that the scene has injected struck so often at least, or, without any, the test's own. */
export function assertStruck({ injected, struck }: Scene, least = 1): void {
  for (const fault of injected) assert.ok(fault.hits >= least, `${fault.kind} struck ${fault.hits} times`);
  if (injected.length === 0) assert.ok(struck >= least, `the fault struck ${struck} times`);
}

/** Asserts that somebody had to wait for so long, ms. */
export function assertWaited({ oracle }: Scene, least: number): void {
  assert.ok(oracle.longest >= least, `nobody waited for longer than ${oracle.longest.toFixed(0)} ms`);
}

/** Asserts that nobody noticed anything. */
export function assertUnharmed(scene: Scene): void {
  const { endings, codes } = scene.oracle;
  assert.deepEqual([...codes], [], "an operation failed");
  assert.ok(endings.acknowledged > 5);
  assert.deepEqual(scene.pool.stats().closedBecause, {});
}
