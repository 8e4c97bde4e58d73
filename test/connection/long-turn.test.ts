import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Redis } from "respool";
import { startServer, type TestServer } from "respool/testing";
import { statsOf } from "../support/stats.ts";

/*
 * The time limit of a command is for the server and the network. What the program itself takes in the turn of the event loop
 * in which it sends the command is added to it, however many were sent, and wherever in the loop the turn began.
 */

const LIMIT = 100;
const BUSY = 150;

let server: TestServer;
let redis: Redis;

before(async () => {
  server = await startServer();
  redis = new Redis(server.url);
  await redis.ready();
});

after(async () => {
  await redis.close();
  await server.stop();
});

function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const beginnings: Record<string, (turn: () => void) => void> = {
  "a reply's callback": (turn) => void redis.ping().then(turn),
  "a timer": (turn) => void setTimeout(turn, 5),
  "an immediate": (turn) => void setImmediate(turn),
};

for (const [beginning, begin] of Object.entries(beginnings)) {
  for (const count of [100, 128, 300]) {
    test(`${count} commands of a long turn that began in ${beginning} are not late`, async () => {
      const limited = redis.with({ timeout: LIMIT, retry: false });
      const replies = await new Promise<Promise<unknown>[]>((resolve) => {
        begin(() => {
          resolve(Array.from({ length: count }, (_, index) => limited.set(`turn:${index}`, "value")));
          work(BUSY);
        });
      });
      assert.deepEqual(
        await Promise.all(replies),
        Array.from({ length: count }, () => "OK"),
      );
    });
  }
}

test("a program that is busy in every turn still ends its commands in time", async () => {
  const limited = redis.with({ timeout: LIMIT, retry: false });
  server.pause();
  try {
    const late = limited.get("turn:0");
    let ended = false;
    void late.catch(() => (ended = true));
    // Each turn is longer than the limit, and sends a command of its own.
    for (let turns = 0; turns < 20 && !ended; turns++) {
      void limited.get("turn:1").catch(() => {});
      work(BUSY);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(ended, "the deadline never came");
    await assert.rejects(late, { code: "ERR_COMMAND_TIMEOUT" });
  } finally {
    server.resume();
  }
});

test("an attempt to connect is not ended by a long turn of the program's own", async () => {
  await using fresh = new Redis(server.url, { connectTimeout: LIMIT });
  const ready = fresh.ready();
  // In one of these turns the socket is connected, in the next ones the handshake's replies arrive.
  for (let turns = 0; turns < 3; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    work(4 * LIMIT);
  }
  await ready;
  assert.equal(statsOf(fresh).connectFailures, 0);
});

test("a program that is busy in every turn still ends an attempt to connect", async () => {
  await using fresh = new Redis(server.url, { connectTimeout: LIMIT });
  server.pause();
  try {
    void fresh.ready().catch(() => {});
    for (let turns = 0; turns < 20 && statsOf(fresh).connectFailures === 0; turns++) {
      work(4 * LIMIT);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(statsOf(fresh).connectFailures > 0, "the attempt never ended");
  } finally {
    server.resume();
  }
});
