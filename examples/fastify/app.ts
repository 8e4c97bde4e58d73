// A Fastify application with one Redis client, opened and closed with it.
//
//   npx tsx examples/fastify/app.ts            on port 3000, with a server on localhost:6379
//   PORT=8080 REDIS_URL=redis://host:6379 MAX_CONNECTIONS=20 npx tsx examples/fastify/app.ts
//
//   GET /user/:id             the hash user:<id>, or 404
//   GET /user/:id/messages    the next message of the list user:<id>:messages; waits for one for up to 20 s, then 204
//   GET /ready                200 while there is room for more requests, else 503
import { setTimeout as sleep } from "node:timers/promises";
import fastify from "fastify";
import { Redis, RedisError } from "respool";

/** How long load balancers have to see that /ready fails, ms, before connections are refused. */
const NOTICE = 500;

const maxConnections = Number(process.env.MAX_CONNECTIONS ?? 10);
const redis = new Redis(process.env.REDIS_URL, { maxConnections, clientName: "fastify-example" });
const stopping = new AbortController();
// Aborting a blocked pop loses no message: if the server has popped one already, it is delivered all the same.
const untilStop = redis.with({ signal: stopping.signal });

const app = fastify({ return503OnClosing: false });

// Fastify calls this when the last request has been answered.
app.addHook("onClose", () => redis.close({ timeout: 5000 }));

app.addHook("onRequest", async (_request, reply) => {
  // While stopping, each answer is the last one on its connection.
  if (stopping.signal.aborted) reply.header("connection", "close");
});

app.get<{ Params: { id: string } }>("/user/:id", async (request, reply) => {
  const user = await redis.hgetall(`user:${request.params.id}`);
  return Object.keys(user).length === 0 ? reply.code(404).send({ error: "no such user" }) : user;
});

app.get<{ Params: { id: string } }>("/user/:id/messages", async (request, reply) => {
  const message = await nextMessage(request.params.id);
  return message === null ? reply.code(204).send() : { message };
});

app.get("/ready", async (_request, reply) => {
  const state = await readiness();
  return reply.code(state.ready ? 200 : 503).send(state);
});

app.setErrorHandler((error, _request, reply) => {
  if (error instanceof RedisError) return reply.code(503).send({ error: error.code });
  return reply.send(error);
});

async function nextMessage(id: string): Promise<string | null> {
  try {
    // Blocks on a connection of its own, while everybody else's commands flow on.
    const popped = await untilStop.blpop(`user:${id}:messages`, 20);
    return popped === null ? null : popped[1];
  } catch (error) {
    if (stopping.signal.aborted) return null;
    throw error;
  }
}

async function readiness(): Promise<{ ready: boolean; saturation: number; waiting: number; why?: string }> {
  let why = stopping.signal.aborted ? "stopping" : undefined;
  try {
    await redis.with({ timeout: 1000 }).ping();
  } catch (error) {
    why ??= error instanceof RedisError ? error.code : String(error);
  }
  const [pool] = Object.values(redis.stats().nodes);
  const busy = pool === undefined ? 0 : pool.total - pool.idle + pool.connecting;
  const saturation = busy / maxConnections;
  if (saturation >= 1) why ??= "every connection is in use";
  return { ready: why === undefined, saturation, waiting: pool?.waiting ?? 0, ...(why === undefined ? {} : { why }) };
}

const address = await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" });
console.log(`listening on ${address}`);

async function stop(): Promise<void> {
  stopping.abort(); // /ready fails, and waiting polls end
  await sleep(NOTICE);
  await app.close(); // takes no more connections, answers what runs, closes Redis; then the process exits with 0
}

process.once("SIGTERM", () => void stop());
