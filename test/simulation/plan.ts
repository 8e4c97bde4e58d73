import type { RedisOptions } from "respool";
import { Random } from "respool/testing";

/** What a program does, each with its weight. */
const OPERATION_WEIGHTS = {
  echo: 16,
  chain: 6,
  get: 8,
  set: 8,
  append: 12,
  large: 1,
  pipeline: 5,
  multi: 5,
  transaction: 3,
  pop: 8,
  push: 7,
  handover: 4,
  lease: 6,
  subscribe: 2,
  publish: 4,
  stall: 1,
} as const;

/** What happens to it, each with its weight. */
const FAULT_WEIGHTS = {
  reset: 3,
  finish: 3,
  kill: 2,
  blackhole: 2,
  dead: 1,
  deaf: 2,
  mute: 2,
  slow: 2,
  splits: 3,
  refuse: 2,
  silence: 2,
  pause: 3,
  crash: 2,
  loading: 2,
  full: 2,
  invalidate: 2,
  twice: 0,
  never: 0,
} as const;

export type OperationKind = keyof typeof OPERATION_WEIGHTS;
export type FaultKind = keyof typeof FAULT_WEIGHTS;

/** One thing that is done, or happens. Its dice decide the rest, so that it stays the same when others are left out. */
export interface Step<Kind = OperationKind | FaultKind> {
  readonly id: number;
  /** ms since the start. */
  readonly at: number;
  readonly kind: Kind;
  readonly dice: readonly number[];
}

/** All that a run needs beside the seed. */
export interface Plan {
  readonly seed: number;
  readonly options: RedisOptions;
  readonly steps: readonly Step[];
  /** How long the server takes for each command, ms. */
  readonly serviceTime: number;
  /** Bytes on their way beyond which a socket takes no more. */
  readonly highWater: number;
  /** When the last fault has ended, ms. */
  readonly calmAt: number;
  /** When the client is closed under way, ms, and for how long it drains (0: destroyed at once); null: at the end. */
  readonly closing: { readonly at: number; readonly timeout: number } | null;
}

export const DICE = 6;
/** A fault lasts at most so long, ms; what it breaks heals afterwards. */
export const LONGEST_FAULT = 1500;

/** Makes the plan of a seed: bursts of operations, and a few faults among them. */
export function makePlan(seed: number, operations: number): Plan {
  const random = new Random(seed).fork("plan");
  const steps: Omit<Step, "id">[] = [];
  const length = random.between(1000, 8000);
  const dice = (): number[] => Array.from({ length: DICE }, () => random.next());
  while (steps.length < operations) {
    const burst = random.chance(0.5) ? 1 : 1 + random.below(30);
    const at = random.between(0, length);
    const spread = random.chance(0.5) ? 0 : random.between(0, 20);
    for (let n = 0; n < burst && steps.length < operations; n++) {
      steps.push({ at: at + random.next() * spread, kind: draw(OPERATION_WEIGHTS, random), dice: dice() });
    }
  }
  const faults = random.chance(0.1) ? 0 : 1 + random.below(Math.max(1, Math.round(length / 500)));
  for (let n = 0; n < faults; n++)
    steps.push({ at: random.between(0, length), kind: draw(FAULT_WEIGHTS, random), dice: dice() });
  steps.push(...drawMistakes(new Random(seed).fork("mistakes"), length));
  const inOrder = steps.toSorted((one, other) => one.at - other.at).map((step, id) => ({ ...step, id }));
  const closing = random.chance(0.15)
    ? { at: random.between(0, length), timeout: random.pick([0, 1, 100, 1000]) }
    : null;
  const plan = {
    seed,
    options: drawOptions(random),
    steps: inOrder,
    calmAt: length + LONGEST_FAULT,
    serviceTime: 0,
    closing,
    highWater: random.pick([64, 1024, 65_536]),
  };
  return withServiceTime(plan, length, operations);
}

/** In some of the plans the server sends one reply too many or too few: by chance of its own, for the rest of the plan not to change. */
function drawMistakes(random: Random, length: number): Omit<Step, "id">[] {
  if (!random.chance(0.15)) return [];
  return Array.from({ length: 1 + random.below(3) }, () => ({
    at: random.between(0, length),
    kind: random.pick(["twice", "never"] as const),
    dice: Array.from({ length: DICE }, () => random.next()),
  }));
}

/** In a fifth of the plans the server takes its time: it has enough to do, or far too much, and in half of them there is no other trouble. */
function withServiceTime(plan: Plan, length: number, operations: number): Plan {
  const random = new Random(plan.seed).fork("service");
  if (!random.chance(0.2)) return plan;
  const shorter = random.between(500, 2000) / length;
  const isCalm = random.chance(0.5);
  const busy = random.between(0.2, 4);
  // A program that computes for seconds has all its commands of that time at once: none of that is the server's.
  const steps = plan.steps.filter(({ kind }) => kind !== "stall");
  const inTime = steps.map((step) => ({ ...step, at: step.at * shorter }));
  return {
    ...plan,
    steps: isCalm ? inTime.filter(({ kind }) => !isFault(kind)) : inTime,
    calmAt: length * shorter + LONGEST_FAULT,
    closing: plan.closing === null ? null : { ...plan.closing, at: plan.closing.at * shorter },
    // An operation is two or three commands. A handshake of three must fit into its time though others are served as well.
    serviceTime: Math.min((plan.options.connectTimeout ?? 0) / 10, busy * ((length * shorter) / operations / 2.5)),
  };
}

export function isFault(kind: Step["kind"]): kind is FaultKind {
  return kind in FAULT_WEIGHTS;
}

export function draw<Kind extends string>(weights: Readonly<Record<Kind, number>>, random: Random): Kind {
  const entries = Object.entries(weights) as [Kind, number][];
  let left = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of entries) {
    left -= weight;
    if (left < 0) return kind;
  }
  return (entries.at(-1) as [Kind, number])[0];
}

/** Small limits, so that they are met; half of the plans keep the defaults of what is not about time. */
function drawOptions(random: Random): RedisOptions {
  const maxConnections = random.pick([1, 2, 2, 3, 5, 10]);
  const maybe = <T>(probability: number, make: () => T): T | undefined =>
    random.chance(probability) ? make() : undefined;
  return {
    maxConnections,
    minConnections: maybe(0.3, () => random.below(maxConnections + 1)),
    maxLanes: maybe(0.5, () => 1 + random.below(maxConnections)),
    protocol: random.chance(0.25) ? 2 : 3,
    commandTimeout: Math.round(random.between(100, 2000)),
    acquireTimeout: Math.round(random.between(50, 1000)),
    connectTimeout: Math.round(random.between(50, 500)),
    socketTimeout: Math.round(random.between(100, 1000)),
    healthCheckInterval: random.pick([0, 100, 500, 30_000]),
    idleTimeout: random.pick([100, 500, 60_000]),
    maxLifetime: random.pick([500, 2000, 1_800_000]),
    maxInFlight: maybe(0.15, () => 1 + random.below(50)),
    maxQueuedBytes: maybe(0.1, () => 1024 + random.below(100_000)),
    maxWaiting: maybe(0.15, () => random.below(10)),
    reconnect: { minDelay: 1 + random.below(50), maxDelay: 50 + random.below(300) },
    retry: maybe(0.3, () => ({
      attempts: random.below(4),
      effects: random.pick(["none", "read", "overwrite"] as const),
    })),
    retryOnTimeout: random.chance(0.7),
    leakThreshold: maybe(0.2, () => 100),
  };
}
