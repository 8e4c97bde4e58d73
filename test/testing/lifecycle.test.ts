import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { startServer, TestServerError } from "../../src/testing/index.ts";
import { isAlive } from "../support/processes.ts";
import { connectRaw } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";

test("a started server answers on its port and on its unix socket", async () => {
  await using server = await startServer();
  assert.equal(server.url, `redis://127.0.0.1:${server.port}`);
  assert.equal(server.tls, undefined);
  using byPort = await connectRaw({ port: server.port });
  using byPath = await connectRaw({ path: server.path });
  assert.equal(await byPort.command("SET", "greeting", "hello"), "OK");
  assert.equal(await byPath.command("GET", "greeting"), "hello");
  assert.equal((await byPath.info("server"))["process_id"], String(server.pid));
});

test("stopping ends the process and removes the directory, however often it is called", async () => {
  const server = await startServer();
  const { pid, path } = server;
  assert.ok(pid !== undefined && isAlive(pid));
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  assert.equal(isAlive(pid), false);
  assert.equal(existsSync(dirname(path)), false);
  assert.equal(server.pid, undefined);
  await assert.rejects(connectRaw({ port: server.port }), { code: "ECONNREFUSED" });
  await assert.rejects(server.restart(), { code: "ERR_SERVER_STOPPED" });
  assert.throws(() => server.pause(), { code: "ERR_SERVER_STOPPED" });
});

test("a paused server answers nothing until it is resumed, and can be stopped while it is paused", async () => {
  const server = await startServer();
  const { pid } = server;
  assert.ok(pid !== undefined);
  using raw = await connectRaw(server);
  server.pause();
  const reply = raw.command("PING");
  const silence = new Promise<string>((resolve) => setTimeout(resolve, 100, "silence"));
  assert.equal(await Promise.race([reply, silence]), "silence");
  server.resume();
  assert.equal(await reply, "PONG");
  server.pause();
  await server.stop();
  assert.equal(isAlive(pid), false);
});

test("a restarted server has the same address and another process, and is empty", async () => {
  await using server = await startServer({ password: "secret" });
  const before = { port: server.port, path: server.path, url: server.url, pid: server.pid };
  {
    using raw = await connectRaw(server);
    await raw.command("SET", "k", "v");
    await raw.command("SAVE");
  }
  await server.restart();
  assert.deepEqual(
    { port: server.port, path: server.path, url: server.url },
    { port: before.port, path: before.path, url: before.url },
  );
  assert.notEqual(server.pid, before.pid);
  using raw = await connectRaw(server);
  assert.equal(await raw.command("GET", "k"), null);
});

test("a restart keeps the data where it is asked to, from a paused server too", async () => {
  await using server = await startServer();
  using raw = await connectRaw(server);
  await raw.command("SET", "k", "v");
  server.pause();
  await server.restart({ keepData: true });
  using again = await connectRaw(server);
  assert.equal(await again.command("GET", "k"), "v");
});

test("a restart keeps what the server has written into its configuration itself", async () => {
  await using server = await startServer();
  using raw = await connectRaw(server);
  await raw.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
  await server.restart();
  using restarted = await connectRaw(server);
  assert.deepEqual(await restarted.command("CONFIG", "GET", "maxmemory-policy"), ["maxmemory-policy", "noeviction"]);
  await restarted.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
  await restarted.command("CONFIG", "REWRITE");
  await server.restart();
  using rewritten = await connectRaw(server);
  assert.deepEqual(await rewritten.command("CONFIG", "GET", "maxmemory-policy"), ["maxmemory-policy", "allkeys-lfu"]);
});

test("a killed server, and one that ended by itself, come back by a restart", async () => {
  await using server = await startServer();
  await server.kill();
  assert.equal(server.pid, undefined);
  await assert.rejects(connectRaw({ port: server.port }), { code: "ECONNREFUSED" });
  await server.restart();
  using raw = await connectRaw(server);
  await raw.command("SHUTDOWN", "NOSAVE").catch(() => undefined);
  await until(() => server.pid === undefined);
  await server.restart();
  using again = await connectRaw(server);
  assert.equal(await again.command("PING"), "PONG");
});

test("a restart waits for its port while somebody else holds it for a moment", async () => {
  await using server = await startServer();
  await server.kill();
  const other = createServer().listen(server.port, "127.0.0.1");
  setTimeout(() => other.close(), 300);
  await server.restart();
  using raw = await connectRaw(server);
  assert.equal(await raw.command("PING"), "PONG");
});

test("twenty servers started at once have twenty ports", async () => {
  const servers = await Promise.all(Array.from({ length: 20 }, () => startServer()));
  try {
    assert.equal(new Set(servers.map((server) => server.port)).size, 20);
    assert.ok(servers.every((server) => server.port >= 10_000 && server.port < 32_768));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});

test("a port that is in use is refused with a remedy, and nothing stays behind", async () => {
  await using server = await startServer();
  await assert.rejects(startServer({ port: server.port }), (error: unknown) => {
    assert.ok(error instanceof TestServerError);
    assert.equal(error.code, "ERR_SERVER_START");
    assert.match(error.message, new RegExp(`port ${server.port} is in use, leave \`port\` out`));
    return true;
  });
});

test("a unix socket can be at a path of one's own, and is removed in the end", async () => {
  const directory = await mkdtemp(join(tmpdir(), "respool-own-"));
  const path = join(directory, "redis.sock");
  const server = await startServer({ unixSocket: path });
  assert.equal(server.path, path);
  using raw = await connectRaw({ path });
  assert.equal(await raw.command("PING"), "PONG");
  await server.stop();
  assert.equal(existsSync(path), false);
  await rm(directory, { recursive: true });
});
