/** What is nested deeper is not looked through. */
const DEEPEST = 100;

/** Whether a value is made of nothing but primitives, arrays and plain objects: then it can be frozen, and shared. */
export function isPlain(value: unknown, depth = 0, seen: Set<object> = new Set()): boolean {
  if (typeof value !== "object" || value === null || seen.has(value)) return true;
  if (depth > DEEPEST) return false;
  seen.add(value);
  if (!Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
  }
  return Object.values(value).every((item) => isPlain(item, depth + 1, seen));
}

/** Freezes a plain value, and all that is in it, be it itself. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const item of Object.values(value)) freeze(item);
  return value;
}
