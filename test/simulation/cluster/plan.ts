import type { ClusterOptions, ReadFrom } from "respool";
import { Random, type SimulatedClusterOptions } from "respool/testing";
import { DICE, draw, LONGEST_FAULT, type Plan, type Step } from "../plan.ts";

/** What a program does, each with its weight. */
const OPERATIONS = {
  echo: 6,
  chain: 3,
  get: 8,
  set: 8,
  append: 12,
  large: 1,
  mget: 6,
  mset: 5,
  remove: 3,
  exists: 4,
  pipeline: 8,
  multi: 6,
  transaction: 5,
  pop: 8,
  handover: 3,
  push: 7,
  scan: 1,
  size: 1,
  crossed: 1,
  stall: 1,
} as const;

/** What those who run a cluster do with it: nobody who uses it may notice. */
const PLANNED = { reshard: 6, failover: 4, join: 1, leave: 1 } as const;

/** How a primary is lost. */
const LOSSES = { crash: 3, pause: 2, cutOff: 2, takeover: 1 } as const;

/** What else happens to it. */
const MISHAPS = {
  reset: 3,
  finish: 3,
  kill: 2,
  blackhole: 2,
  dead: 1,
  deaf: 2,
  mute: 2,
  slow: 2,
  splits: 2,
  refuse: 1,
  silence: 2,
  loading: 2,
  full: 1,
  invalidate: 1,
  loop: 2,
} as const;

export type ClusterOperation = keyof typeof OPERATIONS;
export type ClusterFault = keyof typeof PLANNED | keyof typeof LOSSES | keyof typeof MISHAPS;
export type ClusterStep = Step<ClusterOperation | ClusterFault>;

/** What a seed is about: planned changes only, a primary that is lost now and then, or everything at once. */
export type Mood = "planned" | "losses" | "chaos";

/** A plan for a cluster. */
export interface ClusterPlan extends Omit<Plan, "steps" | "options" | "serviceTime"> {
  readonly mood: Mood;
  readonly options: ClusterOptions;
  readonly cluster: Required<Pick<SimulatedClusterOptions, "primaries" | "replicas" | "detection" | "spread">>;
  readonly steps: readonly ClusterStep[];
}

/** Between two losses all must be well again, ms. */
const REST = 3500;

/** Makes the plan of a seed: bursts of operations, and changes of the cluster and faults among them. */
export function makeClusterPlan(seed: number, operations: number): ClusterPlan {
  const random = new Random(seed).fork("cluster plan");
  const mood = draw({ planned: 4, losses: 3, chaos: 3 }, random);
  const cluster = {
    primaries: 2 + random.below(3),
    replicas: mood === "chaos" ? random.below(3) : 1 + random.below(2),
    detection: Math.round(random.between(200, 1500)),
    spread: Math.round(random.between(5, 100)),
  };
  const faults = drawFaults(mood, random, cluster.detection);
  const length = Math.max(random.between(1000, 4000), ...faults.map(({ at }) => at + 1000));
  const steps = [...faults, ...drawOperations(operations, length, mood, random)];
  return {
    seed,
    mood,
    cluster,
    options: drawOptions(mood, random, cluster.detection),
    steps: steps.toSorted((one, other) => one.at - other.at).map((step, id) => ({ ...step, id })),
    calmAt: length + LONGEST_FAULT,
    closing:
      mood === "chaos" && random.chance(0.15)
        ? { at: random.between(0, length), timeout: random.pick([0, 1, 100, 1000]) }
        : null,
    highWater: random.pick([64, 1024, 65_536]),
  };
}

const diceOf = (random: Random): number[] => Array.from({ length: DICE }, () => random.next());

type Drawn = Omit<ClusterStep, "id">;

function drawOperations(count: number, length: number, mood: Mood, random: Random): Drawn[] {
  const steps: Drawn[] = [];
  // A program that computes for seconds has late replies whatever the cluster does.
  const weights = mood === "chaos" ? OPERATIONS : { ...OPERATIONS, stall: 0 };
  while (steps.length < count) {
    const burst = random.chance(0.5) ? 1 : 1 + random.below(30);
    const at = random.between(0, length);
    const spread = random.chance(0.5) ? 0 : random.between(0, 20);
    for (let n = 0; n < burst && steps.length < count; n++)
      steps.push({ at: at + random.next() * spread, kind: draw(weights, random), dice: diceOf(random) });
  }
  return steps;
}

function drawFaults(mood: Mood, random: Random, detection: number): Drawn[] {
  if (mood === "losses") {
    return Array.from({ length: 1 + random.below(2) }, (_, n) => ({
      at: random.between(50, 500) + n * (detection + REST),
      kind: draw(LOSSES, random),
      dice: diceOf(random),
    }));
  }
  const weights = mood === "planned" ? PLANNED : { ...PLANNED, ...LOSSES, ...MISHAPS };
  return Array.from({ length: 1 + random.below(8) }, () => ({
    at: random.between(0, 3000),
    kind: draw(weights, random) as ClusterFault,
    dice: diceOf(random),
  }));
}

/** Where nobody may notice a change, limits are wide enough for it; elsewhere small, so that they are met. */
function drawOptions(mood: Mood, random: Random, detection: number): ClusterOptions {
  const common = {
    protocol: random.chance(0.25) ? 2 : 3,
    refreshInterval: random.pick([0, 1000, 60_000]),
    healthCheckInterval: random.pick([0, 100, 500, 30_000]),
    idleTimeout: random.pick([100, 500, 60_000]),
    maxLifetime: random.pick([500, 2000, 1_800_000]),
    readFrom: random.pick<ReadFrom>(["primary", "primary", "primary", "replica", "preferReplica", "nearest"]),
    reconnect: { minDelay: 1 + random.below(50), maxDelay: 50 + random.below(300) },
  } as const;
  if (mood !== "chaos") {
    return {
      ...common,
      maxConnections: 40,
      commandTimeout: Math.round(random.between(3000, 5000)) + detection,
      acquireTimeout: 3000 + detection,
      socketTimeout: 5000,
      connectTimeout: Math.round(random.between(100, 2000)),
    };
  }
  return {
    ...common,
    maxConnections: random.pick([1, 2, 3, 5, 10]),
    maxTotalConnections: random.chance(0.4) ? 2 + random.below(12) : 1000,
    commandTimeout: Math.round(random.between(100, 2000)),
    acquireTimeout: Math.round(random.between(50, 1000)),
    connectTimeout: Math.round(random.between(50, 500)),
    socketTimeout: Math.round(random.between(100, 1000)),
    maxInFlight: random.chance(0.15) ? 1 + random.below(50) : undefined,
    retry: random.chance(0.3)
      ? { attempts: random.below(4), effects: random.pick(["none", "read", "overwrite"] as const) }
      : undefined,
    retryOnTimeout: random.chance(0.7),
  };
}

export function isOperation(kind: ClusterStep["kind"]): kind is ClusterOperation {
  return kind in OPERATIONS;
}
