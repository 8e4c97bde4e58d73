import { CacheValueError } from "../errors.ts";

/** What a codec keeps beside null, booleans, strings, finite numbers, arrays and plain objects. */
export interface Keeps {
  /** NaN, Infinity and -Infinity. */
  readonly nonFinite?: boolean;
  readonly negativeZero?: boolean;
  /** Strings that are not well-formed Unicode. */
  readonly loneSurrogates?: boolean;
  /** `properties`: as the value of a property only, which is left out. */
  readonly undefined?: boolean | "properties";
  /** A property of the name `__proto__`. */
  readonly protoName?: boolean;
  /** A limit in bits, two's complement or unsigned; Infinity for none. */
  readonly bigintBits?: number;
  readonly dates?: boolean;
  readonly maps?: boolean;
  readonly sets?: boolean;
  readonly buffers?: boolean;
  /** Typed arrays, DataViews and ArrayBuffers. */
  readonly views?: boolean;
  /** RegExps and errors of the built-in kinds. */
  readonly others?: boolean;
  /** An object that is in itself. */
  readonly cycles?: boolean;
}

/** What a value has that is not kept, and where. */
interface Lost {
  /** From the innermost outwards. */
  readonly path: string[];
  readonly what: string;
}

/** The way to where it is looked at present. */
interface Trail {
  /** The objects there from a certain depth on. */
  readonly above: object[];
  /** All that were looked through, where objects may be in themselves, or in many places. */
  readonly seen: Set<object> | null;
}

/** From this depth on it is looked whether an object is in itself: a shallow value pays nothing for it. */
const DEEP = 64;
/** What is nested deeper is refused before the stack ends. */
const DEEPEST = 1000;
/** With the flag `u` only halves that stand alone match. */
const HALF = /\p{Surrogate}/u;
const NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * Looks through a value for what a codec would lose or change.
 *
 * @throws CacheValueError with the path of the first such thing
 */
export function refuseLost(codec: string, value: unknown, keeps: Keeps): void {
  const trail: Trail = { above: [], seen: keeps.cycles === true ? new Set() : null };
  const lost = look(value, keeps, 0, trail);
  if (lost !== null) throw new CacheValueError(codec, `$${lost.path.reverse().join("")}`, lost.what);
}

function look(value: unknown, keeps: Keeps, depth: number, trail: Trail): Lost | null {
  switch (typeof value) {
    case "string":
      return keeps.loneSurrogates === true || !HALF.test(value) ? null : lose("a string with half of a surrogate pair");
    case "number":
      if (value === 0) return keeps.negativeZero === true || Object.is(value, 0) ? null : lose("-0");
      return keeps.nonFinite === true || Number.isFinite(value) ? null : lose(String(value));
    case "boolean":
      return null;
    case "undefined":
      return keeps.undefined === true ? null : lose("undefined");
    case "bigint":
      return fits(value, keeps.bigintBits ?? 0)
        ? null
        : lose(keeps.bigintBits === undefined ? "bigint" : `bigint of more than ${keeps.bigintBits} bits`);
    case "object":
      return value === null ? null : lookInto(value, keeps, depth, trail);
    case "function":
    case "symbol":
      return lose(typeof value);
  }
}

function lookInto(value: object, keeps: Keeps, depth: number, trail: Trail): Lost | null {
  const { above, seen } = trail;
  if (seen?.has(value) === true) return null;
  seen?.add(value);
  if (depth >= DEEP) {
    if (above.includes(value)) return lose("an object that is in itself");
    if (depth >= DEEPEST) return lose(`nested deeper than ${DEEPEST} levels`);
    above.push(value);
  }
  const lost = lookAtParts(value, keeps, depth + 1, trail);
  if (depth >= DEEP) above.pop();
  return lost;
}

function lookAtParts(value: object, keeps: Keeps, depth: number, trail: Trail): Lost | null {
  if (Array.isArray(value)) return lookAtItems(value, keeps, depth, trail);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return lookAtProperties(value, keeps, depth, trail);
  if (value instanceof Map) {
    if (keeps.maps !== true) return lose("Map");
    for (const [key, item] of value as Map<unknown, unknown>) {
      const lost = look(key, keeps, depth, trail) ?? look(item, keeps, depth, trail);
      if (lost !== null) return within(`.get(${typeof key === "string" ? JSON.stringify(key) : "…"})`, lost);
    }
    return null;
  }
  if (value instanceof Set) {
    if (keeps.sets !== true) return lose("Set");
    for (const item of value as Set<unknown>) {
      const lost = look(item, keeps, depth, trail);
      if (lost !== null) return within(".values()", lost);
    }
    return null;
  }
  return isKept(value, prototype, keeps) ? null : lose(kindOf(value, prototype));
}

function lookAtItems(items: readonly unknown[], keeps: Keeps, depth: number, trail: Trail): Lost | null {
  if (Object.getPrototypeOf(items) !== Array.prototype) return lose("an instance of a class made from Array");
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const lost = item === undefined && !(index in items) ? lose("a hole in an array") : look(item, keeps, depth, trail);
    if (lost !== null) return within(`[${index}]`, lost);
  }
  // A match of a RegExp has some.
  if (Object.keys(items).length !== items.length) return lose("an array with properties beside its items");
  return null;
}

function lookAtProperties(value: object, keeps: Keeps, depth: number, trail: Trail): Lost | null {
  for (const key of Object.keys(value)) {
    const lost = lookAtProperty((value as Record<string, unknown>)[key], key, keeps, depth, trail);
    if (lost !== null) return within(NAME.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`, lost);
  }
  return Object.getOwnPropertySymbols(value).length > 0 ? lose("a property whose name is a symbol") : null;
}

function lookAtProperty(item: unknown, key: string, keeps: Keeps, depth: number, trail: Trail): Lost | null {
  if (keeps.loneSurrogates !== true && HALF.test(key)) return lose("a name with half of a surrogate pair");
  if (keeps.protoName !== true && key === "__proto__") return lose("a property of this name");
  return item === undefined && keeps.undefined === "properties" ? null : look(item, keeps, depth, trail);
}

function isKept(value: object, prototype: unknown, keeps: Keeps): boolean {
  if (value instanceof Date)
    return keeps.dates === true && prototype === Date.prototype && !Number.isNaN(value.getTime());
  if (Buffer.isBuffer(value)) return keeps.buffers === true;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return keeps.views === true;
  return keeps.others === true && (prototype === RegExp.prototype || ERRORS.has(prototype));
}

const ERRORS: ReadonlySet<unknown> = new Set(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(({ prototype }) => prototype),
);

function kindOf(value: object, prototype: unknown): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "Date";
  const name = (prototype as { constructor?: { name?: unknown } }).constructor?.name;
  if (Buffer.isBuffer(value)) return "Buffer";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return String(name);
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an instance of a class";
}

function fits(value: bigint, bits: number): boolean {
  if (bits === Infinity) return true;
  return bits > 0 && (BigInt.asIntN(bits, value) === value || BigInt.asUintN(bits, value) === value);
}

function lose(what: string): Lost {
  return { path: [], what };
}

function within(step: string, lost: Lost): Lost {
  lost.path.push(step);
  return lost;
}
