// The program behind `npm start`: shows on a real server what the library does, with figures, in less than a minute.
import { writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { parseArgs } from "node:util";
import { ConnectionPool } from "respool";
import { showBlocking } from "./blocking.ts";
import { showComparison } from "./comparison.ts";
import { showGreeting } from "./greeting.ts";
import { showRestart } from "./restart.ts";
import { Screen } from "./screen.ts";
import { showSizing } from "./sizing.ts";
import { type Pace, Stage } from "./stage.ts";

const HELP = `npm start                       the demonstration, on a server that it starts itself
npm start -- --quick            the same with short measurements: its figures say little
npm start -- --json FILE        writes the figures to FILE, too
npm start -- --help             this text

  REDIS_URL        use this server instead, such as redis://localhost:6379/0: it is not restarted,
                   and the keys (respool:demo:…) are removed at the end
  RESPOOL_SERVER   path of the Redis or Valkey server to start
  NO_COLOR         no bold text on a terminal`;

const NORMAL: Pace = { warmUp: 500, duration: 2500 };
const QUICK: Pace = { warmUp: 50, duration: 300 };
/** Room for the 50 blocked pops beside the shared lane. */
const MAX_CONNECTIONS = 64;

interface Arguments {
  readonly help: boolean;
  readonly quick: boolean;
  readonly json: string | undefined;
}

function readArguments(): Arguments | string {
  try {
    const options = {
      help: { type: "boolean", short: "h" },
      quick: { type: "boolean" },
      json: { type: "string" },
    } as const;
    const { help = false, quick = false, json } = parseArgs({ options }).values;
    return { help, quick, json };
  } catch (error) {
    return (error as Error).message;
  }
}

async function demonstrate(stage: Stage, json: string | undefined): Promise<void> {
  await stage.observer.ready();
  const machine = await stage.machine();
  stage.screen.title(`respool, with ${machine}`);
  const pool = stage.own(new ConnectionPool(stage.url, { maxConnections: MAX_CONNECTIONS }));
  const greeting = await showGreeting(stage);
  const comparison = await showComparison(stage);
  const blocking = await showBlocking(stage, pool);
  const restart = await showRestart(stage, pool);
  const sizing = showSizing(stage, pool);
  await pool.close();
  if (json === undefined) return;
  await writeFile(
    json,
    `${JSON.stringify({ machine, greeting, comparison, blocking, restart, ...sizing }, null, 2)}\n`,
  );
}

/** Rejects when a signal asks this process to end; a second one ends it at once. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    let signals = 0;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(128 + constants.signals[signal]);
        reject(new Interrupted(signal));
      });
    }
  });
}

class Interrupted extends Error {
  readonly status: number;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`ended by ${signal}: cleaned up`);
    this.status = 128 + constants.signals[signal];
  }
}

/** Runs everything and returns the exit status. */
async function run({ quick, json }: Arguments): Promise<number> {
  const started = performance.now();
  const screen = new Screen(process.stdout, process.env);
  const url = process.env["REDIS_URL"] === "" ? undefined : process.env["REDIS_URL"];
  const interrupted = interruption();
  interrupted.catch(() => undefined); // it may come before anybody waits for it
  process.stdout.on("error", () => undefined); // a reader such as `head` that has gone is no reason to leave things behind
  let stage: Stage | undefined;
  try {
    stage = await Stage.open(screen, quick ? QUICK : NORMAL, url);
    await Promise.race([demonstrate(stage, json), interrupted]);
    await stage.close();
    screen.line();
    screen.line(
      `done in ${((performance.now() - started) / 1000).toFixed(1)} s; ${url === undefined ? "the server is stopped" : "the keys are removed"}`,
    );
    return 0;
  } catch (error) {
    await stage?.close().catch(() => undefined);
    screen.line();
    process.stderr.write(`respool: ${explain(error)}\n`);
    return error instanceof Interrupted ? error.status : 1;
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  return error.message + code;
}

const given = readArguments();
if (typeof given === "string") {
  process.stderr.write(`respool: ${given}\n\n${HELP}\n`);
  process.exitCode = 2;
} else if (given.help) {
  console.log(HELP);
} else {
  const status = await run(given);
  // After a failure something may still be under way; after a success the process has to end by itself.
  if (status !== 0) process.exit(status);
}
