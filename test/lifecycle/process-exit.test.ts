import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runChild } from "../support/child.ts";
import { startScriptedServer } from "../support/scripted-server.ts";
import { afterHandshake } from "../support/scripts.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

/** A program that has work in flight, and then ends it in some way. What it prints is what became of its promises. */
const WORK = `
  const { Redis, ConnectionPool, RedisError } = respool;
  const own = { port: Number(process.env.OWN) };
  const silent = { port: Number(process.env.SILENT), connectTimeout: 60_000, commandTimeout: 60_000, socketTimeout: 60_000 };
  const pool = new ConnectionPool({ ...own, maxConnections: 3, minConnections: 2, healthCheckInterval: 20 });
  const redis = new Redis(own);
  const lost = new Redis({ port: 1, commandTimeout: 60_000 });
  const mute = new Redis(silent);
  await redis.ping();
  const lease = await pool.lease();
  await lease.watch("exit:k");
  const work = [
    redis.blpop("exit:none", 0), redis.transaction("exit:k", () => new Promise(() => {})),
    lease.blpop("exit:none", 0), lost.get("k"), lost.subscribe("c"), mute.incr("k"), mute.multi().incr("k").exec(), mute.blpop("k", 0),
    ...Array.from({ length: 200 }, (_, index) => redis.incr("exit:" + index)),
  ];
  const subscription = await redis.subscribe("exit:news");
  const looping = (async () => { for await (const message of subscription) void message; })();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const all = [pool, redis, lost, mute];
  for (const one of work) one.catch(() => {});
  const tell = async () => {
    // Without the transaction, whose callback is the program's own and never ends.
    const results = await Promise.allSettled(work.filter((_, index) => index !== 1));
    const wrong = results.filter((one) => one.status === "rejected" && !(one.reason instanceof RedisError));
    await looping;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const kinds = process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout/.test(kind));
    console.log(results.length, wrong.length, kinds.join());
  };
`;

const CHILDREN: Record<string, { end: string; stdout: string | null; code?: number }> = {
  "after close with a short time limit": {
    end: `await Promise.all(all.map((one) => one.close({ timeout: 100 }))); await tell();`,
    stdout: "207 0 \n",
  },
  "after destroy": { end: `for (const one of all) one.destroy(); await tell();`, stdout: "207 0 \n" },
  "after close that nobody waits for": { end: `for (const one of all) void one.close({ timeout: 100 });`, stdout: "" },
  "after Symbol.asyncDispose under destroy": {
    end: `const ends = all.map((one) => one[Symbol.asyncDispose]()); for (const one of all) one.destroy(); await Promise.all(ends); await tell();`,
    stdout: "207 0 \n",
  },
  "by process.exit with everything in flight": { end: `process.exit(7);`, stdout: "", code: 7 },
  "by an exception, whose trace is the program's": {
    end: `process.once("uncaughtException", (error) => { console.log(error.message); process.exit(9); }); throw new Error("own");`,
    stdout: "own\n",
    code: 9,
  },
};

describe("a process", { concurrency: 2 }, () => {
  for (const [how, { end, stdout, code = 0 }] of Object.entries(CHILDREN)) {
    test(`ends ${how}`, async () => {
      await using silent = await startScriptedServer(afterHandshake(() => null));
      const result = await runChild(`${WORK}\n${end}`, { OWN: String(server().port), SILENT: String(silent.port) });
      assert.deepEqual(
        { code: result.code, signal: result.signal, stderr: result.stderr },
        { code, signal: null, stderr: "" },
      );
      assert.equal(result.stdout, stdout);
    });
  }

  test("is not kept by clients and pools that were never used nor closed", async () => {
    const result = await runChild(
      `for (let index = 0; index < 200; index++) {
         new respool.Redis({ port: Number(process.env.OWN) });
         new respool.ConnectionPool({ port: Number(process.env.OWN) });
       }`,
      { OWN: String(server().port) },
    );
    assert.deepEqual({ ...result }, { code: 0, signal: null, stdout: "", stderr: "" });
  });
});
