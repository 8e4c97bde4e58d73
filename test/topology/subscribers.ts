import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { slotOf } from "../../src/commands/slot.ts";
import type { ClusterNode, TestCluster } from "../../src/testing/index.ts";
import { connectRaw, type RawReply } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

/** For what waits for a failover, on a machine that is busy with other things. */
export const PATIENCE = { timeout: 30_000, interval: 20 };

export async function ask(node: ClusterNode, ...words: (string | number)[]): Promise<RawReply> {
  using raw = await connectRaw({ path: node.path });
  return await raw.command(...words);
}

async function answering(cluster: TestCluster): Promise<ClusterNode[]> {
  return [...(await cluster.primaries()), ...(await cluster.replicas())];
}

/** A connection that messages come over, and how many subscriptions of each kind it has. */
export interface SubscriberConnection {
  readonly node: ClusterNode;
  readonly sub: number;
  readonly psub: number;
  readonly ssub: number;
}

/** Each connection of a client that has subscribed to anything, with its node. */
export async function subscribers(cluster: TestCluster, name: string): Promise<SubscriberConnection[]> {
  const found = [];
  for (const node of await answering(cluster)) {
    using raw = await connectRaw({ path: node.path });
    for (const client of await raw.clients()) {
      const [sub, psub, ssub] = [Number(client["sub"]), Number(client["psub"]), Number(client["ssub"])];
      if (client["name"] === name && sub + psub + ssub > 0) found.push({ node, sub, psub, ssub });
    }
  }
  return found;
}

/** So many channels, each in a slot of its own. */
export function channelsOf(prefix: string, count: number): string[] {
  const bySlot = new Map<number, string>();
  for (let index = 0; bySlot.size < count; index++) bySlot.set(slotOf(`${prefix}:${index}`), `${prefix}:${index}`);
  return [...bySlot.values()];
}

/** A channel whose slot a node owns. */
export async function channelOn(cluster: TestCluster, node: ClusterNode, prefix: string): Promise<string> {
  for (let index = 0; ; index++) {
    const channel = `${prefix}:${index}`;
    if ((await cluster.primaryOf(slotOf(channel))) === node) return channel;
  }
}

export async function threePrimaries(cluster: TestCluster): Promise<[ClusterNode, ClusterNode, ClusterNode]> {
  const [a, b, c] = await cluster.primaries();
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return [a, b, c];
}

/** Publishes numbered messages until it is stopped, and keeps how many subscribers its node gave each one to. */
export class Publisher {
  readonly takers: number[] = [];
  /** Those that may have come to nobody: their node failed. */
  readonly failed: Set<number> = new Set();
  readonly #send: (message: string) => Promise<number>;
  readonly #work: Promise<void>;
  #stopped = false;

  constructor(send: (message: string) => Promise<number>) {
    this.#send = send;
    this.#work = this.#publish();
  }

  async #publish(): Promise<void> {
    while (!this.#stopped) {
      const number = this.takers.push(0) - 1;
      try {
        this.takers[number] = await this.#send(String(number));
      } catch {
        this.failed.add(number);
      }
      await sleep(2);
    }
  }

  /** How many were published. */
  get published(): number {
    return this.takers.length - this.failed.size;
  }

  /** Waits until `count` messages more were taken. */
  async taken(count: number): Promise<void> {
    const begin = this.takers.length;
    await until(() => this.takers.slice(begin).filter((takers) => takers > 0).length >= count, PATIENCE);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }
}
