import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

test("between a MULTI and an EXEC sent by hand on a lease every command is answered QUEUED, whatever its reply's form", async () => {
  await using pool = new ConnectionPool(server().url);
  await pool.use(async (lease) => {
    await lease.hset("hand:h", { field: "value" });
    assert.equal(await lease.call("MULTI"), "OK");
    assert.equal(await lease.hgetall("hand:h"), "QUEUED");
    assert.equal(await lease.incr("hand:n"), "QUEUED");
    assert.equal(await lease.zscore("hand:z", "m"), "QUEUED");
    const results = (await lease.call("EXEC")) as unknown[];
    assert.equal(results.length, 3);
    assert.equal(results[1], 1);
  });
  await pool.use(async (lease) => assert.deepEqual({ ...(await lease.hgetall("hand:h")) }, { field: "value" }));
});
