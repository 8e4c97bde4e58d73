/**
 * Soaks, or overloads, in this process: scripts/soak.mjs gives the options, as JSON, and says what they are.
 */
import { overload, type OverloadReport } from "./overload.ts";
import { megabytes, soak, type SoakOptions, type SoakReport } from "./soak.ts";

interface MainOptions extends SoakOptions {
  readonly overload: boolean;
  readonly json: boolean;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function counted(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

function promised(violations: readonly string[]): string {
  if (violations.length === 0) return "every promise was kept";
  return `BROKEN:\n${violations.map((violation) => `  ${violation}`).join("\n")}`;
}

function again({ seconds, seed, connections, every }: SoakOptions): string {
  return `  again: npm run soak -- --seconds ${seconds} --seed ${seed} --connections ${connections} --every ${every}`;
}

function showSoak(report: SoakReport, options: SoakOptions): string {
  const { load, faults, recoveries, oracle, start, end } = report;
  return `load        ${load.held} operations/s held, ${load.offered} offered, of ${load.capacity} that there is room for; ${report.operations} in all
faults      ${faults.total} survived: ${counted(faults.kinds)}
recoveries  ${recoveries.count}: median ${recoveries.median} ms, longest ${recoveries.max} ms, limit ${recoveries.limit} ms beside what the event loop stalls
outcomes    ${counted(report.outcomes)}
errors      ${counted(report.errors)}
kinds       ${counted(report.kinds)}
checked     ${oracle.values} values, ${oracle.samples} looks at the statistics, ${oracle.writes} writes found, ${oracle.jobs} jobs popped, ${oracle.messages} messages with ${oracle.gaps} gaps
connections ${report.connections.opened} opened; ended: ${counted(report.connections.ended)}
memory      ${megabytes(start.heap)} at the start, ${megabytes(end.heap)} in the end
left        sockets ${start.sockets} → ${end.sockets}, timers ${start.timers} → ${end.timers}, listeners ${start.listeners} → ${end.listeners}
seed ${report.seed}: ${promised(report.violations)}${report.ok ? "" : `\n${again(options)}`}`;
}

function showOverload(report: OverloadReport): string {
  const { heap } = report;
  return `load        ${report.calls} calls at ${report.offered}/s, of ${report.capacity}/s that there is room for
accepted    ${report.succeeded} succeeded, ${report.late} late, ${report.failed} failed; in the second half ${(100 * report.inTime).toFixed(1)} % in time, ${report.goodput}/s
refused     ${counted(report.refused)}; ${report.refusalCost.toFixed(1)} µs of CPU each
            ${report.message}
deadlines   settled ${report.latest} ms after its deadline at the latest
in flight   ${report.mostInFlight} at most
memory      ${megabytes(heap.start)} at the start, ${megabytes(heap.most)} at most
recovery    ${report.recovery} ms after the load's end; then ${report.afterwards} of 200 commands succeeded
${promised(report.violations)}`;
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as MainOptions;
  let text: string;
  let report: SoakReport | OverloadReport;
  if (options.overload) {
    report = await overload(options.seconds, tell);
    text = showOverload(report);
  } else {
    report = await soak(options, tell);
    text = showSoak(report, options);
  }
  process.stdout.write(`${options.json ? JSON.stringify(report) : text}\n`);
  process.exitCode = report.ok ? 0 : 1;
}

await main();
