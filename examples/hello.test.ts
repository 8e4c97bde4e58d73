import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "respool";
import { startServer } from "respool/testing";
import { RunningExample } from "../test/support/example.ts";

test("the first example prints what it has stored, and the key expires", async () => {
  await using server = await startServer();
  await using example = new RunningExample("examples/hello.ts", { REDIS_URL: server.url });
  await example.endsWell();
  assert.deepEqual(example.lines, ["hello"]);

  await using redis = new Redis(server.url);
  const ttl = await redis.ttl("greeting");
  assert.ok(ttl > 0 && ttl <= 300, `its time to live is ${ttl}`);
});
