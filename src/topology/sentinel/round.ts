import type { Clock, Timer } from "../../base/clock.ts";
import { nodeOf } from "../../base/addresses.ts";
import type { TcpEndpoint } from "../../base/transport.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import type { SentinelView } from "./view.ts";

/** How many sentinels are asked at once; there are rarely more. */
const ASKED = 7;
/** How long the others may take once one has answered, ms. */
const GRACE = 200;

/** What several sentinels have answered. */
export interface Answers {
  readonly views: readonly SentinelView[];
  /** Why the others have not answered. */
  readonly errors: readonly unknown[];
}

/** Asks several sentinels side by side; the next few where none of these answers. */
export async function askAll(
  clock: Clock,
  pools: readonly NodePool[],
  ask: (pool: NodePool) => Promise<SentinelView>,
): Promise<Answers> {
  const errors: unknown[] = [];
  for (let at = 0; at < pools.length; at += ASKED) {
    const views: SentinelView[] = [];
    await some(clock, pools.slice(at, at + ASKED), ask, { views, errors });
    // Copies: who answers later is not heard any more.
    if (views.length > 0) return { views: [...views], errors: [...errors] };
  }
  return { views: [], errors };
}

/** Returns when all that can be reached have answered, or a while after the first answer: the one that knows most may come last. */
function some(
  clock: Clock,
  pools: readonly NodePool[],
  ask: (pool: NodePool) => Promise<SentinelView>,
  { views, errors }: { views: SentinelView[]; errors: unknown[] },
): Promise<void> {
  return new Promise((resolve) => {
    let grace: Timer | null = null;
    const open = new Set(pools);
    const expected = new Set(pools.filter((pool) => pool.isReachable));
    const oneLess = (pool: NodePool): void => {
      open.delete(pool);
      expected.delete(pool);
      if (open.size > 0 && (expected.size > 0 || views.length === 0)) return;
      grace?.cancel();
      resolve();
    };
    for (const pool of pools) {
      ask(pool).then(
        (view) => {
          views.push(view);
          grace ??= clock.schedule(resolve, GRACE, true);
          oneLess(pool);
        },
        (error: unknown) => {
          errors.push(error);
          oneLess(pool);
        },
      );
    }
  });
}

/** A primary that some sentinels name. */
export interface Candidate {
  readonly primary: TcpEndpoint;
  readonly epoch: number;
  /** Of all who know it as of the newest failover, in an order that is always the same. */
  readonly replicas: readonly TcpEndpoint[];
  readonly isSettling: boolean;
  /** Whether some hold a replica to follow that others hold to be down: soon they will agree, and only one of them is heard. */
  readonly isDivided: boolean;
  /** How many name it. */
  readonly votes: number;
}

/** The primaries that are named: that of the newest failover first; of the same one, that which most name. */
export function candidatesOf(views: readonly SentinelView[]): Candidate[] {
  const named = new Map<string, SentinelView[]>();
  for (const view of views) {
    if (view.primary === null) continue;
    const node = nodeOf(view.primary);
    named.set(node, [...(named.get(node) ?? []), view]);
  }
  return [...named.values()].map(candidateOf).sort((a, b) => b.epoch - a.epoch || b.votes - a.votes);
}

/** What all who name one primary know together. */
function candidateOf(views: readonly SentinelView[]): Candidate {
  const epoch = Math.max(...views.map((view) => view.epoch));
  const newest = views.filter((view) => view.epoch === epoch);
  return {
    primary: (newest[0] as SentinelView).primary as TcpEndpoint,
    epoch,
    replicas: replicasOf(newest),
    isSettling: newest.some((view) => view.isSettling),
    isDivided: isDivided(newest),
    votes: views.length,
  };
}

/**
 * The replicas that more hold to follow than to be down. Each sentinel finds a new one in its own time, up to 10 s apart, and only one of
 * them is heard: that somebody knows it is enough.
 */
function replicasOf(views: readonly SentinelView[]): TcpEndpoint[] {
  const found = new Map<string, { endpoint: TcpEndpoint; votes: number }>();
  const count = (endpoint: TcpEndpoint, vote: number): void => {
    const node = nodeOf(endpoint);
    found.set(node, { endpoint, votes: (found.get(node)?.votes ?? 0) + vote });
  };
  for (const { replicas, down } of views) {
    for (const endpoint of replicas) count(endpoint, 1);
    for (const endpoint of down) count(endpoint, -1);
  }
  return [...found.values()]
    .filter(({ votes }) => votes > 0)
    .map(({ endpoint }) => endpoint)
    .sort((a, b) => (a.host === b.host ? a.port - b.port : a.host < b.host ? -1 : 1));
}

function isDivided(views: readonly SentinelView[]): boolean {
  const up = new Set(views.flatMap(({ replicas }) => replicas.map(nodeOf)));
  return views.some(({ down }) => down.some((endpoint) => up.has(nodeOf(endpoint))));
}
