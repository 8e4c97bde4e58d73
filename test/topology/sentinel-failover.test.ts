import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, RedisError, type SentinelOptions } from "../../src/index.ts";
import { startSentinels, type TestSentinels, type TestServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";
import { report } from "../faults/report.ts";
import { Load, type Failure } from "./load.ts";
import { Probe } from "./probe.ts";

/*
 * What a constant load notices when sentinels make another server the primary.
 *
 * Sentinel does not stop the old primary: what that acknowledges between the choice of the new one and the news of it is lost, whatever
 * a client does. So a counter is held against what can hold: an increment counts as done when WAIT has said that the replica, the only
 * one, has it too.
 */

/** The times are those of an idle machine plus what a busy one may add, ms. */
const SLACK = 1000;
const BUSY = 3000;

/** A primary that has lost its only replica refuses writes: it acknowledges little that is then lost. */
const SAFE = { "min-replicas-to-write": 1, "min-replicas-max-lag": 10 };

function connect(setup: TestSentinels, options: SentinelOptions = {}): Redis {
  const sentinels = setup.sentinels.map(({ host, port }) => ({ host, port }));
  return Redis.sentinel({ name: setup.name, sentinels }, options);
}

/** Increments that the replica has, too, and those of which that is not known. */
class SafeCounter {
  confirmed = 0;
  unconfirmed = 0;
  readonly #redis: Redis;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const results = await this.#redis
        .pipeline()
        .incr("safe")
        .wait(1, 300)
        .exec()
        .catch((error: unknown) => [error] as const);
      const [count, replicas] = results as readonly unknown[];
      if (typeof count === "number" && typeof replicas === "number" && replicas > 0) this.confirmed++;
      else if (!(count instanceof RedisError) || count.outcome === "unknown") this.unconfirmed++;
      await sleep(5);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    const value = Number(await this.#redis.get("safe"));
    const most = this.confirmed + this.unconfirmed;
    assert.ok(
      value >= this.confirmed && value <= most,
      `the counter is ${value}, expected ${this.confirmed} to ${most}`,
    );
    assert.ok(this.confirmed > 10, `${this.confirmed} increments were confirmed`);
  }
}

/** The time until a sentinel names a server other than `old` that says itself that it is the primary, asked by hand, ms. */
async function detectionTime(setup: TestSentinels, old: TestServer): Promise<number> {
  const began = performance.now();
  for (;;) {
    for (const sentinel of setup.sentinels) {
      using raw = await connectRaw(sentinel);
      const [, port] = (await raw.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", setup.name)) as [string, string];
      const server = setup.servers.find((each) => each.port === Number(port) && each !== old);
      if (server === undefined) continue;
      using named = await connectRaw(server);
      const [role] = (await named.command("ROLE")) as [string];
      if (role === "master") return performance.now() - began;
    }
    await sleep(20);
  }
}

function tell(row: number, name: string, what: string, recovery: number): void {
  report(import.meta.url, { row, name, what }, "under load", Math.max(0, Math.round(recovery)));
}

interface Outcome {
  readonly failures: readonly Failure[];
  /** The longest time from one successful write to the next, ms. */
  readonly longest: number;
}

async function underLoad(t: TestContext, redis: Redis, change: () => Promise<void>): Promise<Outcome> {
  const load = await Load.start(redis);
  const counter = new SafeCounter(redis);
  await sleep(300);
  const probe = new Probe(redis, "probe");
  await change();
  await sleep(500);
  const longest = await probe.stop();
  await counter.stop();
  const lost = await load.stop();
  const { failures, operations } = load;
  t.diagnostic(
    `${JSON.stringify(operations)}, ${failures.length} failed, ${lost} acknowledged and lost by the servers, ${counter.confirmed} confirmed by the replica`,
  );
  for (const kind of ["read", "count", "transaction", "pipeline", "push", "pop"])
    assert.ok((operations[kind] ?? 0) > 10, `${kind}: ${operations[kind] ?? 0} succeeded`);
  return { failures, longest };
}

describe("a failover under load", () => {
  test("SENTINEL FAILOVER: nobody notices", async (t) => {
    await using setup = await startSentinels({ config: SAFE });
    // The new primary refuses writes, too, until the old one has become its replica.
    await using redis = connect(setup, { commandTimeout: 20_000 });
    const old = await setup.primary();
    const { failures, longest } = await underLoad(t, redis, async () => {
      await setup.failover();
      await setup.settled();
    });
    assert.deepEqual(failures, []);
    t.diagnostic(`the longest time without a write: ${longest} ms`);
    tell(
      25,
      "SENTINEL FAILOVER",
      "no error; with `min-replicas-to-write` the new primary takes writes when it has a replica",
      longest,
    );
    const now = await setup.primary();
    assert.notEqual(now, old);
    // The old one comes back as a replica, with no connection of its time as the primary.
    const pools = await until(() => {
      const { nodes } = redis.stats();
      return Object.keys(nodes).length === 2 ? nodes : null;
    });
    assert.ok(pools !== null);
    assert.equal(pools[`${old.host}:${old.port}`]?.created, 0);
    assert.ok((pools[`${now.host}:${now.port}`]?.created ?? 0) > 0);
  });

  test("SENTINEL FAILOVER, writes without min-replicas-to-write: they go on at once", async (t) => {
    await using setup = await startSentinels();
    await using redis = connect(setup);
    await redis.ready();
    const counter = new SafeCounter(redis);
    const probe = new Probe(redis, "probe");
    await sleep(300);
    await setup.failover();
    await setup.settled();
    await sleep(300);
    const longest = await probe.stop();
    await counter.stop();
    t.diagnostic(`the longest time without a write: ${longest} ms`);
    assert.ok(longest <= SLACK + BUSY, `${longest} ms without a write`);
  });

  for (const [how, what] of [
    ["kill", "SIGKILL"],
    ["pause", "SIGSTOP"],
  ] as const) {
    test(`${what} of the primary: only what was under way fails, and it goes on a second after the sentinels' own failover`, async (t) => {
      await using setup = await startSentinels();
      await using redis = connect(setup);
      const old = await setup.primary();
      let own = 0;
      const { failures, longest } = await underLoad(t, redis, async () => {
        const detected = detectionTime(setup, old);
        if (how === "kill") await old.kill();
        else old.pause();
        own = await detected;
        await sleep(1500);
      });
      const others = failures.filter(({ outcome }) => outcome !== "unknown");
      assert.deepEqual(others, []);
      // Of reads, only those that stood in a pipeline with a write.
      assert.deepEqual(
        failures.filter((failure) => failure.what === "read" && !failure.message.includes("PIPELINE")),
        [],
      );
      t.diagnostic(`without a write for ${longest} ms, of which the sentinels took ${Math.round(own)} ms`);
      assert.ok(longest <= own + SLACK + BUSY, `${longest} ms without a write, the sentinels took ${own} ms`);
      tell(
        how === "kill" ? 16 : 15,
        `${what} of a primary that sentinels watch`,
        "only what was under way fails, as unknown; the rest waits for the new primary",
        longest - own,
      );
      if (how === "pause") old.resume();
    });
  }

  test("reads go on from replicas while there is no primary", async (t) => {
    await using setup = await startSentinels({ replicas: 2 });
    await using redis = connect(setup, { readFrom: "preferReplica" });
    await redis.set("k", "v");
    await until(async () => (await redis.get("k")) === "v");
    await redis.pipeline().set("k", "v").wait(2, 5000).exec();
    const old = await setup.primary();
    let longest = 0;
    let over = false;
    const reads = (async () => {
      while (!over) {
        const began = performance.now();
        assert.equal(await redis.get("k"), "v");
        longest = Math.max(longest, performance.now() - began);
        await sleep(5);
      }
    })();
    const detected = detectionTime(setup, old);
    await old.kill();
    await detected;
    await redis.set("k", "v");
    over = true;
    await reads;
    t.diagnostic(`the longest read took ${Math.round(longest)} ms`);
    assert.ok(longest < 1000, `a read took ${longest} ms, as long as the sentinels' silence before a failover`);
  });
});

describe("blocked pops", () => {
  async function blocked(setup: TestSentinels): Promise<TestServer> {
    const primary = await setup.primary();
    using raw = await connectRaw(primary);
    await until(async () => (await raw.info("clients"))["blocked_clients"] === "1");
    return primary;
  }

  test("one that waits on the old primary goes to the new one in a planned failover", async () => {
    await using setup = await startSentinels();
    await using redis = connect(setup);
    const popped = redis.blpop("jobs", 0);
    await blocked(setup);
    await setup.failover();
    await setup.settled();
    await redis.rpush("jobs", "work");
    assert.deepEqual(await popped, ["jobs", "work"]);
  });

  test("one that would wait for ever on a primary that has stopped ends, and says that nothing is known", async () => {
    await using setup = await startSentinels();
    await using redis = connect(setup);
    const popped = redis.blpop("jobs", 0);
    const old = await blocked(setup);
    const ended = assert.rejects(popped, { outcome: "unknown", command: "BLPOP" });
    old.pause();
    try {
      await ended;
    } finally {
      old.resume();
    }
  });
});

test("subscriptions follow the primary, and tell the gap", async () => {
  await using setup = await startSentinels();
  await using redis = connect(setup);
  const heard: string[] = [];
  const gaps: string[] = [];
  const onGap = ({ reason }: { reason: string }): void => void gaps.push(reason);
  await using _news = await redis.subscribe("news", ({ message }) => heard.push(message), { onGap });
  await redis.publish("news", "before");
  await until(() => heard.includes("before"));
  await setup.failover();
  await setup.settled();
  await until(() => gaps.length > 0);
  await until(async () => {
    await redis.publish("news", "after");
    return heard.includes("after");
  });
  const now = await setup.primary();
  assert.equal(redis.stats().nodes[`${now.host}:${now.port}`]?.subscribers, 1);
});

describe("a primary that was demoted behind the sentinels' backs", () => {
  async function demote(setup: TestSentinels): Promise<{ old: TestServer; now: TestServer }> {
    const old = await setup.primary();
    const [now] = await setup.replicas();
    assert.ok(now !== undefined);
    for (const sentinel of setup.sentinels) sentinel.pause();
    using toNow = await connectRaw(now);
    await toNow.command("REPLICAOF", "NO", "ONE");
    using toOld = await connectRaw(old);
    await toOld.command("REPLICAOF", now.host, now.port);
    return { old, now };
  }

  test("serves no read any more once it has refused a write; all is well again when the sentinels know it", async () => {
    await using setup = await startSentinels();
    await using redis = connect(setup);
    await redis.set("k", "v");
    await demote(setup);
    const write = redis.with({ timeout: 700 }).set("k", "w");
    await assert.rejects(write, {
      code: "ERR_COMMAND_TIMEOUT",
      message: /was the primary, and is none any more|none of the 3 sentinel/,
    });
    await assert.rejects(redis.with({ timeout: 300 }).get("k"), { code: "ERR_COMMAND_TIMEOUT", outcome: "not-sent" });
    for (const sentinel of setup.sentinels) sentinel.resume();
    await until(async () => (await redis.set("k", "x").catch(() => "")) === "OK", { timeout: 60_000 });
    assert.equal(await redis.get("k"), "x");
  });

  test("serves no read on a connection that was made since", async () => {
    await using setup = await startSentinels();
    await using redis = connect(setup);
    await redis.set("k", "v");
    const { old } = await demote(setup);
    using raw = await connectRaw(old);
    await raw.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    // A write on the old connection may still find it open: its end is what is waited for.
    await until(() => redis.stats().nodes[`${old.host}:${old.port}`]?.closedBecause["lost"] === 1);
    await assert.rejects(redis.with({ timeout: 700 }).get("k"), { code: "ERR_COMMAND_TIMEOUT", outcome: "not-sent" });
    for (const sentinel of setup.sentinels) sentinel.resume();
  });
});
