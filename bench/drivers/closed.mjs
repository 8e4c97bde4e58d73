/** A closed loop: so many callers, each of which sends its next command when the reply of the last one has come. */
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { steps } from "../workloads/steps.mjs";
import { peakMemory, quantiles, startGauge } from "./gauge.mjs";
import { Loop } from "./loop.mjs";

export async function measure(client, { step: name, inFlight }, { warmUp, seconds, allocation }) {
  const { commands = 1, size = 0, begin, end } = steps[name];
  const loop = new Loop(client, steps[name]);
  await begin?.(client);
  const figures = allocation
    ? await measureAllocation(loop, inFlight, commands, size)
    : await measureTime(loop, inFlight, commands, warmUp, seconds);
  await end?.(client, loop.performed);
  return figures;
}

async function measureTime(loop, inFlight, commands, warmUp, seconds) {
  const rates = await loop.during(inFlight, async () => {
    await sleep(warmUp * 1000);
    const before = loop.performed;
    const stop = startGauge();
    await sleep(seconds * 1000);
    const used = stop();
    const done = (loop.performed - before) * commands;
    return { opsPerSecond: done / used.seconds, cpuPerOp: used.cpuMicros / done };
  });
  const samples = await loop.timed(inFlight, seconds / 2);
  return { ...rates, latency: quantiles(samples), peakMemory: peakMemory() };
}

/** Steps by which it is found out how many there is room for. */
const PROBE = 64;
/** So much may be allocated in one measurement, bytes: less than the heap it is given. */
const ROOM = 256 * 1024 * 1024;

/**
 * Bytes that one command allocates on the heap and in buffers. The process was started with a heap so large that nothing is
 * collected meanwhile; where something was all the same, fewer steps are tried.
 */
async function measureAllocation(loop, inFlight, commands, size) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
  observer.observe({ entryTypes: ["gc"] });
  const probe = Math.max(PROBE, inFlight);
  await loop.exactly(inFlight, probe);
  const before = allocated();
  await loop.exactly(inFlight, probe);
  // Large values are collected whatever the heap: then the difference says too little.
  const perStep = Math.max(1000, size, (allocated() - before) / probe);
  for (let room = ROOM; room >= ROOM / 16; room /= 4) {
    const count = Math.max(probe, Math.min(20_000, Math.floor(room / perStep)));
    await loop.exactly(inFlight, count);
    globalThis.gc?.();
    await sleep(50);
    collections = 0;
    const start = allocated();
    await loop.exactly(inFlight, count);
    const bytes = allocated() - start;
    await sleep(50);
    if (collections === 0) return { bytesPerOp: bytes / (count * commands) };
  }
  return { bytesPerOp: null };
}

function allocated() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
