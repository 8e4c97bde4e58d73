import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("a command that is refused at the moment of its write gives its connection back", async () => {
  await using redis = new Redis({ port: server().port, maxConnections: 2 });
  const value = Buffer.alloc(8192, "x");
  const refused = redis.pipeline().select(0).set("permits:large", value).exec();
  structuredClone(value.buffer, { transfer: [value.buffer] });
  await assert.rejects(refused, { code: "ERR_OPTIONS", outcome: "not-sent" });
  await until(() => statsOf(redis).leased === 0, { timeout: 1000, what: "the connection is back" });
  assert.equal(await redis.get("permits:large"), null);
});
