import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();
const LOADING = "-LOADING Redis is loading the dataset in memory\r\n";

test("a pipeline whose parts are sent again keeps the limit of the whole", async () => {
  await using loading = await startScriptedServer(afterHandshake(() => sleep(700).then(() => LOADING)));
  await using redis = new Redis({ port: loading.port });
  const begin = performance.now();
  const results = await redis.with({ timeout: 1000 }).pipeline().get("a").exec();
  const took = performance.now() - begin;
  assert.ok((results[0] as unknown) instanceof Error);
  assert.ok(took < 1400, `the limit of 1000 ms became ${took}`);
});

test("closing twice while commands wait to be sent again ends both closes when these are through", async () => {
  let ready = false;
  await using loading = await startScriptedServer(afterHandshake(() => (ready ? "$1\r\nv\r\n" : LOADING)));
  const redis = new Redis({ port: loading.port, retry: { minDelay: 400, maxDelay: 500 } });
  const value = redis.get("k");
  await sleep(100);
  const begin = performance.now();
  ready = true;
  await Promise.all([redis.close({ timeout: 4000 }), redis.close({ timeout: 4000 })]);
  assert.ok(performance.now() - begin < 2500, "one of them sat its limit out");
  assert.equal(await value, "v");
});

test("a client that is closed runs no transaction, although its pool is still open", async () => {
  await using pool = new ConnectionPool(server().url);
  const redis = new Redis({ pool });
  await redis.close();
  await assert.rejects(
    redis.transaction("k", () => assert.fail("it ran")),
    { code: "ERR_CLOSED", outcome: "not-sent" },
  );
});
