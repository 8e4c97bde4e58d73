import { connect } from "node:net";
import { ConnectionPool, Redis } from "respool";
import { type LoadResult, runLoad } from "./load.ts";
import { show } from "./screen.ts";
import type { Stage } from "./stage.ts";

const CALLERS = 50;
const VALUE = "v".repeat(64);
/** Each new connection keeps a local port for a minute after its end, and there are about 28,000. */
const MOST_NEW_CONNECTIONS = 8000;

/** One way to send the same GET, and the figures of it. */
export interface WayFigures extends LoadResult {
  readonly way: string;
  /** Connections that the server took, by its own count; null where it does not tell. */
  readonly connections: number | null;
}

interface Way {
  readonly name: string;
  readonly mostRequests?: number;
  open(stage: Stage, key: string): { get(): Promise<string | null>; close(): Promise<void> };
}

const newConnections: Way = {
  name: "new connection per request",
  mostRequests: MOST_NEW_CONNECTIONS,
  open: ({ url }, key) => ({
    get: async () => {
      const redis = new Redis(url, { maxConnections: 1 });
      try {
        return await redis.get(key);
      } finally {
        await redis.close();
      }
    },
    close: async () => undefined,
  }),
};

const leases: Way = {
  name: "pool, a lease per request",
  open: (stage, key) => {
    const pool = stage.own(new ConnectionPool(stage.url, { maxConnections: CALLERS }));
    return { get: () => pool.use((lease) => lease.get(key)), close: () => pool.close() };
  },
};

const sharedLane: Way = {
  name: "shared lane: plain redis.get",
  open: (stage, key) => {
    const redis = stage.own(new Redis(stage.url));
    return { get: () => redis.get(key), close: () => redis.close() };
  },
};

/**
 * The least that a new connection can cost: a socket without a client, a handshake or a check of the reply's kind. Not
 * what anybody would use, but a floor that the first way's figure can be compared with.
 */
const bareSockets: Way = {
  name: "bare socket per request",
  mostRequests: MOST_NEW_CONNECTIONS,
  open: ({ server }, key) => ({
    get: () =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: server?.host ?? "", port: server?.port ?? 0, noDelay: true });
        const reply = `$${VALUE.length}\r\n${VALUE}\r\n`;
        let text = "";
        socket.setEncoding("latin1");
        socket.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
        socket.on("data", (chunk) => {
          text += String(chunk);
          if (text.length >= reply.length) socket.destroy();
        });
        socket.once("error", reject);
        socket.once("close", () => resolve(text === reply ? VALUE : text));
      }),
    close: async () => undefined,
  }),
};

/** The same GETs in three ways, measured one after the other. */
export async function showComparison(stage: Stage): Promise<WayFigures[]> {
  const { screen } = stage;
  const over = stage.server === undefined ? "" : " over TCP,";
  screen.heading(`One GET in three ways: ${CALLERS} callers, ${VALUE.length} bytes,${over} every reply checked`);
  const key = await stage.put("value", VALUE);
  const figures: WayFigures[] = [];
  for (const way of [newConnections, leases, sharedLane]) figures.push(await measure(stage, way, key));
  const floor = stage.server === undefined ? undefined : await measure(stage, bareSockets, key);
  screen.table(
    ["", "requests/s", "p50 ms", "p99 ms", "requests", "connections opened"],
    figures.map((one) => [one.way, one.requestsPerSecond, one.p50, one.p99, one.requests, one.connections ?? "?"]),
  );
  screen.line("(requests and connections with the warm-up; connections as the server counts them)");
  if (floor !== undefined) {
    const { requestsPerSecond, p99 } = floor;
    screen.line(
      `(a bare socket per request, without any client: ${show(requestsPerSecond)} requests/s, p99 ${show(p99)} ms)`,
    );
    figures.push(floor);
  }
  return figures;
}

async function measure(stage: Stage, way: Way, key: string): Promise<WayFigures> {
  const { screen, pace } = stage;
  screen.progress(`measuring: ${way.name}`);
  const before = await stage.info("stats", "total_connections_received");
  const opened = way.open(stage, key);
  const result = await runLoad(
    {
      callers: CALLERS,
      ...pace,
      ...(way.mostRequests === undefined ? {} : { mostRequests: way.mostRequests }),
      onProgress: (seconds, requests) =>
        screen.progress(`measuring: ${way.name}`, `${seconds.toFixed(1)} s, ${show(requests)} requests`),
    },
    async () => {
      const reply = await opened.get();
      if (reply !== VALUE) throw new Error(`a wrong reply to GET by "${way.name}": ${reply}`);
    },
  );
  await opened.close();
  const after = await stage.info("stats", "total_connections_received");
  return { way: way.name, ...result, connections: before === null || after === null ? null : after - before };
}
