/** Time and memory of importing a package, in a process that has done nothing before. */
export async function measure(specifier) {
  const before = process.memoryUsage();
  const cpu = process.cpuUsage();
  const began = performance.now();
  await import(specifier);
  const milliseconds = performance.now() - began;
  const used = process.cpuUsage(cpu);
  const after = process.memoryUsage();
  return {
    importMilliseconds: milliseconds,
    importCpuMilliseconds: (used.user + used.system) / 1000,
    importHeap: after.heapUsed - before.heapUsed,
    importResident: after.rss - before.rss,
  };
}
