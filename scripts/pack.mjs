/** Packs what would be published into temp/package.tgz, for the checks of the package. Run the build first. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const temp = join(root, "temp");
mkdirSync(temp, { recursive: true });
const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", "temp"];
const [packed] = JSON.parse(
  execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
);
renameSync(join(temp, packed.filename), join(temp, "package.tgz"));
