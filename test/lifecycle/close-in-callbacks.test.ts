import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startProxy } from "../support/proxy.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { assertEmpty, inTime, LIMIT } from "./in-time.ts";
import { leftovers, resources } from "./resources.ts";

const shared = sharedServer();
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
before(() => void process.on("unhandledRejection", note));
after(() => void process.off("unhandledRejection", note));

test("closing within the callback of a message ends the client, and no further message comes", async () => {
  const before = resources();
  const one = new Redis({ port: shared().port, clientName: "scene-callback" });
  const publisher = new Redis({ port: shared().port });
  let messages = 0;
  let closing: Promise<void> | null = null;
  await one.subscribe("lifecycle:last", () => {
    messages++;
    closing ??= one.close({ timeout: LIMIT });
  });
  const reading = one.get("lifecycle:k");
  // In one piece, so that the others are in the same chunk.
  const chain = publisher.pipeline();
  for (let index = 0; index < 20; index++) chain.publish("lifecycle:last", "x");
  await chain.exec();
  await until(() => closing !== null);
  await inTime([closing as unknown as Promise<void>], "the close");
  await reading;
  assert.equal(messages, 1);
  await publisher.close();
  await until(() => leftovers(before).length === 0, { what: "nothing is left" });
  assert.deepEqual(unhandled.splice(0), []);
});

test("closing from within every kind of callback neither throws nor hangs", async () => {
  await using proxy = await startProxy(shared());
  for (const how of ["close", "destroy"] as const) {
    const options = { port: proxy.port, reconnect: { minDelay: 5, maxDelay: 10 } } as const;
    const end = async (one: Redis): Promise<void> => (how === "close" ? one.close({ timeout: LIMIT }) : one.destroy());
    const inReply = new Redis(options);
    await inTime([inReply.ping().then(() => end(inReply))], "in a reply");
    const inTransaction = new Redis(options);
    await inTime([inTransaction.transaction("k", () => end(inTransaction))], "in a transaction");
    const inGap = new Redis(options);
    const ended = new Promise<void>((resolve, reject) => {
      void inGap
        .subscribe("lifecycle:gap", () => undefined, { onGap: () => void end(inGap).then(resolve, reject) })
        .then(() => proxy.cut());
    });
    await inTime([ended], "in a gap");
    const inIteration = new Redis(options);
    const subscription = await inIteration.subscribe("lifecycle:loop");
    await inIteration.publish("lifecycle:loop", "x");
    for await (const message of subscription) await end(inIteration).then(() => message);
    const inCredentials: Redis = new Redis({
      ...options,
      credentials: () => end(inCredentials).then(() => ({ password: "p" })),
    });
    const [first] = await inTime([inCredentials.ping()], "in credentials()");
    assert.equal(first?.status, "rejected");
    for (const one of [inReply, inTransaction, inGap, inIteration, inCredentials]) assertEmpty(one);
  }
  assert.deepEqual(unhandled.splice(0), []);
});
