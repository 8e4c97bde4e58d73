import { OptionsError } from "../index.ts";

/** The numbers that an option may be. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
  /** In words, for the error's text: `a number of ms`. */
  readonly unit: string;
}

/** Times to live are given in seconds; at most 10 years. */
const SECONDS: Range = { min: 0, max: 315_360_000, unit: "a number of seconds" };
/** A time to live is at least 1 ms. */
const TTL: Range = { ...SECONDS, min: 0.001 };

/** @throws OptionsError that says what was expected, and what kind of value came: never the value itself, but for a number */
export function refuse(option: string, expected: string, given: unknown): never {
  throw new OptionsError(option, `${option} must be ${expected}, got ${kindOf(given)}`);
}

/** @throws OptionsError for what is no object, or has a name that is not among `names` */
export function objectOf(option: string, given: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return refuse(option, "an object", given);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new OptionsError(
      unknown,
      `there is no option ${JSON.stringify(unknown)} in ${option}: expected one of ${names.join(", ")}`,
    );
  return given as Readonly<Record<string, unknown>>;
}

/** A number within its range, or what it is by default. */
export function numberOf(option: string, given: unknown, fallback: number, range: Range): number {
  if (given === undefined) return fallback;
  const { min, max, whole = false, unit } = range;
  if (typeof given === "number" && given >= min && given <= max && (!whole || Number.isInteger(given))) return given;
  return refuse(option, `${unit} from ${min} to ${max}`, given);
}

/** A time in seconds, as ms. @param fallback ms */
export function msOfSeconds(option: string, given: unknown, fallback: number): number {
  return given === undefined ? fallback : numberOf(option, given, 0, SECONDS) * 1000;
}

/** A time to live in seconds, as ms; Infinity for ever. @param fallback ms */
export function ttlOf(option: string, given: unknown, fallback: number): number {
  if (given === undefined) return fallback;
  if (given === Infinity) return Infinity;
  const { min, max } = TTL;
  if (typeof given === "number" && given >= min && given <= max) return given * 1000;
  return refuse(option, `a number of seconds from ${min} to ${max}, or Infinity`, given);
}

export function booleanOf(option: string, given: unknown, fallback: boolean): boolean {
  if (given === undefined) return fallback;
  return typeof given === "boolean" ? given : refuse(option, "a boolean", given);
}

/** One of some words. */
export function choiceOf<T extends string>(option: string, given: unknown, choices: readonly T[]): T {
  if (choices.includes(given as T)) return given as T;
  const expected = choices.map((choice) => JSON.stringify(choice)).join(", ");
  throw new OptionsError(
    option,
    `${option} must be one of ${expected}, got ${typeof given === "string" ? JSON.stringify(given) : kindOf(given)}`,
  );
}

export function arrayOf(option: string, given: unknown): readonly unknown[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? given : refuse(option, "an array", given);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return typeof value === "number" ? String(value) : typeof value;
}
