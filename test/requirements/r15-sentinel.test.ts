import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConnectError, Redis } from "../../src/index.ts";
import { startSentinels, type TestSentinels } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

let setup: TestSentinels;
before(async () => {
  setup = await startSentinels({ password: "servers", sentinelPassword: "sentinels" });
});
after(() => setup.stop());

function client(sentinel: number, name: string = setup.name): Redis {
  const { host, port } = setup.sentinels[sentinel] as { host: string; port: number };
  return Redis.sentinel({ name, sentinels: [{ host, port }], password: "sentinels" }, { password: "servers" });
}

test("R15: any one sentinel leads to the primary, with a password of its own", async () => {
  const primary = await setup.primary();
  using raw = await connectRaw(primary);
  for (const sentinel of [0, 1, 2]) {
    await using redis = client(sentinel);
    await redis.set("r15:k", sentinel);
    assert.equal(await raw.command("GET", "r15:k"), String(sentinel));
  }
});

test("R15: after a failover commands and blocked pops are with the new primary, and none has failed", async () => {
  await using redis = client(0);
  const old = await setup.primary();
  using raw = await connectRaw(old);
  const popped = redis.blpop("r15:jobs", 0);
  await until(async () => (await raw.info("clients"))["blocked_clients"] === "1");
  let failed: unknown = null;
  let done = 0;
  let over = false;
  const writes = (async () => {
    while (!over) {
      await redis.set("r15:k", "v").then(
        () => done++,
        (error: unknown) => (failed ??= error),
      );
    }
  })();
  await setup.failover();
  await setup.settled();
  over = true;
  await writes;
  assert.equal(failed, null);
  assert.ok(done > 100);
  await redis.rpush("r15:jobs", "work");
  assert.deepEqual(await popped, ["r15:jobs", "work"]);
  using toNew = await connectRaw(await setup.primary());
  await redis.set("r15:k", "new");
  assert.equal(await toNew.command("GET", "r15:k"), "new");
});

test("R15: a name that no sentinel knows is told at once", async () => {
  await using redis = client(1, "other");
  await assert.rejects(redis.get("r15:k"), (error: unknown) => error instanceof ConnectError && error.permanent);
});
