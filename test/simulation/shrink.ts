import type { Violation } from "./ledger.ts";
import type { Plan, Step } from "./plan.ts";
import { Player, type Report } from "./player.ts";

/** A plan that still fails, with as little in it as was found. */
export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  /** How many plans were tried. */
  readonly tried: number;
}

/** The first broken promise of a plan; null when all were kept. */
export async function firstViolation(plan: Plan): Promise<Violation | null> {
  const report = await new Player(plan, false).play();
  return report.ledger.violations[0] ?? null;
}

/**
 * Leaves steps out for as long as the same promise stays broken: halves first, then ever smaller parts, down to single steps.
 *
 * @param limit the most plans to try
 */
export async function shrink(plan: Plan, violation: Violation, limit = 2000): Promise<Shrunk> {
  let steps = plan.steps;
  let latest = violation;
  let tried = 0;
  const stillFails = async (fewer: readonly Step[]): Promise<boolean> => {
    tried++;
    const found = await firstViolation({ ...plan, steps: fewer });
    if (found === null || found.rule !== violation.rule) return false;
    latest = found;
    return true;
  };
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1 && tried < limit;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < steps.length && tried < limit;) {
      const fewer = [...steps.slice(0, from), ...steps.slice(from + size)];
      if (await stillFails(fewer)) steps = fewer;
      else from += size;
    }
  }
  return { plan: { ...plan, steps }, violation: latest, tried };
}

/** What happened in a plan, for a person to read. */
export async function traceOf(plan: Plan): Promise<Report> {
  return new Player(plan, true).play();
}
