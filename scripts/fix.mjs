/** npm run fix: generates, lints with repairs, formats, and writes the API report anew. */
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { fixes } from "./steps.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

for (const [file, ...args] of fixes) {
  console.log(`> ${[file, ...args].join(" ")}`);
  const program = file === "node" ? process.execPath : file;
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: "inherit" });
  if (error) console.error(error.message);
  // The rest still helps when one of them finds what it cannot repair.
  if (status !== 0) process.exitCode = 1;
}
