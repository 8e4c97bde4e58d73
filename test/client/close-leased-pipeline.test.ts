import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

test("a pipeline that blocks comes to its end when the client is closed, for a part of it has run", async () => {
  await using other = new Redis(server().url);
  const redis = new Redis(server().url);
  const results = redis.pipeline().incr("close:n").blpop("close:none", 1).incr("close:n").exec();
  await until(async () => (await other.get("close:n")) === "1", { what: "its first command has run" });
  await redis.close();
  assert.deepEqual(await results, [1, null, 2]);
});
