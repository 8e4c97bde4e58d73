import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "../../src/index.ts";
import { startCluster, type ClusterNode, type TestCluster } from "../../src/testing/index.ts";
import { slotOf } from "../../src/commands/slot.ts";
import { report } from "../faults/report.ts";
import { Load, type Failure } from "./load.ts";
import { detectionTime, Probe } from "./probe.ts";

/*
 * What happens to a constant load when the nodes change. Planned changes must not be noticed by any caller; in the others, only
 * writes that were under way may fail, with the outcome `unknown`.
 */

/** The times are those of an idle machine plus what a busy one may add, ms. */
const SLACK = 1000;
const BUSY = 2000;

interface Row {
  readonly row: number;
  readonly name: string;
  readonly what: string;
}

async function underLoad(
  t: TestContext,
  cluster: TestCluster,
  change: (redis: Redis) => Promise<void>,
): Promise<{ failures: readonly Failure[]; lost: number }> {
  await using redis = Redis.cluster(cluster.urls);
  for (const node of await cluster.primaries()) {
    await using direct = new Redis(node.url, cluster.password === undefined ? {} : { password: cluster.password });
    await direct.flushall();
  }
  const load = await Load.start(redis);
  await sleep(200);
  await change(redis);
  await sleep(300);
  const lost = await load.stop();
  const { failures, operations } = load;
  t.diagnostic(
    `${JSON.stringify(operations)}, ${failures.length} failed, ${lost} acknowledged and lost by the servers`,
  );
  for (const kind of ["read", "count", "transaction", "pipeline", "push", "pop"])
    assert.ok((operations[kind] ?? 0) > 10, `${kind}: ${operations[kind] ?? 0} succeeded`);
  if (lost === 0) assert.equal(await load.lostElements(), 0, "elements were lost");
  return { failures, lost };
}

async function replicaOf(cluster: TestCluster, slot: number): Promise<ClusterNode> {
  const [replica] = await cluster.replicas(await cluster.primaryOf(slot));
  assert.ok(replica !== undefined);
  return replica;
}

/** Only what was written and not answered may fail. */
function onlyUnknownWrites(failures: readonly Failure[]): void {
  const others = failures.filter(({ what, outcome }) => outcome !== "unknown" || what === "read");
  assert.deepEqual(others, []);
}

describe("planned changes under load", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster({ primaries: 3, replicas: 1, config: { "cluster-allow-replica-migration": "no" } });
  });
  after(() => cluster.stop());

  test("fault 28, 4,096 slots move there and back: nobody notices", async (t) => {
    const [a, b] = (await cluster.primaries()) as [ClusterNode, ClusterNode];
    const began = performance.now();
    const { failures, lost } = await underLoad(t, cluster, async () => {
      await cluster.moveSlots([0, 4095], a, b).run();
      await cluster.moveSlots([0, 4095], b, a).run();
    });
    assert.deepEqual(failures, []);
    assert.equal(lost, 0);
    t.diagnostic(`${Math.round(performance.now() - began)} ms`);
    tell(
      { row: 28, name: "resharding live", what: "ASK, MOVED and TRYAGAIN are followed: no error, no write lost" },
      0,
    );
  });

  test("fault 26, CLUSTER FAILOVER: nobody notices", async (t) => {
    const slot = slotOf("probe");
    let longest = 0;
    const { failures, lost } = await underLoad(t, cluster, async (redis) => {
      const probe = new Probe(redis, "probe");
      await cluster.failover(await replicaOf(cluster, slot));
      await sleep(500);
      longest = await probe.stop();
    });
    assert.deepEqual(failures, []);
    assert.equal(lost, 0);
    t.diagnostic(`the longest time without a write: ${longest} ms`);
    tell(
      { row: 26, name: "CLUSTER FAILOVER", what: "commands go to the new primary: no error, no write lost" },
      longest,
    );
  });

  test("a node is added, gets slots, is drained and forgotten: nobody notices", async (t) => {
    const { failures, lost } = await underLoad(t, cluster, async () => {
      const node = await cluster.addNode();
      const from = await cluster.primaryOf(0);
      await cluster.moveSlots([0, 1023], from, node).run();
      await sleep(200);
      await cluster.moveSlots([0, 1023], node, from).run();
      await cluster.forget(node);
      await sleep(200);
    });
    assert.deepEqual(failures, []);
    assert.equal(lost, 0);
    tell(
      {
        row: 29,
        name: "node forgotten",
        what: "its slots are elsewhere by then: no error; its pool is closed at the next look",
      },
      0,
    );
  });

  for (const mode of ["force", "takeover"] as const) {
    test(`fault 27, CLUSTER FAILOVER ${mode.toUpperCase()} while the old primary lives: no error`, async (t) => {
      const slot = slotOf("probe");
      let longest = 0;
      const { failures } = await underLoad(t, cluster, async (redis) => {
        const replica = await replicaOf(cluster, slot);
        const probe = new Probe(redis, "probe");
        if (mode === "force") await cluster.failover(replica, "force");
        else await cluster.takeover(replica);
        await cluster.settled();
        await sleep(500);
        longest = await probe.stop();
      });
      onlyUnknownWrites(failures);
      t.diagnostic(`the longest time without a write: ${longest} ms`);
      if (mode === "takeover")
        tell(
          {
            row: 27,
            name: "TAKEOVER, old primary alive",
            what: "the newer primary is followed; what the old one took meanwhile is lost with it, as the server warns",
          },
          longest,
        );
    });
  }
});

describe("a primary that is gone, under load", () => {
  for (const [how, row, what] of [
    ["kill", 16, "SIGKILL of a primary"],
    ["pause", 15, "SIGSTOP of a primary"],
  ] as const) {
    test(`${what}: only writes that were under way fail, and it goes on a second after the cluster's own failover`, async (t) => {
      await using cluster = await startCluster({ primaries: 3, replicas: 1 });
      const slot = slotOf("probe");
      let longest = 0;
      let own = 0;
      const { failures } = await underLoad(t, cluster, async (redis) => {
        const primary = await cluster.primaryOf(slot);
        const probe = new Probe(redis, "probe");
        const detected = detectionTime(cluster, slot, primary.port);
        if (how === "kill") await cluster.kill(primary);
        else cluster.pause(primary);
        own = await detected;
        await cluster.settled();
        await sleep(1000);
        longest = await probe.stop();
        if (how === "pause") cluster.resume(primary);
      });
      onlyUnknownWrites(failures);
      t.diagnostic(`without a write for ${longest} ms, of which the cluster itself took ${Math.round(own)} ms`);
      assert.ok(longest <= own + SLACK + BUSY, `${longest} ms without a write, the cluster took ${own} ms`);
      tell(
        {
          row,
          name: `${what} of a cluster`,
          what: "only writes under way fail, as unknown; the rest waits for the new primary",
        },
        longest - own,
      );
    });
  }
});

function tell(row: Row, recovery: number): void {
  report(import.meta.url, row, "under load", Math.max(0, Math.round(recovery)));
}
