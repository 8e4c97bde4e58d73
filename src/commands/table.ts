import { assert } from "../base/assert.ts";
import { encodeCommand, encodeOpening } from "../protocol/encoder.ts";
import { parseGrammar } from "./grammar.ts";
import { keysAmong, isWord } from "./keys.ts";
import { Plan } from "./plan.ts";
import { ReplyCompiler } from "./replies.ts";
import { NOT_BLOCKING, Request, RequestDetails } from "./request.ts";
import type { BlockTime, Row } from "./row.ts";
import { replyTypes, rows, spreads } from "./table.generated.ts";
import {
  EFFECT_RANK,
  type Arg,
  type CommandSpec,
  type Effect,
  type KeyPositions,
  type ReplyTransform,
  type Route,
  type Spread,
  type SpreadRequest,
} from "./spec.ts";

const EFFECTS: Readonly<Record<string, Effect>> = { r: "read", o: "overwrite", a: "accumulate" };
const ROUTES: Readonly<Record<string, Route>> = { s: "share", l: "lease", b: "subscribe" };

/** Beginnings for so many arguments are kept; commands with more take longer than to make one. */
const KEPT_OPENINGS = 128;

/** What an option changes: `if get: string?`, `accumulate if incr`, `lease if block`. */
interface Rules {
  readonly replies: readonly { readonly when: Condition; readonly transform: ReplyTransform | null }[];
  readonly effects: readonly { readonly when: Condition; readonly effect: Effect }[];
  /** `lease if block`: it blocks only with that option. */
  readonly leasesWhenBlocking: boolean;
}

/** Any of these; of each, all. */
type Condition = readonly (readonly string[])[];

/** The facts about one command and what is made of them; the grammar and the rules are read at their first use. */
export class Command implements CommandSpec {
  readonly name: string;
  readonly effect: Effect;
  readonly route: Route;
  readonly keys: readonly KeyPositions[];
  readonly onlyKey: number;
  readonly spread: Spread | null;
  /** The number of single values that a quick method takes, -1 for none. */
  readonly quick: number;
  /** What turns the reply into its documented form when no option changes it. */
  readonly transform: ReplyTransform | null;
  readonly blocks: BlockTime | null;
  /** The arguments as the grammar has them. */
  readonly grammar: string;
  /** How it begins on the wire, by the number of its arguments. */
  readonly #openings: string[] = [];
  /** The rules as the row has them; empty for none. */
  readonly #ruleText: string;
  #plan: Plan | null = null;
  #rules: Rules | null = null;

  constructor(row: Row) {
    const [name, code, keys, quick, grammar, reply, blocks, rules] = row;
    this.name = name;
    this.effect = EFFECTS[code[0] as string] as Effect;
    this.route = ROUTES[code[1] as string] as Route;
    this.keys = keys;
    this.onlyKey = onlyKeyOf(keys);
    this.spread = spreadsByName.get(name) ?? null;
    this.quick = quick;
    this.blocks = blocks;
    this.transform = reply === "" ? null : this.#compile(reply);
    this.grammar = grammar;
    this.#ruleText = rules;
  }

  /**
   * Builds the request of a method call.
   *
   * @throws OptionsError for arguments that do not fit
   */
  build(given: readonly unknown[]): Request {
    this.#plan ??= new Plan(this.name, parseGrammar(this.grammar));
    const { args, given: options } = this.#plan.draft(given);
    return this.#request(args, options, true);
  }

  /** Builds the request of flat arguments; its reply stays generic. */
  buildFlat(args: readonly Arg[]): Request {
    return this.#request(args, null, false);
  }

  /** How it begins on the wire with so many arguments. */
  opening(args: number): string {
    const known = this.#openings[args];
    if (known !== undefined) return known;
    const opening = encodeOpening(this.name.split(" "), args);
    if (args < KEPT_OPENINGS) this.#openings[args] = opening;
    return opening;
  }

  #request(args: readonly Arg[], options: readonly string[] | null, transformed: boolean): Request {
    const payload = encodeCommand(this.name, this.opening(args.length), args);
    const wait = blockTime(this.blocks, args);
    let { transform, route, effect } = this as { transform: ReplyTransform | null; route: Route; effect: Effect };
    if (this.#ruleText !== "") {
      const rules = (this.#rules ??= this.#readRules());
      const names = options ?? wordsAmong(args);
      for (const rule of rules.effects) {
        if (EFFECT_RANK[rule.effect] > EFFECT_RANK[effect] && this.#holds(rule.when, names, args)) effect = rule.effect;
      }
      for (const rule of rules.replies) {
        if (!this.#holds(rule.when, names, args)) continue;
        transform = rule.transform;
        break;
      }
      if (rules.leasesWhenBlocking && wait !== NOT_BLOCKING) route = "lease";
    }
    const special = wait !== NOT_BLOCKING || effect !== this.effect;
    const details = special ? new RequestDetails<Request>(effect, wait) : null;
    return new Request(this, args, payload, transformed ? transform : null, route, details);
  }

  #holds(when: Condition, names: readonly string[], args: readonly Arg[]): boolean {
    for (const all of when) {
      if (all[0] === SAME_KEY ? this.#sameKey(args) : all.every((name) => names.includes(name))) return true;
    }
    return false;
  }

  /** A destination that is also a source: repeating the command works on its own result. */
  #sameKey(args: readonly Arg[]): boolean {
    const keys = keysAmong(this, args).map(String);
    return new Set(keys).size < keys.length;
  }

  #readRules(): Rules {
    const replies: { when: Condition; transform: ReplyTransform | null }[] = [];
    const effects: { when: Condition; effect: Effect }[] = [];
    let leasesWhenBlocking = false;
    for (const rule of this.#ruleText.split(" ; ")) {
      const reply = /^if (\S+): (.*)$/.exec(rule);
      if (reply !== null) {
        replies.push({ when: condition(reply[1] as string), transform: this.#compile(reply[2] as string) });
        continue;
      }
      const [what, when] = rule.split(" if ") as [string, string];
      if (what === "lease") leasesWhenBlocking = true;
      else effects.push({ when: condition(when), effect: what as Effect });
    }
    return { replies, effects, leasesWhenBlocking };
  }

  #compile(reply: string): ReplyTransform | null {
    return new ReplyCompiler(this.name, types).compile(reply);
  }
}

function onlyKeyOf(keys: readonly KeyPositions[]): number {
  const [first] = keys;
  return keys.length === 1 && first?.at === "range" && first.first === first.last ? first.first : -1;
}

/** The flat arguments that may be options. */
function wordsAmong(args: readonly Arg[]): string[] {
  return args.filter((arg) => typeof arg === "string").map((arg) => arg.toLowerCase());
}

function condition(text: string): Condition {
  return text.split("|").map((all) => all.split("&"));
}

/** How long the server may block, ms; 0 for ever. */
export function blockTime(blocks: BlockTime | null, args: readonly Arg[]): number {
  if (blocks === null) return NOT_BLOCKING;
  let at = typeof blocks.at === "number" ? blocks.at : keywordBefore(blocks.at, args);
  if (at === NOT_FOUND) return NOT_BLOCKING;
  if (at < 0) at += args.length;
  const time = Number(args[at]) * blocks.scale;
  // What the server will refuse at once needs no limit either.
  return time > 0 && Number.isFinite(time) ? Math.ceil(time) : 0;
}

/** The condition that a key is given twice. */
const SAME_KEY = "same-key";

const NOT_FOUND = Number.MIN_SAFE_INTEGER;

/** The position behind BLOCK, looked for before STREAMS, so that no stream or consumer is taken for it. */
function keywordBefore(keyword: string, args: readonly Arg[]): number {
  for (let at = isWord(args[0], "GROUP") ? 3 : 0; at < args.length; at++) {
    if (isWord(args[at], "STREAMS")) return NOT_FOUND;
    if (isWord(args[at], keyword)) return at + 1;
  }
  return NOT_FOUND;
}

const types: ReadonlyMap<string, string> = new Map(replyTypes);
const rowsByName: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row[0], row]));
const spreadsByName: ReadonlyMap<string, Spread> = new Map(
  spreads.map(([name, request, response]) => [name, { request: request as SpreadRequest, response }]),
);
/** Commands are made at their first use: all of them at once would cost more than the rest of the import. */
const commands: Map<string, Command> = new Map();

/** The names of all commands of the table. */
export function commandNames(): Iterable<string> {
  return rowsByName.keys();
}

/** The names of the commands that have a method. */
export function methodNames(): string[] {
  return rows.filter(([, code]) => code[2] !== "-").map(([name]) => name);
}

/** The facts about a command by its name in capitals, with its container: `GET`, `CONFIG SET`. */
export function commandSpec(name: string): Command | undefined {
  let command = commands.get(name);
  if (command === undefined) {
    const row = rowsByName.get(name);
    if (row === undefined) return undefined;
    command = new Command(row);
    commands.set(name, command);
  }
  return command;
}

/** The facts about a command that is known to be in the table. */
export function knownCommand(name: string): Command {
  const command = commandSpec(name);
  assert(command !== undefined, `no command ${name}`);
  return command;
}
