import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();
const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "__defineGetter__"];

for (const protocol of [2, 3] as const) {
  test(`a hash field called __proto__ is data, like any other (RESP${protocol})`, async () => {
    await using redis = new Redis({ port: server().port, protocol });
    await redis.flushall();
    const fields = Object.fromEntries(NAMES.map((name) => [name, `value of ${name}`]));
    // An own property: JSON.parse makes one, an object literal would set the prototype.
    const input = JSON.parse(`{"__proto__":"value of __proto__"}`) as Record<string, string>;
    assert.equal(await redis.hset("h", input), 1);
    await redis.hset("h", Object.entries(fields));
    await redis.hset("h", new Map([["__proto__", "value of __proto__"]]));
    const hash = await redis.hgetall("h");
    assert.equal(Object.getPrototypeOf(hash), null, "a reply has no prototype");
    assert.deepEqual(Object.keys(hash).sort(), [...NAMES].sort());
    for (const name of NAMES) assert.equal(hash[name], `value of ${name}`);
    assert.deepEqual(await redis.hmget("h", "__proto__"), ["value of __proto__"]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  test(`__proto__ is data in pipelines, transactions, streams, scans and scripts too (RESP${protocol})`, async () => {
    await using redis = new Redis({ port: server().port, protocol });
    await redis.flushall();
    await redis.hset("h", [["__proto__", "polluted"]]);
    const [piped] = await redis.pipeline().hgetall("h").exec();
    const [transacted] = await redis.multi().hgetall("h").exec();
    const buffered = await redis.buffers.hgetall("h");
    for (const hash of [piped, transacted] as Record<string, unknown>[]) {
      assert.equal(Object.getPrototypeOf(hash), null);
      assert.equal(hash["__proto__"], "polluted");
    }
    assert.equal(Object.getPrototypeOf(buffered), null);
    assert.deepEqual(buffered["__proto__"], Buffer.from("polluted"));
    for await (const [field, value] of redis.hscanIterator("h"))
      assert.deepEqual([field, value], ["__proto__", "polluted"]);
    await redis.xadd("__proto__", "*", [["__proto__", "streamed"]]);
    const read = await redis.xread(JSON.parse(`{"__proto__":"0"}`) as Record<string, string>);
    assert.equal(Object.getPrototypeOf(read), null);
    assert.match(JSON.stringify(read?.["__proto__"]), /streamed/);
    await redis.sadd("__proto__:set", ["__proto__", "constructor"]);
    assert.deepEqual([...(await redis.smembers("__proto__:set"))].sort(), ["__proto__", "constructor"]);
    const scripted: unknown = await redis.eval("redis.setresp(3); return redis.call('hgetall', KEYS[1])", ["h"]);
    assert.match(JSON.stringify(scripted), /polluted/);
    assert.equal(({} as Record<string, unknown>)["streamed"], undefined);
    assert.equal(Object.prototype.toString.call({}), "[object Object]");
  });

  test(`a name from outside called __proto__ or constructor works as a key, a channel and a client's name (RESP${protocol})`, async () => {
    await using redis = new Redis({ port: server().port, protocol });
    for (const name of NAMES) {
      await redis.set(name, "v");
      assert.equal(await redis.get(name), "v");
      let heard = "";
      const subscription = await redis.subscribe(name, (message) => (heard = message.message));
      while (heard === "") {
        await redis.publish(name, "heard");
        await new Promise((resolve) => setImmediate(resolve));
      }
      await subscription.close();
      assert.equal(heard, "heard");
      await assert.rejects(redis.call(name), { outcome: "rejected" });
    }
  });
}
