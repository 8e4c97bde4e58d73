import type { Redis, Script } from "../index.ts";

/** Stores a value if the lock is still held, gives the lock back, and tells those who wait. */
const STORE = `
if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
redis.call('unlink', KEYS[2])
redis.call('publish', ARGV[4], ARGV[5])
return 1`;

/** Gives the lock back without a value, and tells those who wait: one of them may try. */
const RELEASE = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('unlink', KEYS[1])
redis.call('publish', ARGV[2], ARGV[3])
return 1`;

/** Lets a lock that is still held last longer. */
const RENEW = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`;

/**
 * The version of a tag, made where there is none. Its time is never shortened, and seldom made longer: a change of the key, even of
 * its time, is told to all who have it in memory.
 */
const TAG = `
local version = redis.call('get', KEYS[1])
if not version then
  redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[3])
  return ARGV[1]
end
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[2]) then redis.call('pexpire', KEYS[1], ARGV[3]) end
return version`;

/** Deletes a key if it still has this value. */
const DELETE_IF_SAME = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('unlink', KEYS[1])`;

/** The scripts, on one view of a client. */
interface Scripts {
  readonly store: Script<number>;
  readonly release: Script<number>;
  readonly renew: Script<number>;
  readonly tag: Script<string>;
  readonly deleteIfSame: Script<number>;
}

const known = new WeakMap<Redis, Scripts>();

/** The scripts on this view: made once for each. */
export function scriptsOn(redis: Redis): Scripts {
  let scripts = known.get(redis);
  if (scripts === undefined) {
    scripts = {
      store: redis.defineScript<number>(STORE, { keys: 2 }),
      release: redis.defineScript<number>(RELEASE, { keys: 1 }),
      renew: redis.defineScript<number>(RENEW, { keys: 1 }),
      tag: redis.defineScript<string>(TAG, { keys: 1 }),
      deleteIfSame: redis.defineScript<number>(DELETE_IF_SAME, { keys: 1 }),
    };
    known.set(redis, scripts);
  }
  return scripts;
}
