import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis, ServerError } from "../../src/index.ts";
import { startSentinels, startServer } from "../../src/testing/index.ts";
import { report } from "../faults/report.ts";
import { connectRaw } from "../support/raw-client.ts";
import type { ScriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/wait.ts";
import { place, startFakeSentinel, type Told } from "./fake-sentinel.ts";

test("a replica that a sentinel is not connected to yet is a member soon after; one that is down is none", async () => {
  await using primary = await startServer();
  await using replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
  const told: Told = { primary: place(primary), replicas: [place(replica)] };
  const view = { told: { ...told, flags: "s_down,slave,disconnected" } };
  await using sentinel = await startFakeSentinel(() => view.told);
  const sentinels = [{ port: sentinel.port }];
  const looks = (): number => sentinel.received.filter(({ command }) => command[1] === "REPLICAS").length;
  {
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 500 });
    await redis.ready();
    await until(() => looks() > 2);
    assert.deepEqual(Object.keys(redis.stats().nodes), [`127.0.0.1:${primary.port}`]);
  }
  // Without periodic looks, and without news.
  view.told = { ...told, flags: "slave,disconnected" };
  await using late = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 0 });
  const before = looks();
  await late.ready();
  // One look for the first command, and one when the subscription for news stands.
  await until(() => looks() > before + 2, { timeout: 20_000 });
  assert.deepEqual(Object.keys(late.stats().nodes), [`127.0.0.1:${primary.port}`]);
  view.told = { ...told, flags: "slave" };
  await until(() => Object.keys(late.stats().nodes).length === 2, { timeout: 20_000 });
});

test("a replica that only one of the sentinels has found yet is a member; one that most hold to be down is none", async () => {
  await using primary = await startServer();
  await using replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
  const known: Told = { primary: place(primary), replicas: [place(replica)] };
  const down: Told = { ...known, flags: "s_down,slave" };
  const unknown: Told = { primary: place(primary) };
  const views = [unknown, unknown, known];
  await using first = await startFakeSentinel(() => views[0] as Told);
  await using second = await startFakeSentinel(() => views[1] as Told);
  await using third = await startFakeSentinel(() => views[2] as Told);
  const nodes = async (): Promise<number> => {
    const sentinels = [first, second, third].map(({ port }) => ({ port }));
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 0 });
    await redis.ready();
    return Object.keys(redis.stats().nodes).length;
  };
  // They are asked in a random order, and answer in any.
  for (let round = 0; round < 6; round++) assert.equal(await nodes(), 2);
  views.splice(0, 3, down, known, known);
  for (let round = 0; round < 3; round++) assert.equal(await nodes(), 2);
  views.splice(0, 3, down, down, known);
  for (let round = 0; round < 3; round++) assert.equal(await nodes(), 1);
});

test("while sentinels do not agree on a replica they are asked again, and not for ever", async () => {
  await using primary = await startServer();
  await using replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
  const known: Told = { primary: place(primary), replicas: [place(replica)] };
  const down: Told = { ...known, flags: "s_down,slave" };
  const views = [known, down];
  await using first = await startFakeSentinel(() => views[0] as Told);
  await using second = await startFakeSentinel(() => views[1] as Told);
  const looks = (): number => first.received.filter(({ command }) => command[1] === "REPLICAS").length;
  const sentinels = [first, second].map(({ port }) => ({ port }));
  const options = { refreshInterval: 0 };
  {
    await using redis = Redis.sentinel({ name: "m", sentinels }, options);
    await redis.ready();
    await until(() => looks() >= 3, { timeout: 20_000 });
    assert.equal(Object.keys(redis.stats().nodes).length, 1);
    views[1] = known;
    await until(() => Object.keys(redis.stats().nodes).length === 2, { timeout: 20_000 });
  }
  views[1] = down;
  await using redis = Redis.sentinel({ name: "m", sentinels }, options);
  await redis.ready();
  await sleep(9000);
  const before = looks();
  await sleep(3000);
  assert.equal(looks(), before);
});

test("after a time without any sentinel one of them is heard again, although nothing calls for it", async () => {
  await using primary = await startServer();
  const first = await startFakeSentinel(() => ({ primary: place(primary) }));
  const sentinels = [{ port: first.port }];
  await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 0, connectTimeout: 500 });
  await redis.ready();
  const heard = (sentinel: ScriptedServer): boolean =>
    sentinel.received.some(({ command }) => command[0] === "SUBSCRIBE");
  await until(() => heard(first));
  const { port } = first;
  await first.close();
  // Longer than the look that the lost connection causes takes.
  await sleep(1500);
  await using second = await startFakeSentinel(() => ({ primary: place(primary) }), port);
  await until(() => heard(second), { timeout: 20_000 });
});

test("a pipeline on a connection of its own tells of a demotion, too", async () => {
  await using old = await startServer();
  await using now = await startServer();
  const view = { told: { primary: place(old) } as Told };
  await using sentinel = await startFakeSentinel(() => view.told);
  const options = { refreshInterval: 0 };
  await using redis = Redis.sentinel({ name: "m", sentinels: [{ port: sentinel.port }] }, options);
  const onItsOwn = (): Promise<unknown[]> => redis.pipeline().select(0).set("k", "v").exec();
  assert.deepEqual(await onItsOwn(), ["OK", "OK"]);
  // Until then the looks at the beginning are over.
  await sleep(1500);
  view.told = { primary: place(now) };
  using raw = await connectRaw(old);
  await raw.command("REPLICAOF", "127.0.0.1", String(now.port));
  const [, refused] = await onItsOwn();
  assert.ok(refused instanceof ServerError && refused.code === "READONLY", String(refused));
  await until(() => Object.keys(redis.stats().nodes)[0] === `127.0.0.1:${now.port}`, { timeout: 20_000 });
  assert.deepEqual(await onItsOwn(), ["OK", "OK"]);
});

describe("fault 42, sentinels disagree", () => {
  test("the newest failover counts, whoever answers first and however many know it", async () => {
    await using old = await startServer();
    await using now = await startServer();
    await using behind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using alsoBehind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using current = await startFakeSentinel(() => ({ primary: place(now), epoch: 4 }));
    for (let round = 0; round < 5; round++) {
      // They are asked in a random order.
      const sentinels = [behind, current, alsoBehind].map(({ port }) => ({ port }));
      await using redis = Redis.sentinel({ name: "m", sentinels });
      await redis.set("round", round);
      assert.deepEqual(Object.keys(redis.stats().nodes), [`127.0.0.1:${now.port}`]);
    }
  });

  test("one that is cut off and knows only the old primary does not lead back to it", async () => {
    await using old = await startServer();
    await using now = await startServer();
    const others = { told: { primary: place(now), epoch: 4 } as Told };
    await using behind = await startFakeSentinel(() => ({ primary: place(old), epoch: 3 }));
    await using second = await startFakeSentinel(() => others.told);
    await using third = await startFakeSentinel(() => others.told);
    const sentinels = [behind, second, third].map(({ port }) => ({ port }));
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 100 });
    await redis.set("k", "v");
    await second.close();
    await third.close();
    const asked = behind.received.length;
    await until(() => behind.received.length > asked + 8); // two more looks, at which nobody else answers
    await redis.set("k", "w");
    using raw = await connectRaw(now);
    assert.equal(await raw.command("GET", "k"), "w");
    using toOld = await connectRaw(old);
    assert.equal(await toOld.command("GET", "k"), null);
  });

  test("a server that says it is a replica is not taken for the primary, whoever names it", async () => {
    await using primary = await startServer();
    await using replica = await startServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
    const view = { told: { primary: place(replica), epoch: 5 } as Told };
    await using sentinel = await startFakeSentinel(() => view.told);
    await using redis = Redis.sentinel({ name: "m", sentinels: [{ port: sentinel.port }] });
    await assert.rejects(redis.with({ timeout: 700 }).set("k", "v"), {
      outcome: "not-sent",
      message: /the sentinels name 127\.0\.0\.1:\d+ as the primary, which says that it is a replica/,
    });
    const waiting = redis.set("k", "v");
    view.told = { primary: place(primary), epoch: 5 };
    assert.equal(await waiting, "OK");
  });

  test("sentinels that were set up anew, with their counting, are believed when most of them agree", async () => {
    await using first = await startServer();
    await using second = await startServer();
    const view = { told: { primary: place(first), epoch: 9 } as Told };
    const fakes = await Promise.all([1, 2, 3].map(() => startFakeSentinel(() => view.told)));
    const sentinels = fakes.map(({ port }) => ({ port }));
    await using redis = Redis.sentinel({ name: "m", sentinels }, { refreshInterval: 100 });
    await redis.ready();
    view.told = { primary: place(second), epoch: 0 };
    await until(() => Object.keys(redis.stats().nodes)[0] === `127.0.0.1:${second.port}`);
    await Promise.all(fakes.map((fake) => fake.close()));
  });

  test("with real ones: one that has slept through a failover is not believed when it wakes up", async () => {
    await using setup = await startSentinels();
    const [asleep] = setup.sentinels;
    assert.ok(asleep !== undefined);
    const old = await setup.primary();
    asleep.pause();
    await setup.failover();
    asleep.resume();
    // At once: it has the old view for as long as nobody has told it.
    const primaries: string[] = [];
    const listener = (message: unknown): void => {
      primaries.push(...(message as { nodes: string[] }).nodes.slice(0, 1));
    };
    subscribe("respool:topology:changed", listener);
    await using redis = Redis.sentinel({ name: "mymaster", sentinels: setup.sentinels.map(place) });
    const began = performance.now();
    await redis.set("k", "v");
    const what = "the newest failover counts, and only a server that says itself that it is the primary";
    report(
      import.meta.url,
      { row: 42, name: "sentinels disagree", what },
      "idle",
      Math.round(performance.now() - began),
    );
    unsubscribe("respool:topology:changed", listener);
    assert.ok(primaries.length > 0);
    assert.ok(!primaries.includes(`${old.host}:${old.port}`), primaries.join());
  });
});
