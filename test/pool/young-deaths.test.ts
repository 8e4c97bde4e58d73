import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "../../src/index.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";

test("a server that hangs up after every handshake is dialled ever less often", async () => {
  const script = afterHandshake((_, __, connection) => {
    connection.reset();
    return null;
  });
  await using server = await startScriptedServer(script);
  const redis = new Redis({ port: server.port, reconnect: { minDelay: 10, maxDelay: 1000 } });
  const subscribed = redis.subscribe("k").catch((error: unknown) => error);
  await sleep(2500);
  redis.destroy();
  await subscribed;
  assert.ok(server.accepted >= 3, "it is dialled again");
  assert.ok(server.accepted < 25, `${server.accepted} connections in 2.5 s`);
});
