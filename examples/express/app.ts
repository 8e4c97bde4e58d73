// An Express application with one Redis client, opened and closed with it.
//
//   npx tsx examples/express/app.ts            on port 3000, with a server on localhost:6379
//   PORT=8080 REDIS_URL=redis://host:6379 MAX_CONNECTIONS=20 npx tsx examples/express/app.ts
//
//   GET /user/:id             the hash user:<id>, or 404
//   GET /user/:id/messages    the next message of the list user:<id>:messages; waits for one for up to 20 s, then 204
//   GET /ready                200 while there is room for more requests, else 503
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import express, { type NextFunction, type Request, type Response } from "express";
import { Redis, RedisError } from "respool";

/** How long load balancers have to see that /ready fails, ms, before connections are refused. */
const NOTICE = 500;

const maxConnections = Number(process.env.MAX_CONNECTIONS ?? 10);
const redis = new Redis(process.env.REDIS_URL, { maxConnections, clientName: "express-example" });
const stopping = new AbortController();
// Aborting a blocked pop loses no message: if the server has popped one already, it is delivered all the same.
const untilStop = redis.with({ signal: stopping.signal });

const app = express();

app.use((_request, response, next) => {
  // While stopping, each answer is the last one on its connection.
  if (stopping.signal.aborted) response.set("connection", "close");
  next();
});

app.get("/user/:id", async (request, response) => {
  const user = await redis.hgetall(`user:${request.params.id}`);
  if (Object.keys(user).length === 0) response.status(404).json({ error: "no such user" });
  else response.json(user);
});

app.get("/user/:id/messages", async (request, response) => {
  const message = await nextMessage(request.params.id);
  if (message === null) response.status(204).end();
  else response.json({ message });
});

app.get("/ready", async (_request, response) => {
  const state = await readiness();
  response.status(state.ready ? 200 : 503).json(state);
});

app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
  if (error instanceof RedisError && !response.headersSent) response.status(503).json({ error: error.code });
  else next(error);
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

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") console.log(`listening on http://127.0.0.1:${address?.port}`);
});

async function stop(): Promise<void> {
  stopping.abort(); // /ready fails, and waiting polls end
  await sleep(NOTICE);
  server.close(); // takes no more connections …
  await once(server, "close"); // … and lets the requests that run come to their end
  await redis.close({ timeout: 5000 }); // nothing is left to run, so the process exits with 0
}

process.once("SIGTERM", () => void stop());
