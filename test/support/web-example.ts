import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "respool";
import { startServer, type TestServer } from "respool/testing";
import { RunningExample } from "./example.ts";
import { until } from "./wait.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** One GET, on a connection of its own unless the connections to use are given. */
function get(url: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const body: unknown = text === "" ? null : JSON.parse(text);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

interface Running {
  readonly server: TestServer;
  readonly redis: Redis;
  readonly example: RunningExample;
  readonly url: string;
}

/** Runs a body with the application on a server of its own, and ends both. */
async function withApp(
  path: string,
  env: Readonly<Record<string, string>>,
  body: (app: Running) => Promise<void>,
): Promise<void> {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  await using example = new RunningExample(path, { REDIS_URL: server.url, PORT: "0", ...env });
  const [, url = ""] = await example.line(/^listening on (\S+)/);
  await redis.hset("user:1", { name: "Ada", born: "1815" });
  await body({ server, redis, example, url });
}

/** Sends one request after the other on each of several connections, each until the application says that it closes it. */
async function load(url: string, connections: number): Promise<number> {
  const counts = Array.from({ length: connections }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let count = 1; ; count++) {
        const answer = await get(`${url}/user/1`, agent);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, { name: "Ada", born: "1815" });
        if (answer.headers.connection === "close") return count;
      }
    } finally {
      agent.destroy();
    }
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function readsUsers(app: Running): Promise<void> {
  const ada = await get(`${app.url}/user/1`);
  assert.deepEqual([ada.status, ada.body], [200, { name: "Ada", born: "1815" }]);
  const nobody = await get(`${app.url}/user/2`);
  assert.deepEqual([nobody.status, nobody.body], [404, { error: "no such user" }]);
}

async function sharesOneConnection(app: Running, clientName: string): Promise<void> {
  const answers = await Promise.all(Array.from({ length: 200 }, () => get(`${app.url}/user/1`)));
  assert.ok(answers.every((answer) => answer.status === 200));
  const clients = String(await app.redis.client.list());
  assert.equal(clients.split(`name=${clientName}`).length - 1, 1, clients);
}

async function tellsSaturation(app: Running): Promise<void> {
  const idle = await get(`${app.url}/ready`);
  assert.deepEqual([idle.status, idle.body], [200, { ready: true, saturation: 1 / 3, waiting: 0 }]);

  const polls = [1, 2].map(() => get(`${app.url}/user/1/messages`));
  await until(async () => /blocked_clients:2/.test(await app.redis.info("clients")), { what: "the polls wait" });
  const full = await get(`${app.url}/ready`);
  assert.equal(full.status, 503);
  assert.deepEqual(full.body, { ready: false, saturation: 1, waiting: 0, why: "every connection is in use" });
  assert.equal((await get(`${app.url}/user/1`)).status, 200, "shared commands still flow");

  await app.redis.rpush("user:1:messages", "first", "second");
  const messages = (await Promise.all(polls)).map((poll) => (poll.body as { message: string }).message);
  assert.deepEqual(messages.sort(), ["first", "second"]);
  await until(async () => (await get(`${app.url}/ready`)).status === 200, { what: "there is room again" });
}

async function noticesSilence(app: Running): Promise<void> {
  assert.equal((await get(`${app.url}/ready`)).status, 200);
  app.server.pause();
  const silent = await get(`${app.url}/ready`);
  assert.equal(silent.status, 503);
  assert.equal((silent.body as { why: string }).why, "ERR_COMMAND_TIMEOUT");
  app.server.resume();
  await until(async () => (await get(`${app.url}/ready`)).status === 200, { what: "it is ready again" });

  await app.server.kill();
  const dead = await get(`${app.url}/user/1`);
  assert.equal(dead.status, 503, "a request fails with the error's code, not with a hang");
  await app.server.restart();
  await until(async () => (await get(`${app.url}/ready`)).status === 200, { what: "it is ready again" });
}

async function drains(app: Running): Promise<void> {
  const requests = load(app.url, 20);
  const polls = [1, 2, 3].map(() => get(`${app.url}/user/1/messages`));
  await until(async () => /blocked_clients:3/.test(await app.redis.info("clients")), { what: "the polls wait" });
  await sleep(200);
  app.example.kill("SIGTERM");
  const pushed = app.redis.rpush("user:1:messages", "late");

  const [first] = await Promise.all(polls.slice(0, 1));
  assert.ok(first !== undefined);
  assert.equal((await get(`${app.url}/ready`)).status, 503, "load balancers are told before connections are refused");
  assert.ok((await requests) > 20);
  const answers = await Promise.all(polls);
  await pushed;
  await app.example.endsWell();
  const delivered = answers.filter((answer) => answer.status === 200).length;
  assert.equal(answers.filter((answer) => answer.status === 204).length + delivered, 3);
  assert.equal(delivered + (await app.redis.llen("user:1:messages")), 1, "delivered, or still in its list");
  await assert.rejects(get(`${app.url}/user/1`), { code: "ECONNREFUSED" });
}

async function finishesRequests(app: Running): Promise<void> {
  assert.equal((await get(`${app.url}/user/1`)).status, 200);
  app.server.pause();
  const waiting = get(`${app.url}/user/1`);
  await sleep(50);
  app.example.kill("SIGTERM");
  await until(
    async () => (await get(`${app.url}/ready`).catch((error: NodeJS.ErrnoException) => error)) instanceof Error,
    {
      what: "connections are refused",
    },
  );
  app.server.resume();
  assert.equal((await waiting).status, 200);
  await app.example.endsWell();
}

/** The tests of an application in `examples/`: each starts it as a process of its own, with a server of its own. */
export function testWebExample(path: string, clientName: string): void {
  test("a user is read from the hash; one that does not exist is 404", () => withApp(path, {}, readsUsers));
  test("200 requests at once share one connection to Redis", () =>
    withApp(path, {}, (app) => sharesOneConnection(app, clientName)));
  test("/ready tells the saturation of the pool, and is 503 while every connection is in use", () =>
    withApp(path, { MAX_CONNECTIONS: "3" }, tellsSaturation));
  test("/ready is 503 while the server does not answer, and 200 again afterwards", () =>
    withApp(path, {}, noticesSilence));
  test("SIGTERM under load: every request is answered, no message is lost, and the process exits with 0", () =>
    withApp(path, {}, drains));
  test("a request that waits for Redis when connections are refused already is still answered", () =>
    withApp(path, {}, finishesRequests));
}
