/** npm run fix: generates, lints with repairs, formats, and writes the API report anew. */
import { spawnSync } from "node:child_process";
import { ROOT } from "./setup.mjs";
import { fixes } from "./steps.mjs";

for (const [program, ...args] of fixes) {
  console.log(`> ${[program, ...args].join(" ")}`);
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: "inherit" });
  if (error) console.error(error.message);
  // The rest still helps when one of them finds what it cannot repair.
  if (status !== 0) process.exitCode = 1;
}
