import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveOptions } from "../../src/base/options.ts";
import { Ring } from "../../src/base/ring.ts";
import { TICK } from "../../src/base/ticker.ts";
import { buildCall } from "../../src/commands/call.ts";
import type { Request } from "../../src/commands/request.ts";
import { Admission } from "../../src/pool/admission.ts";

interface Command {
  readonly cost: number;
  readonly came: number;
  readonly timeout: number;
}

interface Tally {
  refused: number;
  inTime: number;
  late: number;
}

/**
 * Lanes on a clock that is turned by hand: commands are answered one after the other, each after its own cost in ms, and at the
 * earliest `roundTrip` after it came. Time goes in steps of 1 ms; the admission looks at it in the steps of its own clock.
 */
class Line {
  readonly admission: Admission;
  tally: Tally = { refused: 0, inTime: 0, late: 0 };
  roundTrip = 0;
  /** Reads so many at most, and answers them together, as Redis does; 1: each by itself. */
  batch = 1;
  stopped = false;
  message = "";
  #now = 0;
  #answered = 0;
  #gone = 0;
  #credit = 0;
  #reading = 0;
  readonly #queue = new Ring<Command>();

  constructor() {
    this.admission = new Admission(resolveOptions({}));
  }

  get outstanding(): number {
    return this.#queue.size;
  }

  /** Takes the tally of what has happened since the latest one. */
  taken(): Tally {
    const { tally } = this;
    this.tally = { refused: 0, inTime: 0, late: 0 };
    return tally;
  }

  offer(count: number, timeout: number, cost: number): void {
    const request = requestWith(timeout);
    for (let index = 0; index < count; index++) {
      const refusal = this.admission.refusal(request, this.#queue.size, 0);
      if (refusal === null) {
        this.#queue.push({ cost, came: this.#now, timeout });
      } else {
        this.tally.refused++;
        this.message = refusal.message;
      }
    }
  }

  /** Lets time go on, and calls `each` in each ms. */
  run(time: number, each: (now: number) => void = () => {}): void {
    for (const end = this.#now + time; this.#now < end;) {
      each(this.#now);
      this.#now++;
      this.#serve();
      if (this.#now % TICK === 0 && this.#isTicking) {
        this.admission.observe(this.#now, {
          outstanding: this.#queue.size,
          answered: this.#answered,
          gone: this.#gone,
          roundTrip: this.roundTrip,
        });
        this.#isTicking = this.#queue.size > 0;
      }
    }
  }

  #ticking = false;

  /** As the pool's clock does it: as long as something is outstanding, and once more. */
  get #isTicking(): boolean {
    this.#ticking ||= this.#queue.size > 0;
    return this.#ticking;
  }

  set #isTicking(on: boolean) {
    this.#ticking = on;
  }

  #serve(): void {
    if (this.stopped) return;
    this.#credit++;
    if (this.batch > 1 && this.#reading === 0) {
      this.#reading = Math.min(this.batch, this.#queue.size);
      this.#credit = 1;
    }
    if (this.batch > 1) {
      const costs = this.#reading * (this.#queue.peek()?.cost ?? 0);
      if (this.#reading === 0 || costs > this.#credit) return;
      this.#answer(this.#reading);
      this.#reading = 0;
      return;
    }
    for (;;) {
      const head = this.#queue.peek();
      if (head === undefined || head.cost > this.#credit) break;
      if (this.#now - head.came < this.roundTrip) break;
      this.#credit -= head.cost;
      this.#answer(1);
    }
    // Idle time cannot be saved up.
    if (this.#queue.size === 0 || this.roundTrip > 0) this.#credit = Math.min(this.#credit, 1);
  }

  #answer(count: number): void {
    for (let left = count; left > 0; left--) {
      const command = this.#queue.shift();
      if (command === undefined) return;
      this.#answered++;
      this.#gone++;
      if (this.#now - command.came <= command.timeout) this.tally.inTime++;
      else this.tally.late++;
    }
  }

  /** A lane has ended: what it had answered is no longer counted. */
  loseLane(): void {
    this.#answered = 0;
  }

  /** A lane has ended with all that was on it. */
  loseAll(): void {
    this.loseLane();
    this.#gone += this.#queue.size;
    while (this.#queue.shift() !== undefined);
    this.#reading = 0;
  }
}

function requestWith(timeout: number): Request {
  const request = buildCall("GET", ["key"]);
  request.timeout = timeout;
  return request;
}

test("a burst after idle is never refused for the wait that it makes", () => {
  for (const timeout of [20, 300, 5000]) {
    const line = new Line();
    line.run(1000);
    line.offer(50_000, timeout, 0.5);
    assert.equal(line.tally.refused, 0);
  }
});

test("bursts on a fast server are never refused, however often they come", () => {
  const line = new Line();
  for (let burst = 0; burst < 20; burst++) {
    line.offer(5000, 1000, 0.01);
    line.run(130, () => line.offer(10, 1000, 0.01));
  }
  assert.equal(line.tally.refused, 0);
  assert.equal(line.tally.late, 0);
});

for (const [timeout, cost, batch] of [
  [300, 0.5, 1],
  [300, 0.75, 400],
  [1000, 0.05, 1],
  [5000, 0.5, 1],
  [1000, 50, 1],
] as const) {
  test(`under ten times the load, with ${timeout} ms for commands of ${cost} ms in batches of ${batch}, most of what is accepted is in time`, () => {
    const line = new Line();
    line.batch = batch;
    let due = 0;
    const load = (): void => {
      due += 10 / cost;
      line.offer(Math.floor(due), timeout, cost);
      due %= 1;
    };
    line.run(5 * timeout, load); // settles
    line.taken();
    line.run(3 * timeout, load);
    const { inTime, late, refused } = line.taken();
    assert.ok(inTime >= 0.95 * (inTime + late), `${inTime} in time, ${late} late`);
    assert.ok(inTime >= (0.9 * 3 * timeout) / cost, `the server is kept busy: ${inTime}`);
    assert.ok(refused > 8 * inTime, "the rest is refused");
    assert.match(line.message, new RegExp(`would wait for about \\d+ ms, longer than its limit of ${timeout} ms`));
  });
}

test("when the backlog is gone everything is taken again", () => {
  const line = new Line();
  line.run(2000, () => line.offer(20, 300, 0.5));
  assert.ok(line.taken().refused > 0);
  line.run(TICK);
  line.run(400);
  line.offer(5000, 300, 0.01);
  assert.equal(line.tally.refused, 0);
});

test("while a load just above the capacity lasts it is only the surplus that is refused", () => {
  const line = new Line();
  let due = 0;
  const load = (): void => {
    due += 2.4; // of 2 each ms
    line.offer(Math.floor(due), 300, 0.5);
    due %= 1;
  };
  line.run(5000, load);
  line.taken();
  line.run(5000, load);
  const { inTime, late, refused } = line.taken();
  assert.ok(inTime > 9500 && late < 200, `${inTime} in time, ${late} late`);
  assert.ok(refused < 2500, `${refused} refused of 12000, of which 2000 are too many`);
});

test("small commands behind a few that take long are not refused at the pace of those", () => {
  const line = new Line();
  for (let round = 0; round < 5; round++) {
    line.offer(30, 2000, 5);
    line.run(60);
    line.offer(5000, 2000, 0.01);
    line.run(80, () => line.offer(5, 2000, 0.01));
    line.run(500);
  }
  assert.equal(line.tally.refused, 0);
  assert.equal(line.tally.late, 0);
});

test("a few commands behind some that take long are not refused, with 500 ms for each", () => {
  for (const [count, cost] of [
    [5, 30],
    [3, 50],
    [15, 10],
  ] as const) {
    const line = new Line();
    for (let round = 0; round < 5; round++) {
      line.offer(count, 500, cost);
      // In each step of the long ones' time.
      line.run(count * cost, (now) => {
        if (now % 10 === 0) line.offer(30, 500, 0.01);
      });
      line.run(300);
    }
    assert.equal(line.tally.refused, 0, `${count} of ${cost} ms`);
    assert.equal(line.tally.late, 0);
  }
});

for (const timeout of [200, 500, 2000]) {
  test(`a burst on a link with a round trip of 100 ms is not refused, with ${timeout} ms for each`, () => {
    const line = new Line();
    line.roundTrip = 100;
    line.run(1000, () => line.offer(2, timeout, 0.001));
    line.offer(20_000, timeout, 0.001);
    line.run(300, () => line.offer(2, timeout, 0.001));
    assert.equal(line.tally.refused, 0);
  });
}

test("a server that stood still for a while is not taken for a slow one", () => {
  const line = new Line();
  for (let round = 0; round < 3; round++) {
    line.run(500, () => line.offer(2, 1000, 0.02));
    line.stopped = true;
    line.run(700, () => line.offer(2, 1000, 0.02));
    line.stopped = false;
    line.run(300, () => line.offer(2, 1000, 0.02));
  }
  assert.equal(line.tally.refused, 0);
});

test("the end of a lane, whose replies are no longer counted, changes nothing", () => {
  const line = new Line();
  const load = (): void => line.offer(20, 300, 0.5);
  line.run(1500, load);
  line.taken();
  for (let round = 0; round < 10; round++) {
    line.loseLane();
    line.run(200, load);
  }
  const { inTime, late } = line.taken();
  assert.ok(inTime >= 0.95 * (inTime + late), `${inTime} in time, ${late} late`);
});

test("commands that died with their lane do not make those that follow look old", () => {
  const line = new Line();
  line.roundTrip = 100;
  const load = (): void => line.offer(2, 500, 0.001);
  line.run(1000, load);
  line.stopped = true;
  line.offer(10_000, 500, 0.001);
  line.run(300);
  line.loseAll();
  line.stopped = false;
  line.taken();
  line.run(1000, load);
  line.offer(20_000, 500, 0.001);
  line.run(300, load);
  assert.equal(line.tally.refused, 0);
});

test("commands without a limit of time are not refused for their wait", () => {
  const line = new Line();
  line.run(1000, () => line.offer(20, 300, 0.5));
  line.taken();
  line.offer(1000, Infinity, 0.5);
  assert.equal(line.tally.refused, 0);
  line.offer(1, 300, 0.5);
  assert.equal(line.tally.refused, 1, "those with one are");
});

test("the limits of number and bytes hold whatever the pace is", () => {
  const admission = new Admission(resolveOptions({ maxInFlight: 10, maxQueuedBytes: 2000 }));
  const request = requestWith(Infinity);
  assert.equal(admission.refusal(request, 9, 2000), null);
  assert.equal(admission.refusal(request, 10, 0)?.limit, "maxInFlight");
  assert.equal(admission.refusal(request, 0, 2001)?.limit, "maxQueuedBytes");
});
