import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ring } from "../../src/base/ring.ts";

type Step =
  | { readonly do: "push"; readonly value: number }
  | { readonly do: "shift" | "peek" | "drain" }
  | { readonly do: "retain"; readonly divisor: number; readonly start: number };

const value = fc.integer({ min: 0, max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: fc.constant("push" as const), value }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("shift" as const, "peek" as const) }) },
  { weight: 1, arbitrary: fc.constant({ do: "drain" } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("retain" as const),
      divisor: fc.integer({ min: 1, max: 4 }),
      start: fc.nat(9),
    }),
  },
);

/** Takes one step with the ring and with an array, and compares what they answer. */
function take(step: Step, ring: Ring<number>, model: number[]): void {
  switch (step.do) {
    case "push":
      ring.push(step.value);
      model.push(step.value);
      return;
    case "shift":
      assert.equal(ring.shift(), model.shift());
      return;
    case "peek":
      assert.equal(ring.peek(), model[0]);
      return;
    case "drain":
      assert.deepEqual(ring.drain(), model.splice(0));
      return;
    case "retain": {
      const start = Math.min(step.start, model.length);
      const seen: number[] = [];
      const keep = (value: number): boolean => value % step.divisor !== 0;
      const kept = model.filter((value, index) => index < start || keep(value));
      const gone = ring.retain((value) => (seen.push(value), keep(value)), start);
      assert.deepEqual(seen, model.slice(start));
      assert.equal(gone, model.length - kept.length);
      model.splice(0, model.length, ...kept);
    }
  }
}

test("a ring answers like an array after any sequence of steps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 8 }), (steps, capacity) => {
      const ring = new Ring<number>(capacity);
      const model: number[] = [];
      for (const next of steps) {
        take(next, ring, model);
        assert.equal(ring.size, model.length);
        assert.deepEqual(
          model.map((_, index) => ring.at(index)),
          model,
        );
      }
    }),
    { numRuns: 500 },
  );
});

test("a ring keeps its order while it grows with its head in the middle", () => {
  const ring = new Ring<number>(4);
  for (const value of [0, 1, 2]) ring.push(value);
  ring.shift();
  for (let value = 3; value < 40; value++) ring.push(value);
  assert.deepEqual(
    ring.drain(),
    Array.from({ length: 39 }, (_, index) => index + 1),
  );
});

test("a ring lets go of what was taken out", async () => {
  const ring = new Ring<object>(4);
  const gone: WeakRef<object>[] = [];
  const add = (): void => {
    const value = {};
    gone.push(new WeakRef(value));
    ring.push(value);
  };
  add();
  add();
  add();
  ring.shift();
  ring.retain(() => false);
  assert.equal(ring.size, 0);
  // A WeakRef holds its object until the current turn is over.
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.deepEqual(
    gone.map((reference) => reference.deref()),
    [undefined, undefined, undefined],
  );
});
