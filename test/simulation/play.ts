import { makeClusterPlan, type ClusterPlan } from "./cluster/plan.ts";
import { ClusterPlayer } from "./cluster/player.ts";
import { makePlan, type Plan } from "./plan.ts";
import { Player } from "./player.ts";
import type { Report } from "./stage.ts";

/** What a client of one server does and meets, or one of a cluster. */
export type AnyPlan = Plan | ClusterPlan;

export type WorldKind = "server" | "cluster";

/** Makes the plan of a seed. */
export function planOf(world: WorldKind, seed: number, operations: number): AnyPlan {
  return world === "cluster" ? makeClusterPlan(seed, operations) : makePlan(seed, operations);
}

/** Plays a plan from its begin. */
export function play(plan: AnyPlan, traced: boolean): Promise<Report> {
  return "cluster" in plan ? new ClusterPlayer(plan, traced).play() : new Player(plan, traced).play();
}

/** The same plan with fewer steps. */
export function withSteps(plan: AnyPlan, steps: AnyPlan["steps"]): AnyPlan {
  return { ...plan, steps } as AnyPlan;
}
