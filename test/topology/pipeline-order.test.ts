import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, ServerError } from "../../src/index.ts";
import { startScriptedShard } from "./scripted-cluster.ts";

/*
 * A pipeline runs its commands in their order. What a server refuses because of its state is sent again one by one, each with a
 * pause at random: the order has to hold then, too.
 */

const COUNT = 20;

/** A server that refuses some SETs, a few times each; and the values that it has taken, in order. */
function refusing(error: string): { answer: (name: string, words: string[]) => string; taken: string[] } {
  const refused = new Map<string, number>();
  const taken: string[] = [];
  const answer = (name: string, words: string[]): string => {
    if (name !== "SET") return "+OK\r\n";
    const value = words[2] as string;
    const before = refused.get(value) ?? 0;
    refused.set(value, before + 1);
    // Of the first half every third one is taken at once; of the second half each one only after an attempt or several.
    const least = Number(value) < COUNT / 2 ? 0 : 1;
    if (before < least + ((2 * Number(value)) % 3)) return `-${error}\r\n`;
    taken.push(value);
    return "+OK\r\n";
  };
  return { answer, taken };
}

for (const [what, error] of [
  ["one server", "LOADING Redis is loading the dataset in memory"],
  ["a cluster", "CLUSTERDOWN The cluster is down"],
] as const) {
  test(`${what}: a write that was refused is not run behind a later one`, async () => {
    const { answer, taken } = refusing(error);
    await using shard = await startScriptedShard((name, words) => answer(name, words));
    const [seed] = shard.seeds;
    assert.ok(seed !== undefined);
    await using redis = what === "a cluster" ? Redis.cluster([seed]) : new Redis(seed);
    let chain = redis.pipeline();
    for (let value = 0; value < COUNT; value++) chain = chain.set("k", String(value)) as never;
    const results: readonly unknown[] = await chain.exec();
    assert.deepEqual(
      taken,
      taken.toSorted((one, two) => Number(one) - Number(two)),
    );
    for (const [value, result] of results.entries()) {
      if (taken.includes(String(value))) assert.equal(result, "OK");
      else assert.ok(result instanceof ServerError && result.outcome === "rejected");
    }
    // What stood behind the last one that was taken at once has been sent again.
    assert.deepEqual(taken.slice(-COUNT / 2), results.map((_, value) => String(value)).slice(-COUNT / 2));
  });
}
