import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rows } from "../../src/commands/table.generated.ts";
import { commandSpec } from "../../src/commands/table.ts";
import { ConnectionPool, OptionsError, Redis, ServerError, type ReadFrom, type RedisOptions } from "../../src/index.ts";
import { startFaultProxy, startServer, type TestServer } from "../../src/testing/index.ts";
import { isReadable } from "../../src/topology/readable.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

/** A server that follows another one, when it does. */
async function startReplica(primary: TestServer, config: Record<string, string> = {}): Promise<TestServer> {
  const replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}`, ...config } });
  using raw = await connectRaw(replica);
  await until(async () => (await raw.info("replication"))["master_link_status"] === "up");
  return replica;
}

/** How often a server has run a command. */
async function calls(raw: RawClient, command: string): Promise<number> {
  const line = (await raw.info("commandstats"))[`cmdstat_${command}`] ?? "";
  return Number(/calls=(\d+)/.exec(line)?.[1] ?? 0);
}

function place({ host, port }: { host: string; port: number }): { host: string; port: number } {
  return { host, port };
}

describe("a primary and two replicas", () => {
  let servers: TestServer[];
  let raws: RawClient[];
  before(async () => {
    const primary = await startServer({ config: { "repl-diskless-sync-delay": 0 } });
    servers = [primary, ...(await Promise.all([startReplica(primary), startReplica(primary)]))];
    raws = await Promise.all(servers.map((server) => connectRaw(server)));
  });
  after(async () => {
    for (const raw of raws) raw.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  function client(readFrom: ReadFrom, more: RedisOptions = {}): Redis {
    const [primary, ...replicas] = servers as [TestServer, TestServer, TestServer];
    return new Redis({ ...place(primary), replicas: replicas.map(place), readFrom, ...more });
  }

  async function counted(command: string, work: () => Promise<void>): Promise<number[]> {
    const counts = await Promise.all(raws.map((raw) => calls(raw, command)));
    await work();
    const now = await Promise.all(raws.map((raw) => calls(raw, command)));
    return now.map((count, index) => count - (counts[index] ?? 0));
  }

  /** Written, and with both replicas. */
  async function written(redis: Redis, key: string): Promise<void> {
    const [, passedOn] = await redis.pipeline().set(key, "v").wait(2, 5000).exec();
    assert.equal(passedOn, 2);
  }

  test("a view can read from the primary", async () => {
    await using redis = client("replica");
    await written(redis, "view");
    const counts = await counted("get", async () => {
      const sure = redis.with({ readFrom: "primary", timeout: 2000 });
      for (let n = 0; n < 10; n++) assert.equal(await sure.get("view"), "v");
      assert.equal(await redis.get("view"), "v");
    });
    assert.equal(counts[0], 10);
    assert.equal((counts[1] ?? 0) + (counts[2] ?? 0), 1);
  });

  test("reads go round among the replicas, writes and questions without a key to the primary", async () => {
    for (const readFrom of ["replica", "preferReplica"] as const) {
      await using redis = client(readFrom);
      await written(redis, "k");
      const gets = await counted("get", async () => {
        for (let index = 0; index < 20; index++) assert.equal(await redis.get("k"), "v");
      });
      assert.equal(gets[0], 0, `${readFrom}: ${gets.join()}`);
      assert.ok((gets[1] ?? 0) > 2 && (gets[2] ?? 0) > 2, `${readFrom}: ${gets.join()}`);
      assert.deepEqual(await counted("dbsize", async () => void (await redis.dbsize())), [1, 0, 0]);
    }
  });

  test("without readFrom, and with readFrom: primary, no replica is even connected to", async () => {
    await using redis = client("primary");
    await redis.set("k", "v");
    assert.deepEqual(await counted("get", async () => void (await redis.get("k"))), [1, 0, 0]);
    const [, ...others] = Object.values(redis.stats().nodes);
    assert.deepEqual(
      others.map(({ created }) => created),
      [0, 0],
    );
  });

  test("what reads for us and is a write for the server goes to the primary", async () => {
    const raw = raws[0] as RawClient;
    const refused: string[] = [];
    for (const [name] of rows) {
      const spec = commandSpec(name);
      if (spec === undefined || spec.effect !== "read" || spec.keys.length === 0 || name.includes(" ")) continue;
      const [info] = (await raw.command("COMMAND", "INFO", name)) as [unknown[] | null];
      if (info !== null && (info[2] as unknown[]).map(String).includes("write")) refused.push(name);
    }
    assert.ok(refused.includes("SORT"));
    const readable = refused.filter((name) => {
      const command = commandSpec(name);
      return command !== undefined && isReadable(command.buildFlat(["key", "1", "2"]));
    });
    assert.deepEqual(readable, []);
    await using redis = client("replica");
    await redis.del("list");
    await redis.rpush("list", 2, 1);
    assert.deepEqual(await redis.sort("list"), ["1", "2"]);
  });

  test("a pipeline goes to a replica if all of it reads, and to the primary otherwise", async () => {
    await using redis = client("replica");
    await written(redis, "k");
    const reads = await counted("get", async () => {
      assert.deepEqual(await redis.pipeline().get("k").get("k").exec(), ["v", "v"]);
    });
    assert.equal(reads[0], 0);
    assert.equal((reads[1] ?? 0) + (reads[2] ?? 0), 2);
    const mixed = await counted("get", async () => {
      assert.deepEqual(await redis.pipeline().get("k").incr("n").exec(), ["v", 1]);
    });
    assert.deepEqual(mixed, [1, 0, 0]);
    const all = await counted("get", async () => {
      assert.deepEqual(await redis.multi().set("k", "w").get("k").exec(), ["OK", "w"]);
    });
    assert.deepEqual(all, [1, 0, 0]);
  });

  test("scans, transactions, leases and subscriptions are the primary's", async () => {
    await using redis = client("replica");
    await redis.set("scanned", "1");
    const keys: string[] = [];
    for await (const key of redis.scanIterator()) keys.push(key);
    assert.ok(keys.includes("scanned"));
    const result = await redis.transaction("counted", async (tx) => {
      const value = Number((await tx.get("counted")) ?? 0);
      return tx.multi().set("counted", value + 1);
    });
    assert.deepEqual(result, ["OK"]);
    await using subscription = await redis.subscribe("news");
    await redis.publish("news", "hello");
    for await (const { message } of subscription) {
      assert.equal(message, "hello");
      break;
    }
  });

  test("nearest is the one that answers fastest, the primary among them", async () => {
    const [primary, ...replicas] = servers as [TestServer, TestServer, TestServer];
    await using far = await startFaultProxy(primary);
    await using farToo = await startFaultProxy(replicas[0]);
    for (const proxy of [far, farToo]) proxy.inject("delay", { ms: 20 });
    const near = place(replicas[1]);
    await using redis = new Redis({
      host: far.host,
      port: far.port,
      replicas: [place(farToo), near],
      readFrom: "nearest",
    });
    await redis.get("k");
    // Round trips are measured with the first command.
    await until(async () => {
      const gets = await counted("get", async () => {
        for (let index = 0; index < 5; index++) await redis.get("k");
      });
      return gets[2] === 5;
    });
  });

  test("the options tell what is wrong with them", () => {
    const refusal = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        assert.ok(error instanceof OptionsError);
        return error.message;
      }
      assert.fail("it was accepted");
    };
    assert.match(
      refusal(() => new Redis({ readFrom: "replica" })),
      /readFrom "replica" is refused.*pass replicas/,
    );
    assert.match(
      refusal(() => new ConnectionPool({ readFrom: "nearest" })),
      /one server: use new Redis\(\)/,
    );
    assert.match(
      refusal(() => new ConnectionPool({ replicas: [{ port: 1 }] })),
      /replicas is refused/,
    );
    assert.match(
      refusal(() => new Redis({ replicas: [{ host: "localhost" }] })),
      /replicas\[0\] is the server itself/,
    );
    assert.match(
      refusal(() => new Redis({ replicas: ["rediss://b"] })),
      /asks for TLS.*set tls/,
    );
    assert.match(
      refusal(() => new Redis({ replicas: ["redis://:pw@b"] })),
      /where a node is and no more/,
    );
    assert.match(
      refusal(() => new Redis({ replicas: {} as never })),
      /an array of URLs/,
    );
  });
});

describe("replicas in trouble", () => {
  test("reads go to the primary while the only replica is down, and back to it later", async () => {
    await using primary = await startServer({ config: { "repl-diskless-sync-delay": 0 } });
    await using replica = await startReplica(primary);
    await using redis = new Redis({
      ...place(primary),
      replicas: [place(replica)],
      readFrom: "preferReplica",
      reconnect: { maxDelay: 100 },
    });
    await redis.pipeline().set("k", "v").wait(1, 5000).exec();
    assert.equal(await redis.get("k"), "v");
    await replica.kill();
    for (let index = 0; index < 50; index++) assert.equal(await redis.get("k"), "v");
    await replica.restart();
    using raw = await connectRaw(replica);
    await until(async () => (await raw.info("replication"))["master_link_status"] === "up", { timeout: 15_000 });
    await until(async () => {
      await redis.get("k");
      return (await calls(raw, "get")) > 0;
    });
  });

  test("reads that hang on a replica that has stopped are read elsewhere", async () => {
    await using primary = await startServer({ config: { "repl-diskless-sync-delay": 0 } });
    await using replica = await startReplica(primary);
    await using redis = new Redis({ ...place(primary), replicas: [place(replica)], readFrom: "preferReplica" });
    await redis.pipeline().set("k", "v").wait(1, 5000).exec();
    assert.equal(await redis.get("k"), "v");
    replica.pause();
    try {
      const reads = await Promise.all(Array.from({ length: 20 }, () => redis.get("k")));
      assert.deepEqual(new Set(reads), new Set(["v"]));
      const { closedBecause } = redis.stats().nodes[`${replica.host}:${replica.port}`] as { closedBecause: object };
      assert.deepEqual(closedBecause, { replaced: 1 });
    } finally {
      replica.resume();
    }
  });

  test("with readFrom: replica, reads wait for one that is down, and do not go to the primary", async () => {
    await using primary = await startServer({ config: { "repl-diskless-sync-delay": 0 } });
    await using replica = await startReplica(primary);
    await using redis = new Redis({
      ...place(primary),
      replicas: [place(replica)],
      readFrom: "replica",
      reconnect: { maxDelay: 100 },
    });
    await redis.pipeline().set("k", "v").wait(1, 5000).exec();
    await replica.kill();
    await assert.rejects(redis.with({ timeout: 300 }).get("k"), { code: "ERR_COMMAND_TIMEOUT" });
    const read = redis.with({ timeout: 20_000 }).get("k");
    await replica.restart();
    assert.match(String(await read), /^(v|null)$/); // a fresh replica is empty until it has synchronized
    using raw = await connectRaw(primary);
    assert.equal(await calls(raw, "get"), 0);
  });

  test("a replica that cannot serve at the moment is avoided for a while", async () => {
    await using primary = await startServer({ config: { "repl-diskless-sync-delay": 0 } });
    await using replica = await startReplica(primary, { "replica-serve-stale-data": "no" });
    await using redis = new Redis({ ...place(primary), replicas: [place(replica)], readFrom: "preferReplica" });
    await redis.set("k", "v");
    using raw = await connectRaw(replica);
    await raw.command("REPLICAOF", "127.0.0.1", 1); // from now on: MASTERDOWN
    for (let index = 0; index < 100; index++) assert.equal(await redis.get("k"), "v");
    using own = await connectRaw(primary);
    assert.ok((await calls(own, "get")) > 50);
  });
});

describe("a server that is demoted, and nobody who looks for the new primary", () => {
  for (const how of ["one server", "replicas by hand"] as const) {
    test(`${how}: the error says what has happened and what to do`, async () => {
      await using server = await startServer();
      await using other = await startServer();
      await using redis = new Redis({
        ...place(server),
        ...(how === "one server" ? {} : { replicas: [place(other)], readFrom: "preferReplica" as const }),
        retry: { maxDelay: 20 },
      });
      await redis.set("k", "v");
      using raw = await connectRaw(server);
      await raw.command("REPLICAOF", "127.0.0.1", 1);
      const told = (error: unknown): boolean => {
        assert.ok(error instanceof ServerError);
        assert.equal(error.outcome, "rejected");
        assert.match(error.message, /^READONLY .*; 127\.0\.0\.1:\d+ is a replica now: connect to its primary, or use/);
        return true;
      };
      await assert.rejects(redis.set("k", "w"), told);
      await assert.rejects(redis.multi().set("k", "w").exec(), told);
      const [result] = await redis.pipeline().set("k", "w").exec();
      told(result);
      await using lease = await redis.lease();
      await assert.rejects(lease.set("k", "w"), told);
    });
  }
});
