import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "../../src/index.ts";
import type { TestCluster } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";

/** Writes to one key again and again, and tells how long it took at most from one success to the next. */
export class Probe {
  longest = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(redis: Redis, key: string) {
    this.#running = this.#run(redis, key);
  }

  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return Math.round(this.longest);
  }

  async #run(redis: Redis, key: string): Promise<void> {
    let latest = performance.now();
    while (!this.#stopped) {
      // Not one after the other: a write whose outcome is unknown would hide how long the others had to wait.
      void redis.set(key, "probe").then(
        () => {
          const now = performance.now();
          this.longest = Math.max(this.longest, now - latest);
          latest = now;
        },
        () => undefined, // what a failure may be is told by the load
      );
      await sleep(10);
    }
  }
}

/** The time until some node that answers serves a slot as its primary, asked by hand, ms: what the cluster itself needs. */
export async function detectionTime(cluster: TestCluster, slot: number, without: number): Promise<number> {
  const began = performance.now();
  const others = cluster.nodes.filter((node) => node.port !== without);
  for (;;) {
    for (const node of others) {
      using raw = await connectRaw(node);
      const text = String(await raw.command("CLUSTER", "NODES"));
      const own = text.split("\n").find((line) => line.includes("myself"));
      const serves =
        own !== undefined && own.includes("master") && slotsOf(own).some(([a, b]) => slot >= a && slot <= b);
      if (serves && String(await raw.command("CLUSTER", "INFO")).includes("cluster_state:ok")) {
        return performance.now() - began;
      }
    }
    await sleep(20);
  }
}

function slotsOf(line: string): [number, number][] {
  return line
    .split(" ")
    .slice(8)
    .filter((word) => /^\d/.test(word))
    .map((word) => {
      const [first, last = first] = word.split("-").map(Number);
      return [first as number, last as number];
    });
}
