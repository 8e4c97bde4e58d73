import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer, type StartServerOptions, TestServerError } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";

test("a server with a password wants it, whatever characters it has", async () => {
  const password = 'p@ss "wörd" \\ #:/ \t\u{1F511}';
  await using server = await startServer({ password });
  assert.equal(decodeURIComponent(new URL(server.url).password), password);
  using stranger = await connectRaw({ port: server.port });
  await assert.rejects(stranger.command("PING"), /^Error: NOAUTH/);
  using raw = await connectRaw({ port: server.port, password });
  assert.equal(await raw.command("PING"), "PONG");
});

test("config takes numbers, text and repeated directives as in redis.conf", async () => {
  await using server = await startServer({
    config: {
      maxclients: 20,
      "maxmemory-policy": "allkeys-lru",
      "client-output-buffer-limit": ["normal 0 0 0", "pubsub 1mb 512kb 10"],
      save: "900 1",
    },
  });
  using raw = await connectRaw(server);
  const read = async (name: string): Promise<unknown> => ((await raw.command("CONFIG", "GET", name)) as unknown[])[1];
  assert.equal(await read("maxclients"), "20");
  assert.equal(await read("maxmemory-policy"), "allkeys-lru");
  assert.match(String(await read("client-output-buffer-limit")), /pubsub 1048576 524288 10/);
  assert.equal(await read("save"), "900 1");
  assert.equal(await read("appendonly"), "no");
});

test("by default nothing is persisted and only loopback is bound", async () => {
  await using server = await startServer({ host: "localhost" });
  using raw = await connectRaw({ port: server.port });
  assert.deepEqual(await raw.command("CONFIG", "GET", "save"), ["save", ""]);
  assert.deepEqual(await raw.command("CONFIG", "GET", "bind"), ["bind", "127.0.0.1 -::1"]);
});

test("a directive that the server does not know fails with the server's own words", async () => {
  await assert.rejects(startServer({ config: { "no-such-directive": 1 } }), (error: unknown) => {
    assert.ok(error instanceof TestServerError);
    assert.equal(error.code, "ERR_SERVER_START");
    assert.match(error.message, /ended at once, with status 1/);
    assert.ok(error.log.some((line) => line.includes("no-such-directive")));
    return true;
  });
});

test("options that cannot be meant are refused before anything is started", async () => {
  const wrong: [StartServerOptions, RegExp][] = [
    [{ host: "0.0.0.0" }, /host should be localhost or a loopback address, got "0\.0\.0\.0"/],
    [{ port: 0 }, /port should be a whole number from 1 to 65535, got 0/],
    [{ password: "" }, /password should not be empty/],
    [{ unixSocket: `/tmp/${"x".repeat(200)}` }, /unixSocket should have at most 100 bytes/],
    [{ config: { port: 1 } }, /config\["port"\] is set by startServer itself; option to use: port/],
    [{ config: { RequirePass: "x" } }, /option to use: password/],
    [{ config: { "maxmemory 1\nport": 1 } }, /directive names such as maxmemory/],
    [{ config: { maxmemory: "1\nport 1" } }, /text on one line/],
    [{ config: { maxclients: Number.NaN } }, /should be a number or text/],
  ];
  for (const [options, message] of wrong) {
    await assert.rejects(startServer(options), { name: "TestServerError", code: "ERR_SERVER_OPTIONS", message });
  }
});
