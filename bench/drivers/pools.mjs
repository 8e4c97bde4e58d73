/** What a pool costs: a cycle of taking and giving back, a hand-over to one who waits, an idle connection, a new one. */
import { small } from "../dataset.mjs";
import { expectSame } from "../workloads/expect.mjs";
import { startGauge } from "./gauge.mjs";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Callers who take a connection and give it back; with more callers than connections each is handed over. */
export async function borrow(pool, { callers }, { warmUp, seconds }) {
  let cycles = 0;
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      // A hundred at a time: the loop must look at the time now and then, and an uncontended cycle never leaves the microtasks.
      for (let n = 0; n < 100 && !stopped; n++) {
        await pool.borrow();
        cycles++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const all = Promise.all(Array.from({ length: callers }, caller));
  await sleep(warmUp * 1000);
  const before = cycles;
  const stop = startGauge();
  await sleep(seconds * 1000);
  const used = stop();
  const done = cycles - before;
  stopped = true;
  await all;
  return { opsPerSecond: done / used.seconds, cpuPerOp: used.cpuMicros / done };
}

/** A connection of its own for every request, as without a pool. */
export async function churn(connect, place, { inFlight }, { warmUp, seconds }) {
  let requests = 0;
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      const client = await connect(place);
      const { key, value } = small[requests % small.length];
      expectSame(await client.get(key), value, key);
      await client.close();
      requests++;
    }
  };
  const all = Promise.all(Array.from({ length: inFlight }, caller));
  await sleep(warmUp * 1000);
  const before = requests;
  const stop = startGauge();
  await sleep(seconds * 1000);
  const used = stop();
  const done = requests - before;
  stopped = true;
  await all;
  return { opsPerSecond: done / used.seconds, cpuPerOp: used.cpuMicros / done };
}

/** Memory of open connections that nobody uses: what the process has more than before they were opened. */
export async function idle(connectPool, place, { connections }) {
  // What the first connection loads and compiles is no cost of the others.
  await (await connectPool(place, { connections: 2 })).close();
  const before = await settledMemory();
  const pool = await connectPool(place, { connections });
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
    globalThis.gc?.();
  }
  if (globalThis.Bun !== undefined) Bun.gc(true);
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
