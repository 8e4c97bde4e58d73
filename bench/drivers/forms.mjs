/** What a form of stored values costs: the CPU of a `set` and of a `get`, all threads counted in, and the bytes in Redis. */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { payloads } from "../caches/payloads.mjs";
import { startGauge } from "./gauge.mjs";
import { Loop } from "./loop.mjs";

/** Entries in turn: the same value under each. */
const IDS = 16;

export async function measure(client, { payload, inFlight }, phases) {
  const { value } = payloads[payload];
  const set = {
    call: (cache, index) => cache.set(index % IDS, value),
    check: (isStored) => expect(isStored === true, "set: not stored"),
  };
  const size = sizeOf(value);
  const get = {
    call: (cache, index) => cache.get(index % IDS),
    check: (found) => expect(found !== undefined && sizeOf(found) === size, "get: another value than was set"),
  };
  const cpuPerSet = await cpuOf(new Loop(client, set), inFlight, phases);
  expectWhole(await client.get(0), value);
  const cpuPerGet = await cpuOf(new Loop(client, get), inFlight, phases);
  return { cpuPerSet, cpuPerGet, storedBytes: await client.storedBytes(0) };
}

function cpuOf(loop, inFlight, { warmUp, seconds }) {
  return loop.during(inFlight, async () => {
    await sleep(warmUp * 1000);
    const before = loop.performed;
    const stop = startGauge();
    await sleep(seconds * 1000);
    return stop().cpuMicros / (loop.performed - before);
  });
}

/** Looked at in each: what tells two of the payloads apart, and costs nothing. */
function sizeOf(value) {
  return value.items?.length ?? value.email;
}

/** Once for all of it; a message of Protocol Buffers is an object of a class of its own. */
function expectWhole(found, value) {
  expect(isDeepStrictEqual(JSON.parse(JSON.stringify(found)), value), "get: another value than was set");
}

function expect(isRight, complaint) {
  if (!isRight) throw new Error(complaint);
}
