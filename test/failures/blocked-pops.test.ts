import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

/** A blocking command under test: who takes elements, who adds them, and where they can be found afterwards. */
interface Pop {
  readonly name: string;
  prepare?(raw: RawClient, key: string): Promise<unknown>;
  take(redis: Redis, key: string): Promise<string | null>;
  add(raw: RawClient, key: string, elements: readonly string[]): Promise<unknown>;
  /** Elements that nobody has taken, or that were taken for a caller who was not told. */
  rest(raw: RawClient, key: string): Promise<string[]>;
  /** Elements that the server has given away; undefined where it does not remember them. */
  given?(raw: RawClient, key: string): Promise<string[]>;
}

const list = (raw: RawClient, key: string): Promise<string[]> => raw.command("LRANGE", key, 0, -1) as Promise<string[]>;
const push = (raw: RawClient, key: string, elements: readonly string[]): Promise<unknown> =>
  raw.command("RPUSH", key, ...elements);

const pops: readonly Pop[] = [
  { name: "BLPOP", take: async (redis, key) => (await redis.blpop(key, 0))?.[1] ?? null, add: push, rest: list },
  {
    name: "BRPOP",
    take: async (redis, key) => (await redis.brpop([`${key}:none`, key], 0))?.[1] ?? null,
    add: push,
    rest: list,
  },
  {
    name: "BLMOVE",
    take: (redis, key) => redis.blmove(key, `${key}:taken`, "LEFT", "RIGHT", 0),
    add: push,
    rest: list,
    given: (raw, key) => list(raw, `${key}:taken`),
  },
  {
    name: "BZPOPMIN",
    take: async (redis, key) => {
      const popped: unknown = await redis.bzpopmin(key, 0);
      return Array.isArray(popped) ? String(popped[1]) : null;
    },
    add: (raw, key, elements) => raw.command("ZADD", key, ...elements.flatMap((element, i) => [i, element])),
    rest: (raw, key) => raw.command("ZRANGE", key, 0, -1) as Promise<string[]>,
  },
  {
    name: "XREADGROUP",
    prepare: (raw, key) => raw.command("XGROUP", "CREATE", key, "g", "0", "MKSTREAM"),
    take: async (redis, key) => {
      const reply = await redis.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "BLOCK", 0, "STREAMS", key, ">");
      return reply === null
        ? null
        : (/n\d+-\d+/.exec(JSON.stringify(reply))?.[0] ?? assert.fail(JSON.stringify(reply)));
    },
    add: async (raw, key, elements) =>
      Promise.all(elements.map((element) => raw.command("XADD", key, "*", "e", element))),
    rest: async (raw, key) => {
      const unread = (await raw.command(
        "XREADGROUP",
        "GROUP",
        "g",
        "rest",
        "COUNT",
        10_000,
        "STREAMS",
        key,
        ">",
      )) as unknown;
      return JSON.stringify(unread).match(/n\d+-\d+/g) ?? [];
    },
    given: async (raw, key) => {
      const pending = (await raw.command(
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "COUNT",
        10_000,
        "STREAMS",
        key,
        "0",
      )) as unknown;
      return JSON.stringify(pending).match(/n\d+-\d+/g) ?? [];
    },
  },
];

/** A producer that adds an element now and then until it is stopped, and the account at the end. */
class Account {
  readonly delivered: string[] = [];
  readonly pushed: string[] = [];
  rejected = 0;
  #stopped = false;
  #producing: Promise<void> = Promise.resolve();

  static async open(pop: Pop, raw: RawClient): Promise<Account> {
    const account = new Account(pop, raw, `${pop.name}:${Math.random()}`);
    await pop.prepare?.(raw, account.key);
    account.#producing = account.#produce();
    return account;
  }

  readonly pop: Pop;
  readonly raw: RawClient;
  readonly key: string;
  private constructor(pop: Pop, raw: RawClient, key: string) {
    this.pop = pop;
    this.raw = raw;
    this.key = key;
  }

  async #produce(): Promise<void> {
    while (!this.#stopped) {
      const count = 1 + Math.floor(Math.random() * 3);
      const elements = Array.from(
        { length: count },
        (_, i) => `n${this.pushed.length + i}-${Math.floor(Math.random() * 1e6)}`,
      );
      this.pushed.push(...elements);
      await this.pop.add(this.raw, this.key, elements);
      if (Math.random() < 0.7) await sleep(Math.random() * 3);
    }
  }

  /** One take whose end is not the test's business, but whose element is. */
  async take(redis: Redis): Promise<void> {
    try {
      const element = await this.pop.take(redis, this.key);
      if (element !== null) this.delivered.push(element);
    } catch {
      this.rejected++;
    }
  }

  async settle(): Promise<void> {
    this.#stopped = true;
    await this.#producing;
    const { pop, raw, key } = this;
    const given = await pop.given?.(raw, key);
    const rest = await pop.rest(raw, key);
    assert.deepEqual([...this.delivered, ...rest].sort(), [...this.pushed].sort(), "delivered + remaining = pushed");
    if (given !== undefined)
      assert.deepEqual(given.sort(), [...this.delivered].sort(), "whatever was given was delivered");
    assert.ok(this.rejected > 0, "no take was ever ended early");
    assert.ok(this.delivered.length > 0, "no take ever got an element");
  }
}

const LANES = 8;

/** A link with some way to go, so that elements are on it when the take ends. */
async function longLink(): Promise<Proxy> {
  const proxy = await startProxy({ port: server().port });
  proxy.delay(2);
  return proxy;
}

async function race(rounds: number, one: () => Promise<void>): Promise<void> {
  let left = rounds;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

for (const pop of pops) {
  test(`an aborted ${pop.name} never swallows an element`, async () => {
    await using link = await longLink();
    await using redis = new Redis({ host: link.host, port: link.port, maxConnections: LANES + 2 });
    using raw = await connectRaw(server());
    const account = await Account.open(pop, raw);
    await race(600, async () => {
      const cancel = new AbortController();
      const taken = account.take(redis.with({ signal: cancel.signal }));
      if (Math.random() < 0.5) await sleep(Math.random() * 10);
      else for (let turns = Math.floor(Math.random() * 6); turns > 0; turns--) await nextTurn();
      cancel.abort();
      await taken;
    });
    await account.settle();
  });

  test(`a timed-out ${pop.name} never swallows an element`, async () => {
    await using link = await longLink();
    await using redis = new Redis({ host: link.host, port: link.port, maxConnections: LANES + 2 });
    using raw = await connectRaw(server());
    const account = await Account.open(pop, raw);
    await race(500, () =>
      account.take(redis.with({ timeout: Math.random() < 0.5 ? 8 + Math.random() * 8 : 60 + Math.random() * 8 })),
    );
    await account.settle();
  });

  test(`a ${pop.name} that is blocked when its client is closed never swallows an element`, async () => {
    await using link = await longLink();
    using raw = await connectRaw(server());
    const account = await Account.open(pop, raw);
    for (let round = 0; round < 40; round++) {
      const redis = new Redis({ host: link.host, port: link.port, maxConnections: 10 });
      const taken = Array.from({ length: 9 }, () => account.take(redis));
      if (round % 2 === 0) await Promise.race([...taken, sleep(500)]);
      await sleep(Math.random() * 12);
      await redis.close();
      await Promise.all(taken);
    }
    await account.settle();
  });
}

test("an abort while the server stands still waits for its answer instead of dropping what it gives", async () => {
  await using own = await startServer();
  await using redis = new Redis({ port: own.port });
  using raw = await connectRaw(own);
  const keys = Array.from({ length: 10 }, (_, i) => `still:${i}`);
  const cancel = new AbortController();
  const view = redis.with({ signal: cancel.signal });
  const taken = Promise.allSettled(keys.map((key) => view.blpop(key, 0)));
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "10");
  own.pause();
  const pushed = keys.map((key) => raw.command("RPUSH", key, "job"));
  await sleep(20);
  cancel.abort(new Error("shutting down"));
  await sleep(1500);
  own.resume();
  await Promise.all(pushed);
  const delivered = (await taken).filter((one) => one.status === "fulfilled" && one.value !== null).length;
  const left = await Promise.all(keys.map((key) => raw.command("LLEN", key)));
  assert.equal(delivered + left.reduce<number>((sum, count) => sum + Number(count), 0), 10);
});
