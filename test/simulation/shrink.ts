import type { Violation } from "./ledger.ts";
import { play, withSteps, type AnyPlan } from "./play.ts";
import type { Report } from "./stage.ts";

/** A plan that still fails, with as little in it as was found. */
export interface Shrunk {
  readonly plan: AnyPlan;
  readonly violation: Violation;
}

/** The most plans to try. */
const MOST_TRIES = 2000;

/** The first broken promise of a plan; null when all were kept. */
async function firstViolation(plan: AnyPlan): Promise<Violation | null> {
  const report = await play(plan, false);
  return report.ledger.violations[0] ?? null;
}

/** Leaves steps out for as long as the same promise stays broken: halves first, then ever smaller parts, down to single steps. */
export async function shrink(plan: AnyPlan, violation: Violation): Promise<Shrunk> {
  let { steps } = plan;
  let latest = violation;
  let tried = 0;
  const stillFails = async (fewer: AnyPlan["steps"]): Promise<boolean> => {
    tried++;
    const found = await firstViolation(withSteps(plan, fewer));
    if (found === null || found.rule !== violation.rule) return false;
    latest = found;
    return true;
  };
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1 && tried < MOST_TRIES;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < steps.length && tried < MOST_TRIES;) {
      const fewer = [...steps.slice(0, from), ...steps.slice(from + size)] as AnyPlan["steps"];
      if (await stillFails(fewer)) steps = fewer;
      else from += size;
    }
  }
  return { plan: withSteps(plan, steps), violation: latest };
}

/** What happened in a plan, for a person to read. */
export async function traceOf(plan: AnyPlan): Promise<Report> {
  return play(plan, true);
}
