import assert from "node:assert/strict";
import { test } from "node:test";
import { LaneTuner, type LaneSample } from "../../src/pool/lane-tuner.ts";

const busy: LaneSample = { lanes: 1, maxLanes: 4, commands: 1000, outstanding: 1000, full: false };

/** Runs a tuner against a pool that opens a wanted lane `delay` periods later; gives the lanes after each period. */
function simulate(options: {
  periods: number;
  delay?: number;
  room?: number;
  commands: (lanes: number) => number;
  outstanding?: number;
  maxLanes?: number;
}): number[] {
  const { periods, delay = 1, room = 8, commands, outstanding = 1000, maxLanes = 4 } = options;
  const tuner = new LaneTuner();
  const history: number[] = [];
  let lanes = 1;
  let opening = 0;
  for (let period = 0; period < periods; period++) {
    const wanted = tuner.decide({ lanes, maxLanes, commands: commands(lanes), outstanding, full: false });
    if (wanted < lanes) lanes--;
    else if (wanted > lanes && lanes < room && ++opening > delay) {
      lanes++;
      opening = 0;
    }
    history.push(lanes);
  }
  return history;
}

test("a lane that is still being opened when it is wanted becomes one, and is tried", () => {
  const history = simulate({ periods: 12, delay: 1, commands: (lanes) => lanes * 1000 });
  assert.ok(Math.max(...history) > 1, history.join(" "));
});

test("lanes that help are kept, up to maxLanes", () => {
  const history = simulate({ periods: 60, commands: (lanes) => lanes * 1000, maxLanes: 3 });
  assert.equal(history.at(-1), 3, history.join(" "));
  assert.equal(Math.max(...history), 3);
});

test("a lane that does not help is given up again, and not tried soon after", () => {
  const history = simulate({ periods: 40, commands: () => 1000 });
  assert.equal(Math.max(...history), 2, history.join(" "));
  const tried = history.filter((lanes) => lanes === 2).length;
  assert.ok(tried > 0 && tried <= 5, history.join(" "));
  assert.equal(history.at(-1), 1);
});

test("where there is no room for another lane the ones that help are not given up for it", () => {
  const history = simulate({ periods: 60, room: 2, commands: (lanes) => lanes * 1000 });
  assert.equal(history.at(-1), 2, history.join(" "));
  const reached = history.indexOf(2);
  assert.ok(
    history.slice(reached).every((lanes) => lanes === 2),
    history.join(" "),
  );
});

test("a light load never asks for another lane", () => {
  assert.deepEqual(new Set(simulate({ periods: 30, commands: () => 1000, outstanding: 10 })), new Set([1]));
});

test("a socket that holds writes back is reason enough for a trial", () => {
  const tuner = new LaneTuner();
  const wanted = Array.from({ length: 5 }, () => tuner.decide({ ...busy, outstanding: 1, full: true }));
  assert.ok(wanted.includes(2));
});

test("a single lane is never taken away, and one that is lost meanwhile is not asked back by the tuner", () => {
  const tuner = new LaneTuner();
  for (let period = 0; period < 20; period++) {
    assert.ok(tuner.decide({ ...busy, commands: 1 }) >= 1);
  }
  assert.equal(new LaneTuner().decide({ ...busy, lanes: 0 }), 0);
});
