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
  /** Of who knows it as of the newest failover. */
  readonly replicas: readonly TcpEndpoint[];
  readonly isSettling: boolean;
  /** How many name it. */
  readonly votes: number;
}

/** The primaries that are named: that of the newest failover first; of the same one, that which most name. */
export function candidatesOf(views: readonly SentinelView[]): Candidate[] {
  const named = new Map<string, Candidate>();
  for (const view of views) {
    if (view.primary === null) continue;
    const node = nodeOf(view.primary);
    const known = named.get(node);
    const newest = known !== undefined && known.epoch >= view.epoch ? known : view;
    const { epoch, replicas, isSettling } = newest;
    named.set(node, { primary: view.primary, epoch, replicas, isSettling, votes: (known?.votes ?? 0) + 1 });
  }
  return [...named.values()].sort((a, b) => b.epoch - a.epoch || b.votes - a.votes);
}
