import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  startSentinels,
  type StartSentinelsOptions,
  type TestSentinels,
  type TestServer,
} from "../../src/testing/index.ts";
import { isAlive } from "../support/processes.ts";
import { connectRaw, type RawReply } from "../support/raw-client.ts";

async function ask(server: TestServer, ...words: string[]): Promise<RawReply> {
  using raw = await connectRaw({ path: server.path, password: server.password });
  return await raw.command(...words);
}

/** What sentinels tell clients of the primary's address. */
function addresses(setup: TestSentinels): Promise<RawReply[]> {
  return Promise.all(setup.sentinels.map((one) => ask(one, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", setup.name)));
}

async function role(server: TestServer): Promise<unknown> {
  return ((await ask(server, "ROLE")) as RawReply[])[0];
}

function first<T>(list: readonly T[]): T {
  const [one] = list;
  assert.ok(one !== undefined);
  return one;
}

describe("three sentinels, a primary and two replicas", () => {
  let setup: TestSentinels;
  before(async () => {
    setup = await startSentinels({ replicas: 2, name: "cache.main-1", downAfter: 800 });
  });
  after(() => setup.stop());

  test("every sentinel names the primary, and knows the replicas and the other sentinels", async () => {
    const primary = await setup.primary();
    assert.equal(primary, setup.servers[0]);
    assert.deepEqual(await setup.replicas(), setup.servers.slice(1));
    assert.deepEqual(await addresses(setup), Array(3).fill(["127.0.0.1", String(primary.port)]));
    for (const sentinel of setup.sentinels) {
      const fields = (await ask(sentinel, "SENTINEL", "MASTER", "cache.main-1")) as string[];
      const field = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
      assert.equal(field("num-slaves"), "2");
      assert.equal(field("num-other-sentinels"), "2");
      assert.equal(field("quorum"), "2");
      assert.equal(field("down-after-milliseconds"), "800");
      assert.equal(sentinel.url, `redis://127.0.0.1:${sentinel.port}`);
    }
    await ask(primary, "SET", "k", "v");
    await ask(primary, "WAIT", "2", "5000");
    for (const replica of await setup.replicas()) assert.equal(await ask(replica, "GET", "k"), "v");
  });

  test("after a failover every sentinel names the new primary, and the old one follows it once all is settled", async () => {
    const old = await setup.primary();
    await setup.failover();
    const primary = await setup.primary();
    assert.notEqual(primary, old);
    assert.equal(await role(primary), "master");
    assert.deepEqual(await addresses(setup), Array(3).fill(["127.0.0.1", String(primary.port)]));
    await setup.settled();
    assert.equal(await role(old), "slave");
    assert.equal((await setup.replicas()).length, 2);
    assert.equal(await ask(primary, "GET", "k"), "v");
  });

  test("a primary that is killed is replaced, and is a replica when it comes back", async () => {
    const old = await setup.primary();
    await old.kill();
    await setup.settled();
    const primary = await setup.primary();
    assert.notEqual(primary, old);
    await old.restart();
    await setup.settled();
    assert.equal(await setup.primary(), primary);
    assert.equal(await role(old), "slave");
  });

  test("a sentinel that is away during a failover learns of it when it is back", async () => {
    const [paused, killed] = setup.sentinels;
    assert.ok(paused !== undefined && killed !== undefined);
    paused.pause();
    await setup.failover();
    paused.resume();
    await setup.settled();
    const id = await ask(killed, "SENTINEL", "MYID");
    await killed.kill();
    await setup.failover();
    await killed.restart();
    await setup.settled();
    assert.equal(await ask(killed, "SENTINEL", "MYID"), id);
    const primary = await setup.primary();
    assert.deepEqual(await addresses(setup), Array(3).fill(["127.0.0.1", String(primary.port)]));
  });
});

test("with TLS and a password each for servers and sentinels, a failover works, and stopping ends every process", async () => {
  const setup = await startSentinels({ tls: true, password: "p@ss\\#wörd", sentinelPassword: "other#:/" });
  const pids = [...setup.sentinels, ...setup.servers].map((server) => server.pid ?? 0);
  assert.ok(setup.tls !== undefined);
  assert.equal(setup.name, "mymaster");
  for (const server of setup.servers) assert.equal(server.password, setup.password);
  for (const sentinel of setup.sentinels) {
    assert.equal(sentinel.password, setup.sentinelPassword);
    using stranger = await connectRaw({ port: sentinel.port, tls: { ca: setup.tls.ca } });
    await assert.rejects(stranger.command("SENTINEL", "MYID"), /NOAUTH/);
  }
  await setup.failover();
  const primary = await setup.primary();
  assert.equal(primary, setup.servers[1]);
  const { port, password } = primary;
  using raw = await connectRaw({ port, tls: { ca: setup.tls.ca }, password });
  assert.equal(first((await raw.command("ROLE")) as RawReply[]), "master");

  await Promise.all(setup.servers.map((server) => server.kill()));
  await assert.rejects(setup.primary(), {
    code: "ERR_SERVER_TOPOLOGY",
    message: `the sentinels name 127.0.0.1:${port}, which does not answer: wait for settled()`,
  });
  await assert.rejects(setup.settled(100), {
    code: "ERR_SERVER_TOPOLOGY",
    message: `settling took more than 100 ms: the primary 127.0.0.1:${port} does not answer`,
  });
  await Promise.all(setup.sentinels.map((sentinel) => sentinel.kill()));
  await assert.rejects(setup.settled(1), /no sentinel answers/);
  await Promise.all([setup.stop(), setup.stop()]);
  assert.deepEqual(
    pids.filter((pid) => isAlive(pid)),
    [],
  );
});

test("options that cannot be meant are refused before anything is started", async () => {
  const wrong: [StartSentinelsOptions, RegExp][] = [
    [{ sentinels: 0 }, /sentinels should be a whole number of at least 1, got 0/],
    [{ replicas: 0.5 }, /replicas should be a whole number of at least 0, got 0\.5/],
    [{ quorum: 4 }, /quorum should be at most the 3 sentinels, got 4/],
    [{ downAfter: 0 }, /downAfter should be a whole number of at least 100, got 0/],
    [{ name: "my master" }, /name should have only letters, digits and \.-_, got "my master"/],
    [{ password: "" }, /password should not be empty/],
    [{ password: "a b" }, /password should have no white space and no quotes/],
    [{ sentinelPassword: '"' }, /sentinelPassword should have no white space and no quotes/],
    [{ config: { replicaof: "127.0.0.1 1" } }, /is set by startSentinels itself; option to use: none/],
    [{ config: { port: 1 } }, /config\["port"\] is set by startServer itself/],
  ];
  for (const [options, message] of wrong) {
    await assert.rejects(startSentinels(options), { name: "TestServerError", code: "ERR_SERVER_OPTIONS", message });
  }
});
