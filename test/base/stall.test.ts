import assert from "node:assert/strict";
import { test } from "node:test";
import { scheduleAwake } from "../../src/base/stall.ts";
import { SteppedClock } from "../support/stepped-clock.ts";

/** How often time has to pass in steps of `step` until the call comes; 100 when it does not. */
function stepsUntilCalled(delay: number, step: number): number {
  const clock = new SteppedClock();
  let isCalled = false;
  scheduleAwake(clock, () => (isCalled = true), delay);
  for (let steps = 1; steps < 100; steps++) {
    clock.pass(step);
    if (isCalled) return steps;
  }
  return 100;
}

test("on a loop that is not late the call comes after the delay, however long that is", () => {
  assert.equal(stepsUntilCalled(100, 10), 10);
  assert.equal(stepsUntilCalled(2000, 50), 40);
  // Late, but not a stall.
  assert.equal(stepsUntilCalled(100, 300), 1);
});

test("a few long turns in a row count nothing, whatever the delay; many end it", () => {
  const steps = stepsUntilCalled(100, 400);
  assert.ok(steps > 4 && steps < 10, `${steps} long turns`);
  const longer = stepsUntilCalled(2000, 1000);
  assert.ok(longer > 4 && longer < 20, `${longer} long turns`);
});

test("what is cancelled does not come", () => {
  const clock = new SteppedClock();
  const timer = scheduleAwake(clock, () => assert.fail("it came"), 100);
  clock.pass(400);
  timer.cancel();
  for (let steps = 0; steps < 20; steps++) clock.pass(400);
});
