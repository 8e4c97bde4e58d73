import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const ROOT = new URL("../../", import.meta.url);

/** A program of `examples/` as a process of its own. */
export class RunningExample implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #lines: string[] = [];
  #complaint = "";

  /** @param path of the program, from the project's root */
  constructor(path: string, env: Readonly<Record<string, string>>) {
    this.#process = spawn(process.execPath, ["--import", "tsx", path], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exit = once(this.#process, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    const { stdout, stderr } = this.#process;
    assert.ok(stdout !== null && stderr !== null);
    createInterface(stdout).on("line", (line) => {
      this.#lines.push(line);
      this.#process.emit("line");
    });
    stderr.on("data", (chunk: Buffer) => (this.#complaint += chunk.toString()));
  }

  /** What it has printed. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What it has printed on stderr. */
  get complaint(): string {
    return this.#complaint;
  }

  /** Waits for a line that matches, and returns the match. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (let at = 0; ; at++) {
      while (at >= this.#lines.length) {
        const ended = await Promise.race([once(this.#process, "line").then(() => null), this.#exit]);
        if (ended !== null && at >= this.#lines.length)
          assert.fail(`it ended (${JSON.stringify(ended)}) before it printed ${pattern}: ${this.#complaint}`);
      }
      const match = pattern.exec(this.#lines[at] ?? "");
      if (match !== null) return match;
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits for its end, and fails unless it exits by itself with status 0 and without a complaint. */
  async endsWell(): Promise<void> {
    const end = await this.#exit;
    assert.deepEqual(end, { code: 0, signal: null }, this.#complaint);
    assert.equal(this.#complaint, "");
  }

  /** Waits for its end, however it comes. */
  async ended(): Promise<void> {
    await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exit;
  }
}
