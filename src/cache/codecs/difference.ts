/** Where two values differ, and how. */
export interface Difference {
  /** Such as `$.items[3].price`. */
  readonly path: string;
  readonly what: string;
}

/**
 * Finds something that a value had and the message read from its bytes has not. What a message has besides is no loss: defaults, and
 * what a library adds. A number may come back as the same whole number of another kind, or as the nearest of 32 bits: the schema says so.
 */
export function findDifference(value: unknown, read: unknown, path = "$"): Difference | null {
  if (value === undefined || value === null) return isNothing(read) ? null : differ(path, value, read);
  if (typeof value !== "object") return isSame(value, read) ? null : differ(path, value, read);
  if (value instanceof Uint8Array) {
    const isEqual =
      value.length === 0 ? isNothing(read) : read instanceof Uint8Array && Buffer.compare(value, read) === 0;
    return isEqual ? null : { path, what: "its bytes would come back otherwise" };
  }
  if (isLong(value)) return isSame(String(value), read) ? null : differ(path, value, read);
  if (Array.isArray(value)) return findInArray(value, read, path);
  // Such as an empty message beside a field without a presence.
  if (typeof read !== "object" || read === null)
    return Object.keys(value).length === 0 ? null : differ(path, value, read);
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    const other = (read as Record<string, unknown>)[key];
    if (other === undefined && item !== undefined && item !== null && !isNothing(item))
      return { path: `${path}.${key}`, what: "the schema does not know it" };
    const found = findDifference(item, other, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

function findInArray(value: readonly unknown[], read: unknown, path: string): Difference | null {
  if (value.length === 0) return isNothing(read) ? null : differ(path, value, read);
  if (!Array.isArray(read) || read.length !== value.length) return differ(path, value, read);
  for (const [index, item] of value.entries()) {
    const found = findDifference(item, read[index], `${path}[${index}]`);
    if (found !== null) return found;
  }
  return null;
}

/** What is not written: a default, or nothing at all. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return true;
  if (typeof value === "number" || typeof value === "bigint") return Number(value) === 0;
  if (isLong(value)) return String(value) === "0";
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function isSame(value: unknown, read: unknown): boolean {
  if (Object.is(value, read) || (isNothing(value) && isNothing(read) && typeof value !== "object")) return true;
  if (typeof value === "number" && typeof read === "number") return Math.fround(value) === read;
  // 64 bits are a bigint, a Long or a text, as the library has it.
  const is64 = typeof read === "bigint" || isLong(read) || (typeof value === "bigint" && typeof read !== "object");
  return is64 && String(value) === String(read);
}

/** The 64-bit numbers of the package `long`. */
function isLong(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { low, high, unsigned } = value as { low?: unknown; high?: unknown; unsigned?: unknown };
  return typeof low === "number" && typeof high === "number" && typeof unsigned === "boolean";
}

/** Without the values: they are the program's data, and this becomes an error's text. */
function differ(path: string, value: unknown, read: unknown): Difference {
  const kind = (one: unknown): string => (isLong(one) ? "number of 64 bits" : one === null ? "null" : typeof one);
  return { path, what: `a ${kind(value)} that would come back as another ${kind(read)}` };
}
