/** The peers, and what draws the chart, are packages of this folder and of caches/ alone; they are installed when they are first needed. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The other clients, and what draws the chart. */
export function installPeers() {
  install("the other clients", "bench/package.json", new URL(".", import.meta.url));
}

/** The other caches. */
export function installCaches() {
  install("the other caches", "bench/caches/package.json", new URL("caches/", import.meta.url));
}

function install(what, where, folder) {
  if (existsSync(new URL("node_modules/.package-lock.json", folder))) return;
  console.log(`installing ${what} (${where}) …`);
  // No install script is run: none of them needs one, and bun's would only link the program that its package brings anyway.
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: fileURLToPath(folder),
    stdio: "inherit",
  });
}
