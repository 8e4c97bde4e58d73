import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { backoffDelay } from "../../src/base/backoff.ts";

const range = { minDelay: 50, maxDelay: 2000 };

test("a pause stays between the shortest and the longest one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (a, b, attempt, random) => {
        const limits = { minDelay: Math.min(a, b), maxDelay: Math.max(a, b) };
        const delay = backoffDelay(limits, attempt, random);
        assert.ok(delay >= limits.minDelay && delay <= limits.maxDelay, `${delay}`);
      },
    ),
  );
});

test("the upper bound of the pause doubles with every attempt until the longest pause", () => {
  const bounds = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffDelay(range, attempt, 1));
  assert.deepEqual(bounds, [100, 200, 400, 800, 1600, 2000, 2000]);
});

test("the pause is spread over the whole range, so that clients do not come back in step", () => {
  assert.equal(backoffDelay(range, 3, 0), 50);
  assert.equal(backoffDelay(range, 3, 0.5), 225);
  const delays = Array.from({ length: 200 }, () => backoffDelay(range, 10, systemClock.random()));
  assert.ok(new Set(delays).size > 100);
});
