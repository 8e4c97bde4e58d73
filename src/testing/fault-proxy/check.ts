import { inspect } from "node:util";
import { FaultProxyError } from "./error.ts";
import type { FaultKind, FaultSpec } from "./options.ts";

type Check = (option: string, value: unknown) => void;

const TIME = ["after", "for"];
const SCOPE = [...TIME, "connection"];
const COMMAND = [...SCOPE, "command", "nth"];

/** The options of each fault. */
const KNOWN: Readonly<Record<FaultKind, readonly string[]>> = {
  cut: [...COMMAND, "reset", "at", "afterBytes", "direction"],
  halfClose: [...COMMAND, "direction"],
  blackhole: [...COMMAND, "direction"],
  slow: [...COMMAND, "direction", "bytesPerSecond"],
  delay: [...COMMAND, "direction", "ms", "jitter"],
  split: [...COMMAND, "direction"],
  corrupt: [...COMMAND, "offset"],
  push: [...COMMAND, "items"],
  reply: [...COMMAND, "raw"],
  swallow: COMMAND,
  refuse: TIME,
  stall: SCOPE,
};

const REQUIRED: Partial<Record<FaultKind, string>> = {
  slow: "bytesPerSecond",
  delay: "ms",
  push: "items",
  reply: "raw",
};

const ONE_WAY: ReadonlySet<FaultKind> = new Set(["cut", "halfClose"]);
const NEEDS_RESP: ReadonlySet<FaultKind> = new Set(["corrupt", "swallow", "push", "reply"]);
/** Without a command they act once. */
const MOMENTARY: ReadonlySet<FaultKind> = new Set(["cut", "halfClose", "push", "reply"]);

/** @throws FaultProxyError `ERR_FAULT_OPTIONS`, always: what was expected, and what came */
export function refuse(option: string, expected: string, value: unknown): never {
  throw new FaultProxyError(option, `${option} should be ${expected}, got ${inspect(value, { depth: 0 })}`);
}

function number(least: number, unit: string): Check {
  return (option, value) => {
    const fits = typeof value === "number" && Number.isFinite(value) && value >= least;
    if (!fits || (unit !== "ms" && !Number.isInteger(value))) {
      refuse(option, unit === "ms" ? `a number of ms from ${least}` : `a whole number from ${least}`, value);
    }
  };
}

function oneOf(...choices: readonly string[]): Check {
  return (option, value) => {
    if (!choices.includes(value as string)) refuse(option, `one of ${choices.join(", ")}`, value);
  };
}

const CHECKS: Readonly<Record<string, Check>> = {
  after: number(0, "ms"),
  for: number(0, "ms"),
  ms: number(0, "ms"),
  jitter: number(0, "ms"),
  nth: number(1, "count"),
  afterBytes: number(1, "count"),
  bytesPerSecond: number(1, "count"),
  offset: number(0, "count"),
  at: oneOf("command", "reply", "mid-reply"),
  direction: oneOf("toServer", "toClient", "both"),
  reset: (option, value) => {
    if (typeof value !== "boolean") refuse(option, "true or false", value);
  },
  connection: (option, value) => {
    if (typeof value !== "function") number(1, "count")(option, value);
  },
  command: (option, value) => {
    if (typeof value !== "function" && (typeof value !== "string" || value.trim() === ""))
      refuse(option, "a command's name or a function of its words", value);
  },
  items: (option, value) => {
    if (!Array.isArray(value) || value.length === 0) refuse(option, "a list that begins with the push's kind", value);
  },
  raw: (option, value) => {
    if (typeof value !== "string" && !Buffer.isBuffer(value)) refuse(option, "a string or a Buffer", value);
  },
};

/** Refuses what a fault cannot be, before it begins. */
export function checkFault(kind: string, options: object, knowsResp: boolean): FaultSpec {
  const known = Object.hasOwn(KNOWN, kind) ? KNOWN[kind as FaultKind] : undefined;
  if (known === undefined) refuse("kind", `one of ${Object.keys(KNOWN).join(", ")}`, kind);
  if (typeof options !== "object" || options === null) refuse("options", "an object", options);
  for (const [option, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (!known.includes(option))
      throw new FaultProxyError(option, `${kind} has no option ${option}: it knows ${known.join(", ")}`);
    CHECKS[option]?.(option, value);
  }
  const spec = { kind, options } as FaultSpec;
  checkTogether(spec, knowsResp);
  return spec;
}

/** What only makes sense, or none, beside something else. */
function checkTogether(spec: FaultSpec, knowsResp: boolean): void {
  const { kind } = spec;
  const options = spec.options as Readonly<Record<string, unknown>>;
  const has = (option: string): boolean => options[option] !== undefined;
  const wrong = (option: string, message: string): never => {
    throw new FaultProxyError(option, `${kind}: ${message}`);
  };
  const required = REQUIRED[kind];
  if (required !== undefined && !has(required)) wrong(required, `${required} is missing`);
  if (!knowsResp && (has("command") || NEEDS_RESP.has(kind)))
    wrong("command", "this proxy passes bytes it does not understand (TLS, or `raw`): choose by connection or time");
  if (has("nth") && !has("command")) wrong("nth", "nth counts commands: say which with `command`");
  if (ONE_WAY.has(kind) && options["direction"] === "both")
    wrong("direction", "expected toServer or toClient, got both");
  if (has("afterBytes") && has("command")) wrong("afterBytes", "give either afterBytes or command");
  if (has("at") && !has("command")) wrong("at", "it tells where at a command: say which with `command`");
  if (kind === "cut" && has("direction") && !has("afterBytes"))
    wrong("direction", "a cut ends both directions: use halfClose for one, or count with afterBytes");
  if (MOMENTARY.has(kind) && has("for") && !has("command") && !has("afterBytes"))
    wrong("for", "it acts in one moment: leave `for` out, or choose commands with `command`");
}
