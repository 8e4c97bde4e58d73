/**
 * An open loop: small GETs at a fixed rate, whether or not earlier ones are answered. Each one's time counts from the moment
 * when it was due, not from when it could be sent, so that a stall is not left out of the figures (coordinated omission).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { large, small } from "../dataset.mjs";
import { expectSame } from "../workloads/expect.mjs";
import { quantiles } from "./gauge.mjs";

const BLOCKED = 50;

const neighbours = {
  none: async () => () => {},
  /** 1 MB GETs, at a fixed rate too: a faster client is not burdened with more of them. */
  "large-gets": async (client, { largeRate }) => {
    let due = 0;
    const timer = setInterval(() => {
      const { key, value } = large[due++ % large.length];
      client
        .get(key)
        .then((reply) => expectSame(reply, value, key))
        .catch(fail);
    }, 1000 / largeRate);
    return () => clearInterval(timer);
  },
  "blocked-pops": async (client) => {
    for (let index = 0; index < BLOCKED; index++) client.blpop(`bench:never:${index}`, 60).catch(() => {});
    await sleep(300);
    return () => {};
  },
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

export async function measure(client, workload, { warmUp, seconds }) {
  const stopNeighbours = await neighbours[workload.beside](client, workload);
  await load(client, workload.rate, warmUp);
  // Twice as long as a closed loop: the p99 of 10,000 commands a second hangs on few moments.
  const samples = await load(client, workload.rate, seconds * 2);
  stopNeighbours();
  return { latency: quantiles(samples), opsPerSecond: samples.length / (seconds * 2) };
}

/** Looks at the clock in every turn of the event loop: a timer's grain of 1 ms would hide what is measured. */
function load(client, rate, seconds) {
  const samples = [];
  const interval = 1000 / rate;
  const total = Math.floor(rate * seconds);
  const began = performance.now();
  let sent = 0;
  return new Promise((resolve) => {
    const answered = () => {
      if (samples.length === total) resolve(samples);
    };
    const turn = () => {
      const now = performance.now();
      while (sent < total && began + sent * interval <= now) {
        const due = began + sent * interval;
        const { key, value } = small[sent++ % small.length];
        client
          .get(key)
          .then((reply) => {
            expectSame(reply, value, key);
            samples.push(performance.now() - due);
            answered();
          })
          .catch(fail);
      }
      if (sent < total) setImmediate(turn);
    };
    turn();
  });
}
