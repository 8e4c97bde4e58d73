import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { startProxy } from "../support/proxy.ts";

const server = sharedServer();

async function accepted(raw: RawClient): Promise<number> {
  return Number((await raw.info("stats"))["total_connections_received"]);
}

test("500 concurrent GETs on a fresh client open one connection, as the server counts", async () => {
  using raw = await connectRaw(server());
  for (const warm of [false, true]) {
    const before = await accepted(raw);
    await using redis = new Redis(server().url);
    if (warm) await redis.ready();
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 500 }, () => redis.get("none")));
    assert.equal((await accepted(raw)) - before, 1);
  }
});

test("500 concurrent GETs while dialling is slow, and from several clients of one pool, still open one", async () => {
  await using proxy = await startProxy(server());
  proxy.delay(60);
  await using pool = new ConnectionPool({ host: proxy.host, port: proxy.port });
  const clients = Array.from({ length: 5 }, () => new Redis({ pool }));
  const replies = clients.flatMap((redis) => Array.from({ length: 100 }, () => redis.get("none")));
  await Promise.all(replies);
  assert.equal(proxy.accepted, 1);
});
