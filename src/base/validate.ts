import { MAX_DURATION } from "./clock.ts";
import { OptionsError } from "./errors.ts";
import { nearestName } from "./nearest.ts";

/** What a number may be. */
export interface NumberRule {
  /** `count` is whole, `duration` is ms and may have a fraction. */
  readonly kind: "count" | "duration";
  readonly min: number;
  readonly max: number;
  /** Whether Infinity is allowed, for no limit. */
  readonly infinite?: boolean;
  /** How to say "off", for the message of a refused 0 or false. */
  readonly remedy?: string;
}

/** The values a rule allows, as the messages and docs/options.md say it. */
export function rangeText(rule: NumberRule): string {
  return `${rule.min} to ${rule.max}${rule.infinite ? ", or Infinity" : ""}`;
}

/**
 * Says what a value is, for a message: its type, and its value where it cannot be a secret. A string that may hold a
 * URL with a password is only counted.
 */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    if (/[@/\p{Cc}]/u.test(value) || value.length > 40) return `a string of ${value.length} characters`;
    return `${JSON.stringify(value)} (string)`;
  }
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n (bigint)`;
  return String(value);
}

/** @throws OptionsError, always: `<option> must be <expected>, got <what came><remedy>` */
export function refuse(option: string, expected: string, value: unknown, remedy = ""): never {
  const hint = remedy === "" ? "" : `: ${remedy}`;
  throw new OptionsError(option, `${option} must be ${expected}, got ${describe(value)}${hint}`);
}

/** Checks a number against its rule. */
export function validateNumber(option: string, value: unknown, rule: NumberRule): number {
  if (typeof value === "number") {
    if (value === Infinity && rule.infinite) return value;
    const whole = rule.kind === "duration" ? Number.isFinite(value) : Number.isInteger(value);
    if (whole && value >= rule.min && value <= rule.max) return value;
  }
  const unit = rule.kind === "duration" ? "a number of ms" : "a whole number";
  const text = typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value));
  refuse(option, `${unit} from ${rangeText(rule)}`, value, rule.remedy ?? (text ? "pass a number" : ""));
}

/** Checks a time limit in ms, such as that of `with({ timeout })`: 0 or more, Infinity for none. */
export function validateDuration(option: string, value: unknown, range: Partial<NumberRule> = {}): number {
  return validateNumber(option, value, { kind: "duration", min: 0, max: MAX_DURATION, infinite: true, ...range });
}

/** Checks true or false. */
export function validateBoolean(option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  refuse(option, "true or false", value);
}

/** Checks one of a few words. */
export function validateChoice<T extends string | number>(option: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const near = typeof value === "string" ? nearestName(value, choices.map(String)) : null;
  const expected = choices.map((choice) => JSON.stringify(choice)).join(", ");
  refuse(option, `one of ${expected}`, value, near === null ? "" : `did you mean ${near}?`);
}

/** Checks an object of options: neither null nor an array, and without a name that is not known. */
export function validateObject(option: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(option, "an object", value, value === null ? "leave it out, or pass undefined, for the default" : "");
  }
  const what = option === "options" ? "option" : `option of ${option},`;
  for (const name of Object.keys(value)) if (!known.includes(name)) refuseUnknown(what, name, known);
  return value as Record<string, unknown>;
}

/** Where to put what stands elsewhere here, or has another name with other clients. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["natMap", "it belongs to clusters and sentinels, Redis.cluster(nodes, options) and Redis.sentinel(setup, options)"],
  [
    "refreshInterval",
    "it belongs to clusters and sentinels, Redis.cluster(nodes, options) and Redis.sentinel(setup, options)",
  ],
  ["maxTotalConnections", "it belongs to clusters, Redis.cluster(nodes, options); maxConnections is for each server"],
  ["sentinels", "use Redis.sentinel({ name, sentinels })"],
  ["masterName", "use Redis.sentinel({ name, sentinels }), where it is called name"],
  ["scaleReads", "it is called readFrom"],
  ["socket", "its options stand beside the others: host, port, path, tls, connectTimeout"],
  ["url", "a URL is the first argument: new Redis(url, options)"],
]);

/** @throws OptionsError, always: the name is not known, with the known one it may have been meant to be */
export function refuseUnknown(what: string, name: string, known: readonly string[]): never {
  // A name with other characters may be a piece of a password that was not percent-encoded.
  const shown = /^[A-Za-z]\w{0,39}$/.test(name) ? name : `of ${name.length} characters`;
  const elsewhere = ELSEWHERE.get(name);
  if (elsewhere !== undefined) throw new OptionsError(shown, `unknown ${what} ${shown}: ${elsewhere}`);
  const near = nearestName(name, known);
  const hint = near === null ? `the known ones are ${known.join(", ")}` : `did you mean ${near}?`;
  throw new OptionsError(shown, `unknown ${what} ${shown}: ${hint}`);
}

/** Checks an AbortSignal; undefined is none. */
export function validateSignal(option: string, value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (value instanceof AbortSignal) return value;
  refuse(option, "an AbortSignal", value);
}
