/** Packs what would be published into temp/package.tgz, for the checks of the package. Run the build first. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

const temp = join(ROOT, "temp");
mkdirSync(temp, { recursive: true });
const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", "temp"];
const [packed] = JSON.parse(
  execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
);
renameSync(join(temp, packed.filename), join(temp, "package.tgz"));
