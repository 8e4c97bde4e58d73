import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";

/** A process of this machine. */
export interface SystemProcess {
  readonly pid: number;
  readonly parent: number;
  readonly user: number;
  /** Ended, but not yet noticed by its parent: in a container without an init that may last. */
  readonly isZombie: boolean;
  readonly command: string;
}

/** All processes. From /proc where there is one, for small Linux images have no `ps`. */
export function allProcesses(): SystemProcess[] {
  if (process.platform !== "linux") return fromPs();
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => fromProc(Number(name)) ?? []);
}

/** Whether a process runs, or is stopped; a zombie does not. */
export function isAlive(pid: number): boolean {
  return findProcess(pid)?.isZombie === false;
}

export function findProcess(pid: number): SystemProcess | undefined {
  return process.platform === "linux" ? fromProc(pid) : fromPs().find((one) => one.pid === pid);
}

function fromProc(pid: number): SystemProcess | undefined {
  try {
    // "pid (name) state parent …"; the name may hold anything, but nothing after it holds a parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
    return {
      pid,
      parent: Number(parent),
      user: statSync(`/proc/${pid}`).uid,
      isZombie: state === "Z" || state === "X",
      command,
    };
  } catch {
    return undefined; // it has ended
  }
}

function fromPs(): SystemProcess[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,uid=,stat=,args="], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => {
    const [, pid, parent, user, state, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    return {
      pid: Number(pid),
      parent: Number(parent),
      user: Number(user),
      isZombie: state?.startsWith("Z") === true,
      command: command ?? "",
    };
  });
}
