import assert from "node:assert/strict";
import { test } from "node:test";
import { TICK, Ticker } from "../../src/base/ticker.ts";
import { SteppedClock } from "../support/stepped-clock.ts";

test("a step after a stalled event loop is left out, so that replies that came meanwhile are read first", () => {
  const clock = new SteppedClock();
  const ticker = new Ticker(clock);
  const ticks: number[] = [];
  ticker.add({ tick: (now) => ticks.push(now) > 0 });
  clock.pass(TICK);
  clock.pass(5000);
  assert.deepEqual(ticks, [TICK]);
  clock.pass(TICK);
  assert.deepEqual(ticks, [TICK, TICK + 5000 + TICK]);
});

test("deadlines still end on an event loop that stalls in every turn", () => {
  const clock = new SteppedClock();
  const ticker = new Ticker(clock);
  let ticks = 0;
  ticker.add({ tick: () => ++ticks > 0 });
  for (let turn = 0; turn < 10; turn++) clock.pass(400);
  assert.ok(ticks >= 4, `${ticks} ticks in ten turns`);
});

test("the timer runs only while something has a deadline", () => {
  const clock = new SteppedClock();
  const ticker = new Ticker(clock);
  const done = { tick: () => false };
  const busy = { tick: () => true };
  ticker.add(done);
  ticker.add(busy);
  clock.pass(TICK);
  assert.equal(clock.isArmed, true);
  ticker.remove(busy);
  assert.equal(clock.isArmed, false);
  ticker.add(done);
  clock.pass(TICK);
  assert.equal(clock.isArmed, false);
});
