import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

test("a replication command that the server never answers takes no reply from the commands of others", async () => {
  await using redis = new Redis(server().url);
  await redis.set("replication:k", "mine");
  const unanswered = redis.with({ timeout: 200 }).call("REPLCONF", "ACK", 0);
  const failed = assert.rejects(unanswered, { code: "ERR_COMMAND_TIMEOUT" });
  assert.deepEqual(await Promise.all([redis.get("replication:k"), redis.echo("hi")]), ["mine", "hi"]);
  await failed;
  assert.equal(await redis.get("replication:k"), "mine");
});
