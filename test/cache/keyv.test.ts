import { strict as assert } from "node:assert";
import { after, afterEach, beforeEach, describe, it, test } from "node:test";
import suite, { keyvIteratorTests } from "@keyv/test-suite";
import Keyv from "keyv";
import { KeyvStore, type KeyvStoreOptions } from "../../src/cache/index.ts";
import { Redis } from "../../src/index.ts";
import { PATIENT, sharedCaches } from "../support/cache.ts";

/* Keyv's own tests of a store, which are written for another test runner: what they use of it is here. */

const shared = sharedCaches();

/** What the suite expects of values, by this runner's assertions. */
function expect(actual: unknown): Record<string, (expected?: unknown) => void> {
  return {
    toBe: (expected) => assert.ok(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`),
    toEqual: (expected) => assert.deepEqual(actual, expected),
    toBeTruthy: () => assert.ok(actual),
    toBeFalsy: () =>
      assert.ok(actual === undefined || actual === null || actual === false || actual === 0 || actual === ""),
    toBeUndefined: () => assert.equal(actual, undefined),
    toBeDefined: () => assert.notEqual(actual, undefined),
    toBeNull: () => assert.equal(actual, null),
  };
}
const counting = Object.assign(expect, { assertions: () => {} });
const runner = {
  it: (name: string, body: (context: { expect: unknown }) => unknown) =>
    it(name, async () => void (await body({ expect: counting }))),
  beforeEach: (body: () => Promise<void>) => beforeEach(body),
  afterEach: (body: () => Promise<void>) => afterEach(body),
} as never;

const LEVELS: readonly [string, KeyvStoreOptions][] = [
  ["Redis alone", PATIENT],
  ["a first level in memory", { ...PATIENT, memory: true }],
];

for (const [what, options] of LEVELS) {
  describe(`Keyv's tests of a store, with ${what}`, () => {
    const stores: KeyvStore[] = [];
    const store = (): KeyvStore => {
      const one = new KeyvStore(shared.redis, options);
      stores.push(one);
      return one;
    };
    after(async () => {
      await Promise.all(stores.map((each) => each.disconnect()));
    });
    suite(runner, Keyv, store);
    keyvIteratorTests(runner, Keyv, store);
  });
}

test("values stand in Redis as Keyv makes them", async () => {
  const keyv = new Keyv({ store: new KeyvStore(shared.redis), namespace: "plain" });
  await keyv.set("a", { n: 1 });
  assert.deepEqual(JSON.parse(String(await shared.redis.get("keyv:plain:a"))), { value: { n: 1 } });
});

test("without Redis Keyv finds nothing, and tells of it where it is listened to", async () => {
  await using nowhere = new Redis({ host: "127.0.0.1", port: 1 });
  const store = new KeyvStore(nowhere);
  const keyv = new Keyv({ store });
  const errors: unknown[] = [];
  keyv.on("error", (error) => errors.push(error));
  assert.equal(await keyv.get("a"), undefined);
  await keyv.set("a", 1);
  assert.ok(errors.length > 0);
});
