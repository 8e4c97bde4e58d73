/** What keeps this process alive of the kinds that a client makes. */
export function resources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Timeout|Immediate|TCP|TLS|Pipe|GetAddrInfo/.test(kind));
}

/** What is there beyond what was there before. */
export function leftovers(before: readonly string[]): string[] {
  const rest = resources();
  for (const kind of before) {
    const index = rest.indexOf(kind);
    if (index >= 0) rest.splice(index, 1);
  }
  return rest;
}
