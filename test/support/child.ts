import { spawn } from "node:child_process";

/** How a child process ended, and what it said. */
export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = new URL("../../", import.meta.url);
const ENTRY = new URL("src/index.ts", ROOT).href;
const CACHE = new URL("src/cache/index.ts", ROOT).href;

/**
 * Runs a program (JavaScript, an ES module) in a process of its own, with `Redis`, `ConnectionPool` and the rest of the public
 * entry as `respool`, that of the cache as `cache`, and waits for its end.
 *
 * @param options.timeout it is killed after so long, ms; default 20000
 */
export async function runChild(
  program: string,
  env: Readonly<Record<string, string>> = {},
  options: { timeout?: number } = {},
): Promise<ChildResult> {
  const code = `import * as respool from ${JSON.stringify(ENTRY)};\nimport * as cache from ${JSON.stringify(CACHE)};\n${program}`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 20_000);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve({ code: status, signal, stdout, stderr }));
    });
  } finally {
    clearTimeout(limit);
  }
}
