import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry } from "../../src/pool/roster.ts";
import { Waiters, type Waiter } from "../../src/pool/waiters.ts";

class Caller implements Waiter {
  readonly timeout = 0;
  readonly since = 0;
  readonly role = "leased";
  readonly stack = null;
  readonly deadline: number;
  isGone = false;

  constructor(deadline: number = Infinity) {
    this.deadline = deadline;
  }

  granted(_: Entry): void {
    this.isGone = true;
  }

  refused(): void {
    this.isGone = true;
  }
}

function leave(waiters: Waiters, caller: Caller): void {
  caller.isGone = true;
  waiters.left();
}

test("who came first is served first, and those who left are passed over", () => {
  const waiters = new Waiters();
  const [a, b, c] = [new Caller(), new Caller(), new Caller()];
  for (const caller of [a, b, c]) waiters.push(caller);
  leave(waiters, b);
  assert.equal(waiters.size, 2);
  assert.equal(waiters.shift(), a);
  assert.equal(waiters.shift(), c);
  assert.equal(waiters.shift(), undefined);
  assert.equal(waiters.size, 0);
});

test("the queue's size and order are those of a plain list under any sequence of steps", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("push" as const), deadline: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constant("leave" as const), index: fc.nat(200) }),
    fc.record({ do: fc.constant("shift" as const) }),
    fc.record({ do: fc.constant("expire" as const), by: fc.integer({ min: 1, max: 10 }) }),
    fc.record({ do: fc.constant("drain" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const waiters = new Waiters();
      let model: Caller[] = [];
      let now = 0;
      for (const each of steps) {
        if (each.do === "push") {
          const caller = new Caller(now + each.deadline);
          waiters.push(caller);
          model.push(caller);
        } else if (each.do === "leave" && model.length > 0) {
          const [caller] = model.splice(each.index % model.length, 1);
          if (caller !== undefined) leave(waiters, caller);
        } else if (each.do === "shift") {
          assert.equal(waiters.shift(), model.shift());
        } else if (each.do === "expire") {
          now += each.by;
          assert.deepEqual(
            waiters.expire(now),
            model.filter((caller) => caller.deadline <= now),
          );
          model = model.filter((caller) => caller.deadline > now);
        } else if (each.do === "drain") {
          assert.deepEqual(waiters.drain(), model);
          model = [];
        }
        assert.equal(waiters.size, model.length);
      }
    }),
  );
});
