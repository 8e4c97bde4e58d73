import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, type Gap, type Message, type Subscription } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { assertSumRule, statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

const MESSAGES = 10_000;
const KILLS = 10;
const PIECE = 50;

interface Kind {
  readonly name: string;
  readonly publish: "PUBLISH" | "SPUBLISH";
  open(
    redis: Redis,
    listener: ((message: Message) => void) | undefined,
    onGap: (gap: Gap) => void,
  ): Promise<Subscription>;
}

const kinds: readonly Kind[] = [
  {
    name: "plain",
    publish: "PUBLISH",
    open: (redis, listener, onGap) => redis.subscribe("kill:plain", listener, { onGap }),
  },
  {
    name: "pattern",
    publish: "PUBLISH",
    open: (redis, listener, onGap) => redis.psubscribe("kill:p*n", listener, { onGap }),
  },
  {
    name: "sharded",
    publish: "SPUBLISH",
    open: (redis, listener, onGap) => redis.ssubscribe("kill:sharded", listener, { onGap }),
  },
];

interface Sent {
  /** How many subscribers the server gave each message to, by its number. */
  readonly takers: number[];
  /** The number of the first message after each kill. */
  readonly kills: number[];
}

/** Publishes numbered messages without a pause, and kills the subscriber's connection on the way. */
async function publishAndKill(raw: RawClient, kind: Kind): Promise<Sent> {
  const sent: Sent = { takers: [], kills: [] };
  const channel = `kill:${kind.name}`;
  for (let next = 0; next < MESSAGES || sent.kills.length < KILLS; next += PIECE) {
    const piece = Array.from({ length: PIECE }, (_, index) => raw.command(kind.publish, channel, next + index));
    const takers = (await Promise.all(piece)).map(Number);
    sent.takers.push(...takers);
    const due = sent.kills.length < KILLS && next >= sent.kills.length * (MESSAGES / (KILLS + 1));
    // Only a subscriber that has been back for a whole piece is killed again.
    if (!due || takers.includes(0)) continue;
    assert.equal(await raw.command("CLIENT", "KILL", "TYPE", "pubsub"), 1);
    sent.kills.push(next + PIECE);
  }
  return sent;
}

for (const kind of kinds) {
  test(`10,000 ${kind.name} messages and ten kills: each is told as a gap, nothing comes twice, all others come`, async () => {
    await using redis = new Redis(server().url, { reconnect: { minDelay: 1, maxDelay: 5 } });
    using raw = await connectRaw(server());
    const got: number[] = [];
    const gaps: { at: number; gap: Gap }[] = [];
    await using subscription = await kind.open(
      redis,
      ({ message }) => void got.push(Number(message)),
      (gap) => void gaps.push({ at: got.length, gap }),
    );
    const { takers, kills } = await publishAndKill(raw, kind);
    assert.equal(kills.length, KILLS);
    await until(() => gaps.length === KILLS);
    // The connection that stands now carries a last message, and everything before it has come by then.
    const last = takers.length;
    await until(async () => (await raw.command(kind.publish, `kill:${kind.name}`, last)) === 1);
    await until(() => got.at(-1) === last);

    assert.equal(subscription.gaps, KILLS);
    for (const { gap } of gaps) assert.ok(gap.reason === "lost" && gap.cause instanceof Error && gap.at > 0);
    for (let index = 1; index < got.length; index++)
      assert.ok((got[index] ?? 0) > (got[index - 1] ?? 0), "in order, and nothing twice");
    const arrived = new Set(got);
    const missed = takers.flatMap((taker, number) => (taker === 1 && !arrived.has(number) ? [number] : []));
    // What the server handed to a connection may end with it: only then, and each time a gap was told.
    for (const number of missed)
      assert.ok(
        kills.some((kill) => number < kill && number >= kill - 4 * PIECE),
        `message ${number} was lost without a kill`,
      );
    for (const [number, taker] of takers.entries()) if (taker === 0) assert.ok(!arrived.has(number));
    for (const [index, kill] of kills.entries()) {
      const next = kills[index + 1] ?? Infinity;
      assert.ok(
        got.some((number) => number >= kill && number < next),
        `messages come again after kill ${index}`,
      );
    }
    assertSumRule(statsOf(redis), 50);
    assert.equal(statsOf(redis).subscribers, 1);
  });
}

test("an iteration over the messages goes on over ten kills, and knows of its gaps", async () => {
  await using redis = new Redis(server().url, { reconnect: { minDelay: 1, maxDelay: 5 } });
  using raw = await connectRaw(server());
  await using subscription = await redis.subscribe("kill:iterated");
  let kills = 0;
  const publishing = (async () => {
    for (; kills < KILLS; kills++) {
      await until(async () => (await raw.command("PUBLISH", "kill:iterated", kills)) === 1);
      assert.equal(await raw.command("CLIENT", "KILL", "TYPE", "pubsub"), 1);
      await until(() => subscription.gaps === kills + 1);
    }
    await until(async () => (await raw.command("PUBLISH", "kill:iterated", "end")) === 1);
  })();
  const got: string[] = [];
  for await (const { message } of subscription) {
    if (message === "end") break;
    got.push(message);
  }
  await publishing;
  assert.equal(subscription.gaps, KILLS);
  assert.equal(new Set(got).size, got.length, "nothing twice");
});

test("every subscription of the client is told of the kill of their one connection, and none that is closed", async () => {
  await using redis = new Redis(server().url, { reconnect: { minDelay: 1, maxDelay: 5 } });
  using raw = await connectRaw(server());
  const told: string[] = [];
  const open = async (name: string): Promise<Subscription> =>
    redis.subscribe([name, "kill:common"], () => undefined, { onGap: () => void told.push(name) });
  const [first, second, third] = [await open("kill:a"), await open("kill:b"), await open("kill:c")];
  await third.close();
  assert.equal(await raw.command("CLIENT", "KILL", "TYPE", "pubsub"), 1);
  await until(async () => (await raw.command("PUBLISH", "kill:common", "x")) === 1);
  assert.deepEqual(told, ["kill:a", "kill:b"]);
  assert.deepEqual([first.gaps, second.gaps, third.gaps], [1, 1, 0]);
  assert.equal(await raw.command("PUBLISH", "kill:c", "x"), 0);
});
