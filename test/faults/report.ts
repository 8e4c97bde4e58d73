import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A row of docs/reliability.md. */
export interface ReportedFault {
  /** Its number in the matrix. */
  readonly row: number;
  readonly name: string;
  /** What happens, in a sentence. */
  readonly what: string;
}

/** Where a fault meets the client. */
export type Situation = "idle" | "under load" | "mid-pipeline" | "mid-lease";

/**
 * Tells what was measured, if RESPOOL_FAULT_REPORT names a file: one line of JSON. `node scripts/fault-report.mjs` makes the table.
 *
 * @param file `import.meta.url` of the test
 * @param recovery ms from the end of the fault to the first success
 */
export function report(file: string, fault: ReportedFault, situation: Situation, recovery: number): void {
  const path = process.env["RESPOOL_FAULT_REPORT"];
  if (path === undefined || path === "") return;
  const { row, name, what } = fault;
  const line = { row, name, what, situation, recovery, file: relative(ROOT, fileURLToPath(file)) };
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}
