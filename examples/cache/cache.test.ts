import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer } from "respool/testing";
import { RunningExample } from "../../test/support/example.ts";

interface TeamAnswer {
  readonly name?: string;
  readonly queries?: number;
}

async function ask(url: string, method = "GET"): Promise<{ status: number; body: TeamAnswer }> {
  const response = await fetch(url, { method });
  return { status: response.status, body: (await response.json()) as TeamAnswer };
}

test("the cache example: one query for all who ask, a new name at once, and no Redis is no error", async () => {
  await using server = await startServer();
  await using example = new RunningExample("examples/cache/app.ts", { REDIS_URL: server.url, PORT: "0" });
  const [, url = ""] = await example.line(/^listening on (\S+)/);

  assert.deepEqual(await ask(`${url}/team/7`), { status: 404, body: { error: "no such team", queries: 1 } as never });
  assert.equal((await ask(`${url}/team/7`)).body.queries, 1, "it is remembered that there is none");
  await ask(`${url}/team/7?name=Analysts`, "PUT");
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(`${url}/team/7`)));
  assert.deepEqual(new Set(answers.map(({ body }) => body.name)), new Set(["Analysts"]));
  assert.deepEqual(new Set(answers.map(({ body }) => body.queries)), new Set([2]));
  await ask(`${url}/team/7?name=Engineers`, "PUT");
  assert.equal((await ask(`${url}/team/7`)).body.name, "Engineers");

  await server.kill();
  const without = await ask(`${url}/team/7`);
  assert.deepEqual([without.status, without.body.name], [200, "Engineers"]);
  const stats = (await (await fetch(`${url}/stats`)).json()) as { withoutRedis: number };
  assert.ok(stats.withoutRedis >= 1);

  example.kill("SIGTERM");
  await example.ended();
});
