import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedCaches } from "../support/cache.ts";
import { runChild } from "../support/child.ts";

const PROCESSES = 4;
const CALLERS = 1000;

const shared = sharedCaches();

/** All callers of a process ask at once, when all processes are ready; each load is counted in Redis. */
const PROGRAM = `
  const { PORT, CALLERS, LOADER } = process.env;
  const redis = new respool.Redis({ port: Number(PORT) });
  const values = new cache.Cache(redis, { namespace: "hot", readTimeout: 1000, writeTimeout: 1000 });
  await redis.incr("ready");
  while (Number(await redis.get("ready")) < ${PROCESSES}) await new Promise((resolve) => setTimeout(resolve, 5));
  const load = async () => {
    const number = await redis.incr("loads");
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (LOADER === "fails once" && number === 1) throw new Error("the first one fails");
    return { number };
  };
  const results = await Promise.allSettled(Array.from({ length: Number(CALLERS) }, () => values.getOrSet("value", load)));
  const numbers = results.map(({ value, reason }) => value === undefined ? reason.message : value.number);
  const { waits, shared } = values.stats();
  console.log(JSON.stringify({ answers: [...new Set(numbers)], count: numbers.length, waits, shared }));
  await values.close();
  await redis.close();
`;

interface Told {
  readonly answers: readonly (number | string)[];
  readonly count: number;
  readonly waits: number;
}

async function run(loader: string): Promise<Told[]> {
  await shared.redis.flushall();
  const env = { PORT: String(shared.server.port), CALLERS: String(CALLERS), LOADER: loader };
  const children = await Promise.all(
    Array.from({ length: PROCESSES }, () => runChild(PROGRAM, env, { timeout: 60_000 })),
  );
  return children.map(({ stdout, stderr, code }) => {
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Told;
  });
}

test("1,000 callers in each of 4 processes: a hot value is made once", async () => {
  const told = await run("works");
  assert.equal(await shared.redis.get("loads"), "1");
  for (const { answers, count, waits } of told) {
    assert.deepEqual(answers, [1]);
    assert.equal(count, CALLERS);
    assert.ok(waits <= 10, `${waits} waits: those who wait are woken, and do not ask again and again`);
  }
});

test("when the one that makes it fails, one of the others makes it", async () => {
  const told = await run("fails once");
  assert.equal(await shared.redis.get("loads"), "2");
  assert.equal(told.filter(({ answers }) => answers.includes("the first one fails")).length, 1);
  assert.equal(told.filter(({ answers }) => answers.includes(2)).length, PROCESSES - 1);
});
