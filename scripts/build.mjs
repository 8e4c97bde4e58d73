/**
 * npm run build: compiles src/ to dist/, unless it is up to date. With --clean, always: for a release.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuild, ensurePackages, ROOT } from "./setup.mjs";

if (process.argv.includes("--clean")) rmSync(join(ROOT, "dist"), { recursive: true, force: true });
await ensurePackages();
await ensureBuild();
