import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

// With one connection, shared commands and leases take turns: whatever comes between the lane's end and the lease gets its turn, too.
for (let depth = 0; depth < 8; depth++) {
  test(`a shared command that comes ${depth} microtasks after the last reply does not lose a waiting lease`, async () => {
    await using pool = new ConnectionPool(server().url, { maxConnections: 1 });
    const redis = new Redis({ pool });
    await redis.ready();
    const shared = redis.get("none").then(async () => {
      for (let turn = 0; turn < depth; turn++) await Promise.resolve();
      return redis.get("none");
    });
    const lend = async (): Promise<string> => {
      await using lease = await pool.lease();
      return await lease.ping();
    };
    assert.deepEqual(await Promise.all([shared, lend(), lend(), redis.blpop("none", 0.02)]), [
      null,
      "PONG",
      "PONG",
      null,
    ]);
  });
}
