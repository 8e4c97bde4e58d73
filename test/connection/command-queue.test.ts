import assert from "node:assert/strict";
import { test } from "node:test";
import { buildCall } from "../../src/commands/call.ts";
import type { Request } from "../../src/commands/request.ts";
import { CommandQueue } from "../../src/connection/command-queue.ts";

function request(deadline: number, timeout: number): Request {
  const made = buildCall("PING", []);
  void made.start();
  made.deadline = deadline;
  made.timeout = timeout;
  return made;
}

test("a long turn gives each command back what the turn took after its call, and takes time from none", () => {
  const queue = new CommandQueue();
  // The turn lasts from 1000 to 1400.
  const early = request(1100, 100); // called at 1000
  const late = request(1450, 100); // called at 1350
  const repeated = request(1200, 1000); // called at 200, and sent again in this turn
  const own = request(1300, 0); // a deadline alone
  const endless = request(Infinity, Infinity);
  for (const each of [early, late, repeated, own, endless]) queue.push(each);
  queue.postpone(1000, 1400);
  assert.deepEqual(
    [early, late, repeated, own, endless].map(({ deadline }) => deadline),
    [1500, 1500, 1600, 1700, Infinity],
  );
});

test("commands of an earlier turn, written already, get nothing; those of this turn do", () => {
  const queue = new CommandQueue();
  const earlier = request(1100, 100);
  queue.push(earlier);
  queue.take();
  queue.beginTurn();
  const written = request(1100, 100);
  queue.push(written);
  queue.take();
  const waiting = request(1100, 100);
  queue.push(waiting);
  queue.postpone(1000, 1200);
  assert.deepEqual([earlier.deadline, written.deadline, waiting.deadline], [1100, 1300, 1300]);
});
