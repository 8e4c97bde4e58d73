import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Redis } from "respool";
import { startServer } from "../../src/testing/index.ts";
import { allProcesses, isAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";

const ROOT = new URL("../..", import.meta.url);
const DEMO = ["--import", "tsx", "scripts/demo/main.ts"];

/** A run of the demonstration, with everything that it started. */
class Run {
  readonly child: ChildProcess;
  readonly started = new Set<number>();
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, program: readonly string[] = DEMO) {
    const { REDIS_URL: _, ...rest } = process.env;
    this.child = spawn(process.execPath, [...program, ...args], {
      cwd: ROOT,
      env: { ...rest, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** Resolves to the exit status; notes the processes below ours meanwhile. */
  async end(): Promise<number | null> {
    const closed = new Promise<number | null>((resolve) => this.child.once("close", resolve));
    const watch = setInterval(() => this.#note(), 50);
    const status = await closed;
    clearInterval(watch);
    return status;
  }

  /** Waits for a line of the output. */
  async says(text: string): Promise<void> {
    const said = (): boolean => this.stdout.includes(text) || this.child.exitCode !== null;
    await until(said, { timeout: 30_000, what: `"${text}" in the output` });
    this.#note();
    assert.ok(this.stdout.includes(text), `ended before "${text}":\n${this.stdout}${this.stderr}`);
  }

  async leavesNothing(): Promise<void> {
    assert.ok(this.started.size > 0, "the server was not noticed");
    await until(() => [...this.started].every((pid) => !isAlive(pid)), { what: "the end of all that was started" });
  }

  #note(): void {
    const parents = new Set([this.child.pid, ...this.started]);
    for (const { pid, parent } of allProcesses()) {
      if (!parents.has(parent)) continue;
      this.started.add(pid);
      parents.add(pid);
    }
  }
}

test("the demonstration shows every part, writes its figures, ends with 0 and leaves nothing behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "respool-demo-"));
  const file = join(folder, "figures.json");
  try {
    const run = new Run(["--quick", "--json", file]);
    assert.equal(await run.end(), 0, run.stdout + run.stderr);
    assert.equal(run.stderr, "");
    for (const line of [
      /^ {2}get greeting +→ hello$/m,
      /^ {2}new connection per request +[\d,.]+ /m,
      /^ {2}pool, a lease per request +[\d,.]+ /m,
      /^ {2}shared lane: plain redis\.get +[\d,.]+ /m,
      /50 elements were pushed: 50 of 50 got their own/,
      /^ {2}INCR +[\d,]+ +0 +0 +0 +\d+$/m,
      /nothing lost: [\d,]+ increments acknowledged/,
      /^ {2}advice: \S/m,
      /done in [\d.]+ s; the server is stopped/,
    ]) {
      assert.match(run.stdout, line);
    }
    await run.leavesNothing();

    const figures = JSON.parse(await readFile(file, "utf8"));
    assert.equal(figures.greeting, "hello");
    const [fresh, leased, shared] = figures.comparison;
    assert.equal(fresh.connections, fresh.requests, "one connection per request");
    assert.ok(leased.connections <= 50, `${leased.connections} connections for 50 callers`);
    assert.ok(shared.connections <= 4, `${shared.connections} lanes`);
    assert.equal(figures.blocking.served, 50);
    const { commands, acknowledgedIncrements, valueOfCounters, unknownIncrements, restart } = figures.restart;
    assert.ok(restart > 0);
    assert.equal(commands.INCR.succeeded, acknowledgedIncrements);
    assert.ok(acknowledgedIncrements <= valueOfCounters);
    assert.ok(valueOfCounters <= acknowledgedIncrements + unknownIncrements);
    assert.deepEqual(commands.GET.failed, { "not-sent": 0, rejected: 0, unknown: 0 }, "reads are sent again");
    assert.equal(figures.stats.total, figures.stats.lanes + figures.stats.idle + figures.stats.leased);
  } finally {
    await rm(folder, { recursive: true });
  }
});

for (const part of ["1. ", "2. ", "3. ", "4. "]) {
  test(`an interrupt in part ${part.trim()} ends the demonstration with 130 and leaves nothing behind`, async () => {
    const run = new Run(["--quick"]);
    const end = run.end();
    await run.says(`\n${part}`);
    run.child.kill("SIGINT");
    assert.equal(await end, 130, run.stdout + run.stderr);
    assert.match(run.stderr, /ended by SIGINT/);
    await run.leavesNothing();
  });
}

test("with REDIS_URL that server is used, not restarted, and only the demonstration's own keys are removed", async () => {
  await using server = await startServer({ password: "secret word" });
  await using redis = new Redis(server.url);
  await redis.set("greeting", "somebody else's");
  const run = new Run(["--quick"], { REDIS_URL: server.url });
  assert.equal(await run.end(), 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^ {2}get respool:demo:\S+greeting +→ hello$/m);
  assert.match(run.stdout, /restart under load: left out/);
  assert.match(run.stdout, /50 of 50 got their own/);
  assert.match(run.stdout, /done in [\d.]+ s; the keys are removed/);
  assert.doesNotMatch(run.stdout + run.stderr, /secret/);
  assert.deepEqual(await redis.keys("*"), ["greeting"]);
  assert.equal(await redis.get("greeting"), "somebody else's");
});

test("an interrupt with REDIS_URL removes the keys before the end", async () => {
  await using server = await startServer();
  await using redis = new Redis(server.url);
  const run = new Run(["--quick"], { REDIS_URL: server.url });
  const end = run.end();
  await run.says("3. ");
  assert.notEqual(await redis.dbsize(), 0);
  run.child.kill("SIGINT");
  assert.equal(await end, 130, run.stdout + run.stderr);
  await until(async () => (await redis.dbsize()) === 0, { what: "an empty server" });
});

test("a server that cannot be used is one clear line, without the password, and status 1", async () => {
  await using server = await startServer({ password: "right" });
  const url = server.url.replace("right", "wrong-secret");
  const run = new Run(["--quick"], { REDIS_URL: url });
  assert.equal(await run.end(), 1);
  assert.match(run.stderr, /^respool: .*refused.*\n$/);
  assert.doesNotMatch(run.stdout + run.stderr, /wrong-secret/);
});

test("an option that is not known is refused with the help and status 2", async () => {
  const run = new Run(["--quik"]);
  assert.equal(await run.end(), 2);
  assert.match(run.stderr, /--quik/);
  assert.match(run.stderr, /npm start -- --quick/);
});

test("--help goes through npm start's own script, and starts nothing", async () => {
  const run = new Run(["--help"], {}, ["scripts/start.mjs"]);
  assert.equal(await run.end(), 0, run.stderr);
  assert.match(run.stdout, /REDIS_URL/);
  assert.doesNotMatch(run.stdout, /greeting/);
});
