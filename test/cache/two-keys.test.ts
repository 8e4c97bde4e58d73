import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Keys } from "../../src/cache/keys.ts";
import { TwoKeyLayout } from "../../src/cache/two-keys.ts";
import { msgpack, raw, type Cache, type CacheOptions } from "../../src/cache/index.ts";
import type { Redis } from "../../src/index.ts";
import { sharedCaches } from "../support/cache.ts";
import { until } from "../support/wait.ts";

/* The older convention: a large value is under KEY:gz, as gzip of its JSON, and under no other key. */

const shared = sharedCaches();
let second: Redis | undefined;
/** The client of another program. */
const other = (): Redis => (second ??= shared.another());

const LARGE = { text: "older ".repeat(500) };

function cacheOf(namespace: string, options: Partial<CacheOptions<unknown>>): Cache<unknown> {
  return shared.cacheOf({ namespace, ...options });
}

test("read: both keys are looked at, and nothing is changed", async () => {
  await shared.redis.set("r:a:gz", gzipSync(JSON.stringify(LARGE)));
  await shared.redis.set("r:b", '{"small":1}');
  await using cache = cacheOf("r", { twoKeys: "read" });
  assert.deepEqual(await cache.get("a"), LARGE);
  assert.deepEqual(await cache.getMany(["b", "a", "none"]), [{ small: 1 }, LARGE, undefined]);
  assert.equal(await shared.redis.exists("r:a", "r:a:gz"), 1);
  await using without = cacheOf("r", {});
  assert.equal(await without.get("a"), undefined);
});

test("what is stored or deleted leaves nothing under the other key", async () => {
  await using cache = cacheOf("o", { twoKeys: "read" });
  await shared.redis.set("o:a:gz", gzipSync('"old"'));
  await cache.set("a", "new");
  assert.equal(await shared.redis.exists("o:a:gz"), 0);
  assert.equal(await cache.get("a"), "new");
  await shared.redis.set("o:a:gz", gzipSync('"old"'));
  await cache.delete("a");
  assert.equal(await cache.get("a"), undefined);
});

test("migrate: what is found moves to the one key, with the time that it had", async () => {
  await shared.redis.set("g:a:gz", gzipSync(JSON.stringify(LARGE)), { px: 100_000 });
  await shared.redis.set("g:b:gz", gzipSync(JSON.stringify(LARGE)));
  await using cache = cacheOf("g", { twoKeys: "migrate" });
  assert.deepEqual(await cache.get("a"), LARGE);
  assert.deepEqual(await cache.get("b"), LARGE);
  await until(async () => (await shared.redis.exists("g:a:gz", "g:b:gz")) === 0);
  const left = await shared.redis.pttl("g:a");
  assert.ok(left > 90_000 && left <= 100_000, String(left));
  assert.equal(await shared.redis.pttl("g:b"), -1);
  assert.deepEqual(await cache.getMany(["a", "b"]), [LARGE, LARGE]);
});

test("write: others of the older convention read it", async () => {
  await using cache = cacheOf("w", { twoKeys: "write" });
  await cache.set("a", LARGE);
  assert.equal(await shared.redis.exists("w:a"), 0);
  assert.deepEqual(JSON.parse(gunzipSync((await shared.redis.buffers.get("w:a:gz")) as Buffer).toString()), LARGE);
  assert.deepEqual(await cache.get("a"), LARGE);
  await cache.set("a", "short");
  assert.equal(await shared.redis.exists("w:a:gz"), 0);
  assert.equal(await shared.redis.get("w:a"), '"short"');
  assert.deepEqual(await cache.getOrSet("b", () => LARGE, { awaitWrite: true }), LARGE);
  assert.equal(await shared.redis.exists("w:b", "w:b:gz"), 1);
  assert.deepEqual(await cache.getOrSet("b", () => "other"), LARGE);
});

test("what needs a head is refused with write", async () => {
  assert.throws(() => cacheOf("x", { twoKeys: "write", grace: 1 }), /grace cannot be kept with twoKeys: "write"/);
  assert.throws(() => cacheOf("x", { twoKeys: "write", codec: msgpack() }), /codec must be json/);
  assert.throws(
    () => cacheOf("x", { twoKeys: "yes" as never }),
    /twoKeys must be one of "read", "migrate", "write", got "yes"/,
  );
  await using cache = cacheOf("x", { twoKeys: "write" });
  await assert.rejects(cache.set("a", 1, { tags: ["t"] }), /tags cannot be kept/);
  await assert.rejects(
    cache.getOrSet("a", () => 1, { grace: 60 }),
    /grace cannot be kept/,
  );
});

test("migrate: a value that the codec of now cannot keep is read, told of, and stays where it is", async () => {
  const errors: Error[] = [];
  await using cache = cacheOf("k", { twoKeys: "migrate", onError: (error) => errors.push(error as Error) });
  await shared.redis.set("k:a:gz", gzipSync('{"x":-0.0}'));
  assert.deepEqual(await cache.get("a"), { x: -0 });
  await until(() => errors.length > 0);
  assert.match(String(errors[0]?.message), /\$\.x: -0/);
  assert.equal(await shared.redis.exists("k:a:gz"), 1);
  await using bytes = cacheOf("k", { twoKeys: "migrate", codec: raw() });
  assert.deepEqual(await bytes.getOrSet("a", () => "never"), { x: -0 });
});

test("migrate: what others write or delete behind the look wins", async () => {
  const { redis } = shared;
  const layout = new TwoKeyLayout(new Keys("m"), "migrate");
  const [old, newer] = [gzipSync('"old"'), gzipSync('"newer"')];
  const encoded = { bytes: '"old"', isZipped: false };
  // Another one of the older convention has stored something newer.
  await redis.set("m:a:gz", newer);
  await layout.migrate(redis, "m:a", old, encoded);
  assert.deepEqual(await redis.buffers.get("m:a:gz"), newer);
  assert.equal(await redis.exists("m:a"), 0);
  // One of the newer form has.
  await redis.set("m:b:gz", old);
  await redis.set("m:b", '"newer"');
  await layout.migrate(redis, "m:b", old, encoded);
  assert.equal(await redis.get("m:b"), '"newer"');
  // It was deleted.
  await layout.migrate(redis, "m:c", old, encoded);
  assert.equal(await redis.exists("m:c", "m:c:gz"), 0);
  // Several processes move it at once.
  for (let round = 0; round < 50; round++) {
    await redis.del("m:d");
    await redis.set("m:d:gz", old, { px: 60_000 });
    const clients = [redis, shared.redis.with({ timeout: 3000 }), other()];
    await Promise.all(clients.map((client) => layout.migrate(client, "m:d", old, encoded)));
    assert.equal(await redis.get("m:d"), '"old"');
  }
});

test("what is made while somebody deletes the entry is not stored, in any mode", async () => {
  for (const twoKeys of ["read", "migrate", "write"] as const) {
    await using cache = cacheOf(`d-${twoKeys}`, { twoKeys });
    const load = async (): Promise<unknown> => {
      await cache.delete("a");
      return LARGE;
    };
    assert.deepEqual(await cache.getOrSet("a", load, { awaitWrite: true }), LARGE);
    assert.equal(await cache.get("a"), undefined, twoKeys);
    assert.equal(cache.stats().lostLocks, 1);
  }
});
