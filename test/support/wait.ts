import { setTimeout as sleep } from "node:timers/promises";

/** Waits until the condition gives something truthy, and returns it; fails after `timeout` ms (default 5000). */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { timeout?: number; interval?: number; what?: string } = {},
): Promise<T> {
  const { timeout = 5000, interval = 5, what = String(condition) } = options;
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}`);
    await sleep(interval);
  }
}
