/** Time and heap of importing a package, in a process that has done nothing before. */
export async function measure(specifier) {
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  await import(specifier);
  const milliseconds = performance.now() - began;
  return { importMilliseconds: milliseconds, importHeap: process.memoryUsage().heapUsed - before };
}
