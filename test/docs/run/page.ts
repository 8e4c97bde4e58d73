// Runs the examples of one page, one after the other, each on an empty server; reports to the parent process.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Redis } from "respool";
import { endAll } from "./redirected.ts";

const LIMIT = 20_000;

const redis = new Redis({ port: Number(process.env["DOCS_SERVER_PORT"]) });

let declaresTests = false;

for (const file of process.argv.slice(2)) {
  await redis.flushall();
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`not done within ${LIMIT / 1000} s: mark it no-run?`)), LIMIT);
  });
  let problem: string | undefined;
  try {
    await Promise.race([import(pathToFileURL(file).href), late]);
  } catch (error) {
    problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  clearTimeout(limit);
  await new Promise((sent) => process.send?.({ file, problem }, sent));
  declaresTests ||= readFileSync(file, "utf8").includes('from "node:test"');
  if (!declaresTests) endAll();
}
await redis.close();
// Tests that an example has declared go on, and set the exit code. Everything else is over, whatever an example left behind.
if (!declaresTests) process.exit();
