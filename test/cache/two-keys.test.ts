import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Cache, msgpack, type CacheOptions } from "../../src/cache/index.ts";
import { Redis } from "../../src/index.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { until } from "../support/wait.ts";

/* The older convention: a large value is under KEY:gz, as gzip of its JSON, and under no other key. */

let server: TestServer;
let redis: Redis;
before(async () => {
  server = await startServer();
  redis = new Redis({ host: server.host, port: server.port });
});
after(async () => {
  await redis.close();
  await server.stop();
});

const LARGE = { text: "older ".repeat(500) };

function cacheOf(namespace: string, options: Partial<CacheOptions<unknown>>): Cache<unknown> {
  return new Cache(redis, { namespace, readTimeout: 1000, writeTimeout: 1000, ...options });
}

test("read: both keys are looked at, and nothing is changed", async () => {
  await redis.set("r:a:gz", gzipSync(JSON.stringify(LARGE)));
  await redis.set("r:b", '{"small":1}');
  await using cache = cacheOf("r", { twoKeys: "read" });
  assert.deepEqual(await cache.get("a"), LARGE);
  assert.deepEqual(await cache.getMany(["b", "a", "none"]), [{ small: 1 }, LARGE, undefined]);
  assert.equal(await redis.exists("r:a", "r:a:gz"), 1);
  await using without = cacheOf("r", {});
  assert.equal(await without.get("a"), undefined);
});

test("what is stored or deleted leaves nothing under the other key", async () => {
  await using cache = cacheOf("o", { twoKeys: "read" });
  await redis.set("o:a:gz", gzipSync('"old"'));
  await cache.set("a", "new");
  assert.equal(await redis.exists("o:a:gz"), 0);
  assert.equal(await cache.get("a"), "new");
  await redis.set("o:a:gz", gzipSync('"old"'));
  await cache.delete("a");
  assert.equal(await cache.get("a"), undefined);
});

test("migrate: what is found moves to the one key, with the time that it had", async () => {
  await redis.set("g:a:gz", gzipSync(JSON.stringify(LARGE)), { px: 100_000 });
  await redis.set("g:b:gz", gzipSync(JSON.stringify(LARGE)));
  await using cache = cacheOf("g", { twoKeys: "migrate" });
  assert.deepEqual(await cache.get("a"), LARGE);
  assert.deepEqual(await cache.get("b"), LARGE);
  await until(async () => (await redis.exists("g:a:gz", "g:b:gz")) === 0);
  const left = await redis.pttl("g:a");
  assert.ok(left > 90_000 && left <= 100_000, String(left));
  assert.equal(await redis.pttl("g:b"), -1);
  assert.deepEqual(await cache.getMany(["a", "b"]), [LARGE, LARGE]);
});

test("write: others of the older convention read it", async () => {
  await using cache = cacheOf("w", { twoKeys: "write" });
  await cache.set("a", LARGE);
  assert.equal(await redis.exists("w:a"), 0);
  assert.deepEqual(JSON.parse(gunzipSync((await redis.buffers.get("w:a:gz")) as Buffer).toString()), LARGE);
  assert.deepEqual(await cache.get("a"), LARGE);
  await cache.set("a", "short");
  assert.equal(await redis.exists("w:a:gz"), 0);
  assert.equal(await redis.get("w:a"), '"short"');
  assert.deepEqual(await cache.getOrSet("b", () => LARGE, { awaitWrite: true }), LARGE);
  assert.equal(await redis.exists("w:b", "w:b:gz"), 1);
  assert.deepEqual(await cache.getOrSet("b", () => "other"), LARGE);
});

test("what needs a head is refused with write", async () => {
  assert.throws(() => cacheOf("x", { twoKeys: "write", grace: 1 }), /grace cannot be kept with twoKeys: "write"/);
  assert.throws(() => cacheOf("x", { twoKeys: "write", codec: msgpack() }), /codec must be json/);
  assert.throws(() => cacheOf("x", { twoKeys: "yes" as never }), /twoKeys must be "read", "migrate" or "write"/);
  await using cache = cacheOf("x", { twoKeys: "write" });
  await assert.rejects(cache.set("a", 1, { tags: ["t"] }), /tags cannot be kept/);
});
