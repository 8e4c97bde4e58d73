import assert from "node:assert/strict";
import { test } from "node:test";
import { startProxy } from "./proxy.ts";
import { connectRaw } from "./raw-client.ts";
import { startScriptedServer } from "./scripted-server.ts";
import { sharedServer } from "./server.ts";
import { until } from "./wait.ts";

const server = sharedServer();

function within<T>(promise: Promise<T>, ms: number): Promise<T | "late"> {
  return Promise.race([promise, new Promise<"late">((resolve) => setTimeout(resolve, ms, "late"))]);
}

test("a proxy forwards, counts, and follows its clients when they leave", async () => {
  await using proxy = await startProxy(server());
  using raw = await connectRaw({ port: proxy.port });
  const large = "x".repeat(300_000);
  assert.equal(await raw.command("SET", "large", large), "OK");
  assert.equal(await raw.command("GET", "large"), large);
  assert.equal(proxy.connections, 1);
  assert.ok(proxy.forwarded("toClient") > large.length);
  raw.close();
  await until(() => proxy.connections === 0);
  assert.equal(proxy.accepted, 1);
});

test("a proxy splits every byte and delays without changing anything", async () => {
  await using proxy = await startProxy(server());
  proxy.splitEveryByte(true);
  proxy.delay(30);
  using raw = await connectRaw({ port: proxy.port });
  const value = "0123456789".repeat(40);
  const start = performance.now();
  assert.equal(await raw.command("SET", "k", value), "OK");
  assert.ok(performance.now() - start >= 55);
  assert.equal(await raw.command("GET", "k"), value);
});

test("a proxy cuts all connections, by FIN and by RST", async () => {
  await using proxy = await startProxy(server());
  for (const reset of [false, true]) {
    using raw = await connectRaw({ port: proxy.port });
    await raw.command("PING");
    proxy.cut({ reset });
    await assert.rejects(raw.command("PING"), /closed/);
    await until(() => proxy.connections === 0);
  }
});

test("a proxy cuts after a number of bytes, which arrive", async () => {
  const bytes: string[] = [];
  await using scripted = await startScriptedServer((command) => {
    bytes.push(...command);
    return "+PONG\r\n";
  });
  await using proxy = await startProxy(scripted);
  using raw = await connectRaw({ port: proxy.port });
  proxy.cutAfterBytes("toServer", "*1\r\n$4\r\nPING\r\n".length);
  await assert.rejects(raw.command("PING"), /closed/);
  await until(() => bytes.length === 1);
  using next = await connectRaw({ port: proxy.port });
  assert.equal(await next.command("PING"), "PONG");
});

test("a black hole holds one direction or both back, and lets it arrive after all", async () => {
  await using proxy = await startProxy(server());
  for (const direction of ["toServer", "toClient", "both"] as const) {
    using raw = await connectRaw({ port: proxy.port });
    await raw.command("SET", "n", 0);
    proxy.blackhole(direction, true);
    const reply = raw.command("INCR", "n");
    assert.equal(await within(reply, 50), "late");
    using direct = await connectRaw({ port: server().port });
    assert.equal(await direct.command("GET", "n"), direction === "toClient" ? "1" : "0");
    proxy.blackhole(direction, false);
    assert.equal(await reply, 1);
  }
});

test("a proxy refuses new connections while the old ones go on, and takes them again on the same port", async () => {
  await using proxy = await startProxy(server());
  using raw = await connectRaw({ port: proxy.port });
  await raw.command("PING");
  await proxy.refuse(true);
  await assert.rejects(connectRaw({ port: proxy.port }), { code: "ECONNREFUSED" });
  assert.equal(await raw.command("PING"), "PONG");
  await proxy.refuse(false);
  using next = await connectRaw({ port: proxy.port });
  assert.equal(await next.command("PING"), "PONG");
});

test("a scripted server says what the script says, in any order, and nothing where it is null", async () => {
  await using scripted = await startScriptedServer(([name], connection) => {
    if (name === "SLOW") return new Promise((resolve) => setTimeout(resolve, 20, ":1\r\n"));
    if (name === "BYE") connection.end();
    return name === "NULL" ? null : `$-1\r\n`;
  });
  using raw = await connectRaw({ port: scripted.port });
  assert.equal(await raw.command("GET", "k"), null);
  assert.equal(await raw.command("SLOW"), 1);
  assert.equal(
    await within(
      raw.command("NULL").catch(() => "closed"),
      30,
    ),
    "late",
  );
  await assert.rejects(raw.command("BYE"), /closed/);
  assert.deepEqual(
    scripted.received.map(({ command }) => command[0]),
    ["GET", "SLOW", "NULL", "BYE"],
  );
  assert.equal(scripted.accepted, 1);
});
