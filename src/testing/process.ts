import { type ChildProcess, spawn } from "node:child_process";
import { readFile, rm, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TestServerError } from "./errors.ts";
import { SUPERVISOR } from "./supervisor.ts";

/** `opening` until the directory is there; `stopped` also before the first start; `closed` is for good. */
export type ProcessState = "opening" | "stopped" | "starting" | "running" | "closed";

const STOP_GRACE = 2000;

/**
 * One program in one directory of its own, started and stopped any number of times, under a supervisor which ends it
 * and removes the directory when this process is gone. It knows nothing of what the program is.
 *
 * It never keeps the event loop alive by itself, only while one of its methods is awaited.
 */
export class SupervisedProcess {
  readonly directory: string;
  #state: ProcessState = "opening";
  #pid: number | undefined;
  #exitStatus: number | undefined;
  #logStart = 0;
  #holds = 0;
  #waiters: (() => void)[] = [];
  readonly #shell: ChildProcess;
  readonly #orders: Socket;
  readonly #reports: Socket;

  /**
   * Starts the supervisor, and nothing else yet.
   *
   * @param directory is made now, and removed in the end
   * @param command is run in it
   */
  static async open(directory: string, command: readonly [string, ...string[]]): Promise<SupervisedProcess> {
    const supervised = new SupervisedProcess(directory, command);
    await supervised.#until(() => supervised.#state !== "opening");
    if (supervised.#state === "closed")
      throw new TestServerError(
        "ERR_SERVER_START",
        `cannot make the directory ${directory}: it should not exist, and its parent be writable`,
      );
    return supervised;
  }

  private constructor(directory: string, command: readonly [string, ...string[]]) {
    this.directory = directory;
    // A session of its own: an interrupt from the terminal must not end the supervisor before the test process.
    this.#shell = spawn("/bin/sh", ["-c", SUPERVISOR, "respool-supervisor", directory, ...command], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore", "pipe"],
    });
    this.#reports = this.#shell.stdio[1] as Socket;
    this.#orders = this.#shell.stdio[3] as Socket;
    this.#listen();
    this.#release();
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** The running program's process id. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** How the last run ended: its exit status, 128 + signal number after a signal. */
  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  /** Starts the program; resolves when it has a process id, or has ended already. */
  async start(): Promise<void> {
    if (this.#state !== "stopped") throw new Error(`a ${this.#state} process cannot be started`);
    this.#logStart = await stat(this.#logPath).then(
      (log) => log.size,
      () => 0,
    );
    this.#moveTo("starting");
    this.#orders.write("start\n");
    await this.#until(() => this.#state !== "starting");
  }

  /** Sends a signal to the program; false if it does not run. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.#pid === undefined) return false;
    try {
      return process.kill(this.#pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
      throw error;
    }
  }

  /** Ends the program, a stopped (SIGSTOP) one too: by SIGTERM, and by SIGKILL if it is still there after two seconds. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#state === "starting") await this.#until(() => this.#state !== "starting");
    if (this.#state !== "running") return;
    this.signal(signal);
    this.signal("SIGCONT");
    const patience = new AbortController();
    void sleep(STOP_GRACE, undefined, { signal: patience.signal }).then(
      () => this.signal("SIGKILL"),
      () => undefined,
    );
    await this.#until(() => this.#state !== "running");
    patience.abort();
  }

  /** Ends the program and the supervisor, and removes the directory; nothing is left to save, so it ends at once. */
  async close(): Promise<void> {
    await this.stop("SIGKILL");
    this.#orders.destroy();
    await this.#until(() => this.#state === "closed");
    // The supervisor has done it, unless it was killed by somebody.
    await rm(this.directory, { recursive: true, force: true });
  }

  /** What the program has printed since its last start. */
  async log(): Promise<string> {
    const whole = await readFile(this.#logPath).catch(() => Buffer.alloc(0));
    return whole.toString("utf8", this.#logStart);
  }

  get #logPath(): string {
    return join(this.directory, "server.log");
  }

  #listen(): void {
    let text = "";
    this.#reports.setEncoding("latin1");
    this.#reports.on("data", (chunk: string) => {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.#onReport(line);
    });
    // Both ends of these pipes report an error when the supervisor is killed; its exit says enough.
    this.#reports.on("error", () => undefined);
    this.#orders.on("error", () => undefined);
    const ended = (): void => {
      this.#orders.destroy(); // then the supervisor's subshell, if it survived, ends the program
      this.#reports.destroy();
      this.#pid = undefined;
      this.#moveTo("closed");
    };
    this.#shell.once("exit", ended);
    this.#shell.once("error", ended);
  }

  #onReport(line: string): void {
    const [word, number] = line.split(" ");
    if (word === "ready") {
      this.#moveTo("stopped");
    } else if (word === "started") {
      this.#pid = Number(number);
      this.#moveTo("running");
    } else if (word === "exited") {
      this.#pid = undefined;
      this.#exitStatus = Number(number);
      this.#moveTo("stopped");
    }
  }

  #moveTo(state: ProcessState): void {
    this.#state = state;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    this.#hold();
    try {
      while (!condition() && this.#state !== "closed") {
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    } finally {
      this.#holds--;
      if (this.#holds === 0) this.#release();
    }
  }

  #hold(): void {
    this.#holds++;
    this.#shell.ref();
    this.#reports.ref();
  }

  #release(): void {
    this.#shell.unref();
    this.#reports.unref();
    this.#orders.unref();
  }
}
