import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process holds. */
export interface Resources {
  /** Bytes in use after a garbage collection. */
  readonly heap: number;
  /** Sockets and servers that are open. */
  readonly sockets: number;
  /** Timers that would hold the process. */
  readonly timers: number;
  /** Listeners on the process. */
  readonly listeners: number;
}

let gc: (() => void) | null = null;

/** Collects what is garbage. @returns the bytes that are left in use */
export function collect(): number {
  if (gc === null) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
  return process.memoryUsage().heapUsed;
}

/** What this process holds now. */
export async function takeStock(): Promise<Resources> {
  let heap = Infinity;
  for (let round = 0; round < 5; round++) {
    await turn();
    heap = Math.min(heap, collect());
  }
  const active = process.getActiveResourcesInfo();
  return {
    heap,
    sockets: active.filter((name) => /^(TCP|Pipe|TLS)/.test(name)).length,
    timers: active.filter((name) => name === "Timeout").length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  };
}
