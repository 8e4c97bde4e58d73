import { inspect, isDeepStrictEqual } from "node:util";

/** Compares what an example gave with what stands behind its `// →`. */
export function same(where: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(plain(actual), plain(expected))) return;
  throw new Error(`${where}: should be ${inspect(expected)}, is ${inspect(actual)}`);
}

// The replies' maps have no prototype, which a literal in the documentation cannot say.
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
