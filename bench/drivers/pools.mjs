/** What a pool costs: a cycle of taking and giving back, a hand-over to one who waits, an idle connection, a new one. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { small } from "../dataset.mjs";
import { expectSame } from "../workloads/expect.mjs";
import { startGauge } from "./gauge.mjs";

/** Counts what `callers` do in a while: each runs `round(count)` over and over, and calls `count` for each thing done. */
async function rateOf(callers, round, { warmUp, seconds }) {
  let done = 0;
  let stopped = false;
  const count = () => {
    done++;
    return !stopped;
  };
  const caller = async () => {
    while (!stopped) await round(count);
  };
  const all = Promise.all(Array.from({ length: callers }, caller));
  await Promise.race([sleep(warmUp * 1000), all]);
  const before = done;
  const stop = startGauge();
  await Promise.race([sleep(seconds * 1000), all]);
  const used = stop();
  const during = done - before;
  stopped = true;
  await all;
  return { opsPerSecond: during / used.seconds, cpuPerOp: used.cpuMicros / during };
}

/** Callers who take a connection and give it back; with more callers than connections each is handed over. */
export function borrow(pool, { callers }, phases) {
  const round = async (count) => {
    // A hundred at a time: the loop must look at the time now and then, and an uncontended cycle never leaves the microtasks.
    for (let n = 0; n < 100; n++) {
      await pool.borrow();
      if (!count()) return;
    }
    await nextTurn();
  };
  return rateOf(callers, round, phases);
}

/** A connection of its own for every request, as without a pool. */
export function churn(connect, { inFlight }, phases) {
  let requests = 0;
  const round = async (count) => {
    const { key, value } = small[requests++ % small.length];
    const client = await connect();
    expectSame(await client.get(key), value, key);
    await client.close();
    count();
  };
  return rateOf(inFlight, round, phases);
}

/** Memory of open connections that nobody uses: what the process has more than before they were opened. */
export async function idle(connectPool, { connections }) {
  // What the first connection loads and compiles is no cost of the others.
  await (await connectPool({ connections: 2 })).close();
  const before = await settledMemory();
  const pool = await connectPool({ connections });
  const after = await settledMemory();
  await pool.close();
  return {
    heapPerConnection: (after.heap - before.heap) / connections,
    residentPerConnection: (after.resident - before.resident) / connections,
  };
}

async function settledMemory() {
  for (let n = 0; n < 4; n++) {
    await sleep(100);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
