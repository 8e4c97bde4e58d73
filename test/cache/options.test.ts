import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, KeyvStore, type CacheOptions } from "../../src/cache/index.ts";
import { OptionsError } from "../../src/index.ts";
import { sharedCaches } from "../support/cache.ts";

const shared = sharedCaches();

test("bad options of a cache are told at once", () => {
  const wrong: [object, RegExp][] = [
    [{}, /namespace must be .*, got undefined/],
    [{ namespace: "a b" }, /namespace must be/],
    [{ namespace: "a", ttl: 0 }, /ttl must be a number of seconds from 0\.001 to 315360000, or Infinity, got 0/],
    [{ namespace: "a", ttl: 0.0005 }, /got 0\.0005/],
    [{ namespace: "a", tll: 1 }, /there is no option "tll"/],
    [{ namespace: "a", codec: {} }, /codec must be a codec/],
    [{ namespace: "a", accept: "v8" }, /accept must be an array, got string/],
    [
      { namespace: "a", compress: { with: "zip" } },
      /compress\.with must be one of "gzip", "brotli", "zstd", "lz4", "snappy", got "zip"/,
    ],
    [{ namespace: "a", readTimeout: 0 }, /readTimeout must be a number of ms from 1/],
    [{ namespace: "a", lockTtl: 5000 / 3 }, /lockTtl must be a whole number of ms from 100/],
    [{ namespace: "a", grace: Infinity }, /grace must be a number of seconds from 0/],
    [{ namespace: "a", jitter: 1 }, /jitter must be a fraction/],
    [{ namespace: "a", breaker: { failures: 0 } }, /breaker\.failures must be a whole number/],
    [
      { namespace: "a", memory: { tracking: "all" } },
      /memory\.tracking must be one of "broadcast", "reads", got "all"/,
    ],
    [{ namespace: "a", onError: 1 }, /onError must be a function, got 1/],
  ];
  for (const [options, message] of wrong)
    assert.throws(
      () => new Cache(shared.redis, options as CacheOptions<unknown>),
      (error) => error instanceof OptionsError && message.test(error.message),
      String(message),
    );
  assert.throws(() => new Cache({} as never, { namespace: "a" }), /redis must be a Redis of this respool/);
  assert.throws(() => new KeyvStore(shared.redis, { grace: 1 } as never), OptionsError);
});

test("bad ids and options of a call reject, and nothing is sent", async () => {
  await using cache = shared.cacheOf<number>();
  const load = (): number => 1;
  const calls: [() => Promise<unknown>, RegExp][] = [
    [() => cache.get({} as never), /id must be a string or number, got object/],
    [() => cache.get("a}"), /id must be one in which/],
    [() => cache.get("\ud800"), /half of a surrogate pair/],
    [() => cache.set("a", 1, { ttl: -1 }), /ttl must be/],
    [() => cache.set("a", 1, { tags: "team:7" as never }), /tags must be an array, got string/],
    [() => cache.set("a", 1, { tags: [""] }), /a tag must be a string/],
    [() => cache.set("a", 1, { grace: 1 } as never), /there is no option "grace" in the options of set/],
    [() => cache.getOrSet("a", 1 as never), /loader must be a function, got 1/],
    [() => cache.getOrSet("a", load, { grace: Infinity }), /grace must be a number of seconds/],
    [() => cache.getOrSet("a", load, { signal: {} as never }), /signal must be an AbortSignal, got an object/],
    [() => cache.getOrSet("a", load, { awaitWrite: 1 as never }), /awaitWrite must be a boolean, got 1/],
    [() => cache.invalidateTag(7 as never), /a tag must be a string/],
  ];
  for (const [call, message] of calls) await assert.rejects(call(), { name: "OptionsError", message });
  const { errors, writes, loads } = cache.stats();
  assert.deepEqual({ errors, writes, loads }, { errors: 0, writes: 0, loads: 0 });
});
