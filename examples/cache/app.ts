// A small HTTP service in front of a slow database, with a cache between the two.
//
//   npx tsx examples/cache/app.ts                       on port 3000, with a server on localhost:6379
//   PORT=8080 REDIS_URL=redis://host:6379 npx tsx examples/cache/app.ts
//
//   GET /team/:id             the team, and how often the database was asked so far
//   PUT /team/:id?name=…      renames it: everything that was made of it is invalid at once
//   GET /stats                what the cache has done; a monitor asks for it now and then
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "respool";
import { Cache } from "respool/cache";

interface Team {
  id: string;
  name: string;
}

/** Stands for a database: 50 ms for each query. */
const rows = new Map<string, Team>();
let queries = 0;

async function queryTeam(id: string, signal: AbortSignal): Promise<Team | undefined> {
  queries++;
  await sleep(50, undefined, { signal });
  return rows.get(id);
}

const redis = new Redis(process.env.REDIS_URL, { clientName: "cache-example" });
const teams = new Cache<Team>(redis, {
  namespace: "example-team-v1", // another shape of Team is another namespace
  ttl: 300,
  staleWhileRevalidate: 60, // beyond its time a team is shown as it was, while it is read anew
  grace: 3600, // and for an hour when the database fails
  negativeTtl: 5, // nobody asks the database again and again for what is not there
  onError: (error, { id }) => console.error(`cache, team ${id ?? "-"}:`, error),
});

function readTeam(id: string): Promise<Team | undefined> {
  return teams.getOrSet<Team | undefined>(
    id,
    // A limit of its own: the cache gives it none.
    (signal) => queryTeam(id, AbortSignal.any([signal, AbortSignal.timeout(2000)])),
    { tags: [`team:${id}`] },
  );
}

async function renameTeam(id: string, name: string): Promise<Team> {
  const team = { id, name };
  rows.set(id, team); // the database first …
  if (!(await teams.invalidateTag(`team:${id}`))) console.error(`team ${id}: the old name may be shown for a while`); // … then the cache
  return team;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, id] = /^\/team\/(\w+)$/.exec(url.pathname) ?? [];
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(body));
  };
  if (url.pathname === "/stats") return send(200, teams.stats());
  if (id === undefined) return send(404, { error: "no such page" });
  if (request.method === "PUT") return send(200, await renameTeam(id, url.searchParams.get("name") ?? ""));
  const team = await readTeam(id);
  if (team === undefined) send(404, { error: "no such team", queries });
  else send(200, { ...team, queries });
}

await redis.ready(); // the first look-ups have 50 ms, and a connection may take longer to make

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") console.log(`listening on http://127.0.0.1:${address?.port}`);
});

async function stop(): Promise<void> {
  server.close();
  await once(server, "close");
  await teams.close(); // waits for what it writes in the background …
  await redis.close(); // … for which it needs the client
}

process.once("SIGTERM", () => void stop());
