import type { Rules } from "./cache-aside.ts";
import type { Keys } from "./keys.ts";
import { EAGERNESS, refuseBeside, type ResolvedCache } from "./options.ts";
import { arrayOf, booleanOf, msOfSeconds, numberOf, objectOf, refuse, ttlOf } from "./validate.ts";

/** How one value is kept. Times in seconds. */
export interface SetOptions {
  /** How long it is fresh; default: the cache's. Infinity for ever. */
  readonly ttl?: number | undefined;
  /** Names by which the entry can be made invalid, together with others. */
  readonly tags?: readonly string[] | undefined;
}

/** How one value is found or made; what is not given is as the cache has it. Times in seconds. */
export interface GetOrSetOptions extends SetOptions {
  /** How long after its time an entry is served when the loader fails. The call that stores an entry decides how long Redis has it. */
  readonly grace?: number | undefined;
  /** How long after its time an entry is served at once while a new one is made. */
  readonly staleWhileRevalidate?: number | undefined;
  /** How long it is kept that the loader has returned undefined. */
  readonly negativeTtl?: number | undefined;
  /** How eagerly an entry is made anew before its time; 0 is never. */
  readonly earlyRefresh?: number | undefined;
  /** Ends the wait of this caller; the loader is aborted when nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to wait until the value is stored, too; default false. */
  readonly awaitWrite?: boolean | undefined;
}

/** The names of a type's options: the compiler holds them against it. */
const SET = Object.keys({ ttl: 1, tags: 1 } satisfies Record<keyof SetOptions, 1>);
const GET_OR_SET = Object.keys({
  ttl: 1,
  tags: 1,
  grace: 1,
  staleWhileRevalidate: 1,
  negativeTtl: 1,
  earlyRefresh: 1,
  signal: 1,
  awaitWrite: 1,
} satisfies Record<keyof GetOrSetOptions, 1>);

/** Where most calls have none. */
const NO_TAGS: readonly string[] = [];

/** The options of `set`, checked; `ttl` in ms. */
export function setRules(options: unknown, settings: ResolvedCache, keys: Keys): Pick<Rules, "ttl" | "tags"> {
  const given = objectOf("the options of set", options, SET);
  if (settings.isBare) refuseBeside(given);
  return { ttl: ttlOf("ttl", given["ttl"], settings.ttl), tags: tagsOf(given["tags"], keys) };
}

/** The options of `getOrSet`, checked. */
export function getOrSetRules(options: unknown, settings: ResolvedCache, keys: Keys): Rules {
  const given = objectOf("the options of getOrSet", options, GET_OR_SET);
  if (settings.isBare) refuseBeside(given);
  const time = (name: "grace" | "staleWhileRevalidate" | "negativeTtl"): number =>
    msOfSeconds(name, given[name], settings[name]);
  return {
    ttl: ttlOf("ttl", given["ttl"], settings.ttl),
    tags: tagsOf(given["tags"], keys),
    grace: time("grace"),
    staleWhileRevalidate: time("staleWhileRevalidate"),
    negativeTtl: time("negativeTtl"),
    earlyRefresh: numberOf("earlyRefresh", given["earlyRefresh"], settings.earlyRefresh, EAGERNESS),
    awaitWrite: booleanOf("awaitWrite", given["awaitWrite"], false),
  };
}

/** The caller's signal, checked; null for none. */
export function signalOf(given: unknown): AbortSignal | null {
  if (given === undefined) return null;
  return given instanceof AbortSignal ? given : refuse("signal", "an AbortSignal", given);
}

function tagsOf(given: unknown, keys: Keys): readonly string[] {
  if (given === undefined) return NO_TAGS;
  const tags = [...new Set(arrayOf("tags", given))];
  for (const tag of tags) keys.tag(tag);
  return tags as string[];
}
