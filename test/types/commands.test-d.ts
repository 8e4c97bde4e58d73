import { expectTypeOf } from "expect-type";
import type { BufferCommands, CommandMethods, Commands, SetOptions } from "../../src/commands/typings.generated.ts";
import type { Family, StreamEntry } from "../../src/commands/typings.ts";
import type { Reply } from "../../src/protocol/reply.ts";

// Checked by tsc alone; nothing of it runs.

declare const redis: Commands;
declare const buffers: BufferCommands;
declare const flag: boolean;
declare const anyOptions: SetOptions;
declare const maybeCount: { count?: number };

expectTypeOf(redis.get("k")).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(redis.get(Buffer.from("k"))).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(buffers.get("k")).toEqualTypeOf<Promise<Buffer | null>>();
expectTypeOf(redis.incr("k")).toEqualTypeOf<Promise<number>>();

// SET: one generic reply instead of overloads.
expectTypeOf(redis.set("k", "v")).toEqualTypeOf<Promise<"OK">>();
expectTypeOf(redis.set("k", "v", { ex: 300 })).toEqualTypeOf<Promise<"OK">>();
expectTypeOf(redis.set("k", "v", { nx: true })).toEqualTypeOf<Promise<"OK" | null>>();
expectTypeOf(redis.set("k", "v", { ex: 1, xx: true })).toEqualTypeOf<Promise<"OK" | null>>();
expectTypeOf(redis.set("k", "v", { get: true })).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(redis.set("k", "v", { nx: false })).toEqualTypeOf<Promise<"OK">>();
expectTypeOf(redis.set("k", "v", { nx: flag })).toEqualTypeOf<Promise<"OK" | null>>();
expectTypeOf(redis.set("k", "v", { get: flag })).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(redis.set("k", "v", anyOptions)).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(buffers.set("k", "v", { get: true })).toEqualTypeOf<Promise<Buffer | null>>();
expectTypeOf(buffers.set("k", "v")).toEqualTypeOf<Promise<"OK">>();

// A bare value in place of the options object.
expectTypeOf(redis.lpop("k")).toEqualTypeOf<Promise<string | null>>();
expectTypeOf(redis.lpop("k", { count: 2 })).toEqualTypeOf<Promise<string[] | null>>();
expectTypeOf(redis.lpop("k", 2)).toEqualTypeOf<Promise<string[] | null>>();
expectTypeOf(redis.lpop("k", maybeCount)).toEqualTypeOf<Promise<string | string[] | null>>();
expectTypeOf(redis.ping()).toEqualTypeOf<Promise<"PONG">>();
expectTypeOf(redis.ping("hi")).toEqualTypeOf<Promise<string>>();
expectTypeOf(redis.hrandfield("h", { count: 2 })).toEqualTypeOf<Promise<string[]>>();
expectTypeOf(redis.hrandfield("h", { count: 2, withvalues: true })).toEqualTypeOf<Promise<[string, string][]>>();

expectTypeOf(redis.hgetall("h")).toEqualTypeOf<Promise<Record<string, string>>>();
expectTypeOf(buffers.hgetall("h")).toEqualTypeOf<Promise<Record<string, Buffer>>>();
expectTypeOf(redis.zrange("z", 0, -1)).toEqualTypeOf<Promise<string[]>>();
expectTypeOf(redis.zrange("z", 0, -1, { withscores: true })).toEqualTypeOf<Promise<[string, number][]>>();
expectTypeOf(redis.zrange("z", "(1", "+inf", { byscore: true, rev: true })).toEqualTypeOf<Promise<string[]>>();
expectTypeOf(redis.zadd("z", [[1, "a"]])).toEqualTypeOf<Promise<number>>();
expectTypeOf(redis.zadd("z", [[1, "a"]], { incr: true })).toEqualTypeOf<Promise<number | null>>();
expectTypeOf(redis.zscore("z", "m")).toEqualTypeOf<Promise<number | null>>();
expectTypeOf(redis.xrange("s", "-", "+")).toEqualTypeOf<Promise<StreamEntry<string>[]>>();
expectTypeOf(redis.xread({ s: "0" })).toEqualTypeOf<Promise<Record<string, StreamEntry<string>[]> | null>>();
expectTypeOf(redis.scan(0)).toEqualTypeOf<Promise<[string, string[]]>>();
expectTypeOf(buffers.hscan("h", "0")).toEqualTypeOf<Promise<[string, [Buffer, Buffer][]]>>();
expectTypeOf(redis.sort("l", { store: "d" })).toEqualTypeOf<Promise<number>>();
expectTypeOf(redis.eval("return 1")).toEqualTypeOf<Promise<Reply>>();
expectTypeOf(redis.config.get("a", "b")).toEqualTypeOf<Promise<Record<string, string>>>();
expectTypeOf(redis.command.count()).toEqualTypeOf<Promise<number>>();
expectTypeOf(redis.command()).resolves.items.toHaveProperty("0");

const near = redis.geosearch("g", { frommember: "m", byradius: { radius: 1, unit: "km" }, withdist: true });
expectTypeOf(near).resolves.items.toHaveProperty("member").toEqualTypeOf<string>();
expectTypeOf(near).resolves.items.toHaveProperty("dist").toEqualTypeOf<string>();
expectTypeOf(near).resolves.items.not.toHaveProperty("hash");

// Arguments.
void redis.del("a", "b");
void redis.del(["a", Buffer.from("b"), 3]);
void redis.del(...(["a", "b"] as string[]));
void redis.blpop(["a", "b"], 5);
void redis.hset("h", { name: "Ada", born: 1815 });
void redis.hset("h", new Map([["name", "Ada"]]));
void redis.eval("return 1", ["k"], ["a"]);
void redis.lmove("a", "b", "left", "RIGHT");
void redis.xadd("s", "*", { f: "v" }, { maxlen: { operator: "~", threshold: 100 }, limit: 5 });
void redis.expire("k", 10, { nx: true });

// Refused by the typings already. Each line must be an error, or tsc complains of the comment above it.
// @ts-expect-error no such option
void redis.set("k", "v", { exx: 1 });
// @ts-expect-error no such option beside one that there is
void redis.set("k", "v", { nx: true, exx: 1 });
// @ts-expect-error options are no strings
void redis.set("k", "v", "EX");
// @ts-expect-error no value
void redis.set("k");
// @ts-expect-error undefined is no value
void redis.set("k", undefined);
// @ts-expect-error null is no key
void redis.get(null);
// @ts-expect-error one key
void redis.get("a", "b");
// @ts-expect-error not a direction
void redis.lmove("a", "b", "up", "left");
// @ts-expect-error geosearch needs options
void redis.geosearch("g");
// @ts-expect-error the unit is missing
void redis.geosearch("g", { frommember: "m", byradius: { radius: 1 } });
// @ts-expect-error sent by other parts of the client
void redis.subscribe("ch");

// A family of one's own: every call adds its reply to a tuple.
interface ChainFamily<T extends readonly unknown[]> extends Family {
  readonly result: Chain<[...T, this["reply"]]>;
}
interface Chain<out T extends readonly unknown[]> extends CommandMethods<ChainFamily<T>, string> {
  exec(): Promise<T>;
}
declare const chain: Chain<[]>;

expectTypeOf(chain.set("k", "v").get("k").incr("n").exec()).toEqualTypeOf<Promise<["OK", string | null, number]>>();
expectTypeOf(chain.zrange("z", 0, 1, { withscores: true }).config.get("hz").exec()).toEqualTypeOf<
  Promise<[[string, number][], Record<string, string>]>
>();
expectTypeOf<Chain<[string]>>().toExtend<Chain<readonly unknown[]>>();
