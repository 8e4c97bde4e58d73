/**
 * Bundles the two entry points into the folder given, one file each: Node reads ninety small modules in 50 ms and one large one
 * in 18. Names stay as they are, so that a stack trace can be read; constants are put where they are used.
 */
import { build } from "esbuild";
import { ROOT } from "./setup.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("bundle.mjs: expected the folder to write to");

await build({
  absWorkingDir: ROOT,
  entryPoints: ["src/index.ts", "src/testing/index.ts"],
  outdir: folder,
  outbase: "src",
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  minifySyntax: true,
  logLevel: "warning",
});
