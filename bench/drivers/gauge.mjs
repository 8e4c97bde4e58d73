/** What a process has used: CPU by user and system of all its threads, memory, and time. */

/** Starts to measure. @returns a function that gives what was used since */
export function startGauge() {
  const cpu = process.cpuUsage();
  const began = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    return { seconds: (performance.now() - began) / 1000, cpuMicros: used.user + used.system };
  };
}

/** The most memory that this process has had, bytes. */
export function peakMemory() {
  return process.resourceUsage().maxRSS * 1024;
}

/** Quantiles of latencies, in the unit they were taken in. */
export function quantiles(samples) {
  const sorted = Float64Array.from(samples).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
