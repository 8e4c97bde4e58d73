import type { Clock } from "../../base/clock.ts";
import { ConnectError, RedisError, ServerError } from "../../base/errors.ts";
import { resolveAddress } from "../../base/addresses.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import { buildCall } from "../../commands/call.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import type { Reply } from "../../protocol/reply.ts";

/** What one sentinel knows of the primary that it was asked for; the addresses are as it tells them. */
export interface SentinelView {
  readonly pool: NodePool;
  /** null where it knows none of that name. */
  readonly primary: TcpEndpoint | null;
  /** The number of the failover that has made it the primary: the higher, the newer. */
  readonly epoch: number;
  /** Those that follow the primary. */
  readonly replicas: readonly TcpEndpoint[];
  /** Those that it holds to be down. */
  readonly down: readonly TcpEndpoint[];
  /** Whether there are others that are not down, and may follow it soon: no news tells when. */
  readonly isSettling: boolean;
  readonly sentinels: readonly TcpEndpoint[];
}

/**
 * Asks one sentinel for all that it knows of a primary.
 *
 * @param timeout ms
 * @throws RedisError when it does not answer, or is none
 */
export async function askSentinel(clock: Clock, pool: NodePool, name: string, timeout: number): Promise<SentinelView> {
  const deadline = clock.now() + timeout;
  const ask = (what: string): Promise<unknown> => {
    const request = buildCall("SENTINEL", [what, name]);
    request.timeout = timeout;
    request.deadline = deadline;
    return pool.execute(request);
  };
  // All in one write. Only the first one must be answered: a user of few rights may not have the others.
  const [address, primary, replicas, sentinels] = await Promise.allSettled(
    ["GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS", "SENTINELS"].map(ask),
  );
  if (address?.status !== "fulfilled") throw explained(address?.reason, pool);
  const [host, port] = listOf(address.value);
  const all = listOf(valueOf(replicas)).map(recordOf);
  const down = all.filter((fields) => has(fields, /s_down|o_down/));
  const up = all.filter((fields) => !down.includes(fields));
  const following = up.filter(isFollowing);
  return {
    pool,
    primary: endpointOf(host, port),
    epoch: Number(recordOf(valueOf(primary)).get("config-epoch")) || 0,
    replicas: endpointsOf(following),
    down: endpointsOf(down),
    isSettling: following.length < up.length,
    sentinels: endpointsOf(listOf(valueOf(sentinels)).map(recordOf)),
  };
}

function explained(error: unknown, pool: NodePool): unknown {
  if (!(error instanceof ServerError) || !/unknown command/i.test(error.message))
    return error instanceof RedisError ? error : new ServerError("ERR", String(error));
  const { node } = pool.options;
  const message = `${node} is no sentinel: give the addresses of sentinels, whose port is 26379 as a rule`;
  return new ConnectError("ERR_CONNECT", message, true, { node, cause: error });
}

function has(fields: ReadonlyMap<string, string>, flags: RegExp): boolean {
  return flags.test(fields.get("flags") ?? "");
}

/** A sentinel tells of a new replica before it is connected to it, and does not tell when it is. */
function isFollowing(fields: ReadonlyMap<string, string>): boolean {
  if (has(fields, /disconnected/) || fields.get("master-link-status") !== "ok") return false;
  return (fields.get("role-reported") ?? "slave") === "slave";
}

function endpointsOf(records: readonly ReadonlyMap<string, string>[]): TcpEndpoint[] {
  return records.map((fields) => endpointOf(fields.get("ip"), fields.get("port"))).filter((each) => each !== null);
}

/** null for what is no address: one that is wrong must not make the others useless. */
function endpointOf(host: unknown, port: unknown): TcpEndpoint | null {
  if (host === undefined || host === null) return null;
  try {
    return resolveAddress({ host, port: Number(port) }, 0);
  } catch {
    return null;
  }
}

function valueOf(result: PromiseSettledResult<unknown> | undefined): unknown {
  return result?.status === "fulfilled" ? result.value : null;
}

function listOf(reply: unknown): readonly Reply[] {
  return Array.isArray(reply) ? (reply as Reply[]) : [];
}

/** Names and values: a map in RESP3, a flat list in RESP2. */
function recordOf(reply: unknown): ReadonlyMap<string, string> {
  if (reply === null || typeof reply !== "object") return new Map();
  if (!Array.isArray(reply)) return new Map(Object.entries(reply).map(([name, value]) => [name, String(value)]));
  const words = reply.map(String);
  return new Map(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? ""] as const] : [])));
}
