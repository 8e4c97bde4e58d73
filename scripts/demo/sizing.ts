import type { ConnectionPool, PoolStats, SizingAdvice } from "respool";
import { show } from "./screen.ts";
import type { Stage } from "./stage.ts";

/** What the pool has done in the parts before, and what it advises. */
export function showSizing(stage: Stage, pool: ConnectionPool): { stats: PoolStats; advice: SizingAdvice } {
  const { screen } = stage;
  screen.heading("What the pool says of itself");
  const stats = pool.stats();
  const advice = pool.advise();
  const { total, idle, leased, lanes, subscribers, repairing, acquired, created, destroyed, timeouts, rejected } =
    stats;
  screen.table(
    ["now", "total", "idle", "leased", "lanes", "subscribers", "repairing"],
    [["connections", total, idle, leased, lanes, subscribers, repairing]],
  );
  screen.line();
  screen.table(
    ["since its start", "leases", "opened", "closed", "timeouts", "rejected", "held p99 ms"],
    [["", acquired, created, destroyed, timeouts, rejected, stats.useTime.p99]],
  );
  const reasons = Object.entries(stats.closedBecause).map(([reason, count]) => `${reason} ${show(count)}`);
  screen.line();
  if (reasons.length > 0) screen.line(`closed because: ${reasons.join(", ")}`);
  screen.line(`advice: ${advice.reason}`);
  screen.line(`(requests per second / 1000 + 10 would be ${show(advice.ruleOfThumb)} connections without sharing)`);
  return { stats, advice };
}
