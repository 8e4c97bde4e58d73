import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { searchServer } from "../../src/testing/find.ts";
import { findServer, startServer, TestServerError } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "respool-find-"));
});

after(async () => {
  await rm(folder, { recursive: true });
});

async function program(name: string, words: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\necho "${words}"\n`);
  await chmod(path, 0o755);
  return path;
}

function isOneLine(error: unknown): error is TestServerError {
  assert.ok(error instanceof TestServerError);
  assert.equal(error.code, "ERR_SERVER_NOT_FOUND");
  assert.ok(!error.message.includes("\n"));
  return true;
}

test("the server is found with its kind and version", async () => {
  const binary = findServer();
  assert.match(binary.kind, /^(redis|valkey)$/);
  await using server = await startServer();
  using raw = await connectRaw(server);
  const info = await raw.info("server");
  assert.equal(info[binary.kind === "valkey" ? "valkey_version" : "redis_version"], binary.version);
});

test("without any server the error is one line that says how to install one", () => {
  assert.throws(
    () => searchServer({ environment: { PATH: folder }, folders: [] }),
    (error) =>
      isOneLine(error) && ["apt", "dnf", "apk", "brew", "RESPOOL_SERVER"].every((word) => error.message.includes(word)),
  );
});

test("a valkey-server comes before a redis-server, and RESPOOL_SERVER before both", async () => {
  const redis = await program("redis-server", "Redis server v=7.2.4 sha=00000000:0 malloc=libc");
  const places = { environment: { PATH: `/nowhere:${folder}` }, folders: [] };
  assert.deepEqual(searchServer(places), { path: redis, kind: "redis", version: "7.2.4" });
  const valkey = await program("valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=libc");
  assert.deepEqual(searchServer(places), { path: valkey, kind: "valkey", version: "8.1.0" });
  const environment = { PATH: folder, RESPOOL_SERVER: "redis-server" };
  assert.equal(searchServer({ environment, folders: [] }).path, redis);
  const own = await program("own", "Redis server v=6.2.0 sha=0");
  assert.equal(searchServer({ environment: { RESPOOL_SERVER: own }, folders: [folder] }).version, "6.2.0");
});

test("a server in a usual folder is found without a PATH", async () => {
  await program("valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=libc");
  assert.equal(searchServer({ environment: {}, folders: [folder] }).kind, "valkey");
});

test("a RESPOOL_SERVER that is no server is refused by name, and nothing else is taken instead", async () => {
  const other = await program("other", "some other program 1.0");
  for (const wrong of ["/nowhere/redis-server", "no-such-program", other]) {
    assert.throws(
      () => searchServer({ environment: { ...process.env, RESPOOL_SERVER: wrong }, folders: [folder] }),
      (error) => isOneLine(error) && error.message.includes(`"${wrong}" is not one that runs here`),
    );
  }
});
