/** The peers, and what draws the chart, are packages of this folder alone; they are installed when they are first needed. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

export function installPeers() {
  if (existsSync(new URL("node_modules/.package-lock.json", import.meta.url))) return;
  console.log("installing the other clients (bench/package.json) …");
  // No install script is run: none of them needs one, and bun's would only link the program that its package brings anyway.
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here, stdio: "inherit" });
}
