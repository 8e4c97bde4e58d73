import type { Clock, Timer } from "../../base/clock.ts";
import { ConnectError, RedisError, ServerError } from "../../base/errors.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import { buildCall } from "../../commands/call.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import { locator, majority, readShards, readSlots, slotMapOf, type SlotMap } from "./slot-map.ts";

/** How many nodes are asked at once. */
const ASKED = 3;
/** How long the others may take once one has answered, ms. */
const GRACE = 100;

/** The cluster, as a look at it needs it. */
export interface LookTarget {
  readonly clock: Clock;
  /** Ends the look: nobody waits for it any more. */
  readonly stopping: AbortSignal;
  /** The nodes to ask, the most promising first. */
  candidates(): readonly NodePool[];
  readonly translate: (told: TcpEndpoint) => TcpEndpoint;
  readonly ownerOf: (slot: number) => string | undefined;
}

/**
 * Asks a few nodes for the slot map and joins what they say; more of them where none of these has an answer.
 *
 * @throws RedisError of the last one when nobody answers
 */
export async function lookAtCluster(target: LookTarget): Promise<SlotMap> {
  const candidates = target.candidates();
  let error: unknown = new ServerError("CLUSTERDOWN", "no node of the cluster is known");
  for (let at = 0; at < candidates.length; at += ASKED) {
    const views: SlotMap[] = [];
    error = await several(target, candidates.slice(at, at + ASKED), views);
    if (views.length > 0) return majority(views, target.ownerOf);
  }
  throw error;
}

/** Asks side by side: until all have answered, or a while after the first answer. @returns the last error */
function several(target: LookTarget, pools: readonly NodePool[], views: SlotMap[]): Promise<unknown> {
  return new Promise((resolve) => {
    let open = pools.length;
    let last: unknown = null;
    let grace: Timer | null = null;
    const oneLess = (): void => {
      if (--open > 0) return;
      grace?.cancel(); // a client that is closed now must not keep the process
      resolve(last);
    };
    for (const pool of pools) {
      view(target, pool).then(
        (map) => {
          if (map.shards.length > 0) views.push(map);
          if (views.length > 0) grace ??= target.clock.schedule(() => resolve(last), GRACE, true);
          oneLess();
        },
        (error: unknown) => {
          last = error;
          oneLess();
        },
      );
    }
  });
}

async function view(target: LookTarget, pool: NodePool): Promise<SlotMap> {
  const { endpoint, tls } = pool.options;
  const locate = locator(endpoint as TcpEndpoint, target.translate);
  try {
    const map = slotMapOf(readShards(await ask(target, pool, "SHARDS"), locate, tls !== null));
    // Redis 7.2 tells no slots of a shard whose former primary has failed.
    if (!map.owners.includes(-1)) return map;
  } catch (error) {
    if (!(error instanceof ServerError) || !/unknown|syntax|wrong number/i.test(error.message))
      throw named(error, pool);
  }
  return slotMapOf(readSlots(await ask(target, pool, "SLOTS"), locate));
}

function ask({ clock, stopping }: LookTarget, pool: NodePool, what: "SHARDS" | "SLOTS"): Promise<unknown> {
  const request = buildCall("CLUSTER", [what]);
  request.timeout = pool.options.connectTimeout;
  request.deadline = clock.now() + request.timeout;
  request.signal = stopping;
  return pool.execute(request);
}

function named(error: unknown, pool: NodePool): unknown {
  if (!(error instanceof ServerError) || !/cluster support disabled/i.test(error.message))
    return error instanceof RedisError ? error : new ServerError("ERR", String(error));
  const { node } = pool.options;
  const message = `${node} is no node of a cluster (${error.message}): use new Redis() for a single server`;
  return new ConnectError("ERR_CONNECT", message, true, { node, cause: error });
}
