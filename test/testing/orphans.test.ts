import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../../src/testing/index.ts";
import { allProcesses, findProcess, isAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";
import { type Compiled, compileTesting } from "./fixtures/compiled.ts";

interface Kept {
  pid: number;
  path: string;
  port: number;
}

let compiled: Compiled;

before(async () => {
  compiled = await compileTesting();
});

after(async () => {
  await rm(compiled.folder, { recursive: true });
});

/** Runs the keeper as a process of its own, by default from compiled code on plain Node. */
function keep(
  behaviour: string,
  options: { source?: boolean; uid?: number; env?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  const source = new URL("../../src/testing/index.ts", import.meta.url).href;
  const args =
    options.source === true ? ["--import", "tsx", compiled.keeper, source] : [compiled.keeper, compiled.module];
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const cwd = options.source === true ? process.cwd() : compiled.folder;
  const env = { ...process.env, ...options.env };
  return spawn(process.execPath, [...args, behaviour], { cwd, env, stdio: ["ignore", "pipe", "pipe"], ...identity });
}

/** What the keeper says about its server, and everything it says after that. */
async function firstWords(keeper: ChildProcess): Promise<{ kept: Kept; rest: () => string[] }> {
  assert.ok(keeper.stdout !== null && keeper.stderr !== null);
  let complaint = "";
  keeper.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const lines: string[] = [];
  createInterface({ input: keeper.stdout }).on("line", (line) => lines.push(line));
  await until(() => lines.length > 0 || keeper.exitCode !== null, { timeout: 20_000, what: "the keeper's first line" });
  assert.ok(lines[0] !== undefined, complaint);
  return { kept: JSON.parse(lines[0]) as Kept, rest: () => lines.slice(1) };
}

async function nothingIsLeft(kept: Kept): Promise<void> {
  await until(() => !isAlive(kept.pid), { what: "the server's end" });
  await until(() => !existsSync(dirname(kept.path)), { what: "the directory's end" });
}

for (const source of [false, true]) {
  for (const behaviour of ["wait", "pause"]) {
    const what = behaviour === "pause" ? "a paused server" : "a server";
    test(`${what} ends when its test process is killed (${source ? "from source" : "compiled"})`, async () => {
      const keeper = keep(behaviour, { source });
      const { kept } = await firstWords(keeper);
      assert.ok(isAlive(kept.pid) && existsSync(kept.path));
      keeper.kill("SIGKILL");
      await once(keeper, "exit");
      await nothingIsLeft(kept);
    });
  }
}

test("a server ends with a test process that is interrupted, throws or exits", async () => {
  for (const [behaviour, signal, status] of [
    ["wait", "SIGINT", null],
    ["throw", undefined, 1],
    ["exit", undefined, 3],
  ] as const) {
    const keeper = keep(behaviour);
    const exited = once(keeper, "exit");
    const { kept } = await firstWords(keeper);
    if (signal !== undefined) keeper.kill(signal);
    assert.equal((await exited)[0], status);
    await nothingIsLeft(kept);
  }
});

test("a server does not keep the event loop alive, but restart and stop are waited for", async () => {
  const idle = keep("fall off the end");
  const idleExit = once(idle, "exit");
  const { kept } = await firstWords(idle);
  assert.deepEqual(await idleExit, [0, null]);
  await nothingIsLeft(kept);

  const stopping = keep("stop");
  const stoppingExit = once(stopping, "close");
  const { rest } = await firstWords(stopping);
  // Node ends with 13 where a top-level await is left with nothing to wait for.
  assert.deepEqual(await stoppingExit, [0, null]);
  assert.deepEqual(rest(), ["stopped"]);
});

test("killed at any moment while it starts servers, a test process leaves nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rp-"));
  for (let round = 0; round < 12; round++) {
    const keeper = keep("start-again-and-again", { env: { TMPDIR: folder } });
    await firstWords(keeper);
    await sleep(round * 7);
    keeper.kill("SIGKILL");
    await once(keeper, "exit");
  }
  await until(async () => (await readdir(folder)).length === 0, { what: "an empty temporary folder" });
  await until(() => !allProcesses().some((one) => one.command.includes(folder)), { what: "no process" });
  await rm(folder, { recursive: true });
});

test("a server whose supervisor is killed ends too, and stop removes the directory", async () => {
  const server = await startServer();
  const { pid, path } = server;
  assert.ok(pid !== undefined);
  const supervisor = findProcess(pid)?.parent;
  assert.ok(supervisor !== undefined && findProcess(supervisor)?.command.includes("respool-supervisor") === true);
  process.kill(supervisor, "SIGKILL");
  await until(() => !isAlive(pid));
  await server.stop();
  assert.equal(existsSync(dirname(path)), false);
});

test("an ordinary user can start a server", async (t) => {
  const nobody = 65_534;
  const isRoot = process.getuid?.() === 0;
  // Where Node itself is in root's home, no other user can run it: then this shows what it can, with the user at hand.
  const canSwitch =
    isRoot && spawnSync(process.execPath, ["--version"], { uid: nobody, gid: nobody, cwd: "/" }).status === 0;
  t.diagnostic(canSwitch ? "as nobody" : `as user ${process.getuid?.()}`);
  const folder = await mkdtemp(join(tmpdir(), "rp-"));
  await chmod(folder, 0o777);
  const keeper = keep("wait", { env: { TMPDIR: folder, HOME: folder }, ...(canSwitch ? { uid: nobody } : {}) });
  const { kept } = await firstWords(keeper);
  assert.equal(findProcess(kept.pid)?.user, canSwitch ? nobody : process.getuid?.());
  keeper.kill("SIGKILL");
  await nothingIsLeft(kept);
  assert.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
});
