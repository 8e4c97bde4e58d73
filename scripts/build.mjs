/**
 * npm run build: compiles src/ to dist/. With --clean, dist/ is removed before: for a release, so that no file of an
 * earlier build is packed.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, TSC } from "./setup.mjs";

if (process.argv.includes("--clean")) rmSync(join(ROOT, "dist"), { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [TSC, "-p", "tsconfig.build.json"], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
