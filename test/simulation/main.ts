/**
 * Runs seeds in this process and tells its parent, or the terminal, about them: one line of JSON per message.
 * scripts/simulate.mjs bundles it, with a planted bug where that is asked for, and runs one per processor.
 *
 *     node main.mjs WORLD FROM STEP COUNT OPERATIONS [--until-failure]
 */
import { planOf, play, type WorldKind } from "./play.ts";
import { isFault } from "./plan.ts";
import { shrink, traceOf } from "./shrink.ts";

/** After so many seeds a message says how far it is. */
const REPORT_EVERY = 20;

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function main(): Promise<void> {
  const world = process.argv[2] as WorldKind;
  const [from = 1, step = 1, count = 1, operations = 100] = process.argv.slice(3, 7).map(Number);
  const outcomes: Record<string, number> = {};
  let events = 0;
  let time = 0;
  let faults = 0;
  for (let n = 0; n < count; n++) {
    const seed = from + n * step;
    const plan = planOf(world, seed, operations);
    const report = await play(plan, false);
    events += report.events;
    time += report.time;
    faults +=
      "cluster" in plan ? plan.steps.length - operations : plan.steps.filter(({ kind }) => isFault(kind)).length;
    for (const { state, outcome } of report.ledger.operations) {
      const name = state === "succeeded" ? "succeeded" : String(outcome);
      outcomes[name] = (outcomes[name] ?? 0) + 1;
    }
    const [violation] = report.ledger.violations;
    if (violation !== undefined) {
      if (process.argv.includes("--until-failure")) return say({ kind: "found", seed, tried: n + 1, violation });
      const small = await shrink(plan, violation);
      const { trace } = await traceOf(small.plan);
      say({
        kind: "failure",
        seed,
        violation: small.violation,
        options: "cluster" in plan ? { mood: plan.mood, ...plan.cluster, ...plan.options } : plan.options,
        steps: small.plan.steps.length,
        of: plan.steps.length,
        trace,
      });
      return;
    }
    if ((n + 1) % REPORT_EVERY === 0 || n + 1 === count)
      say({ kind: "progress", seeds: n + 1, outcomes, events, time, faults });
  }
}

await main();
