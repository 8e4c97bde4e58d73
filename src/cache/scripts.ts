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

const RENEW = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`;

const HOLDS = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return 1`;

/** The scripts of the lock, on one view of a client. */
export interface LockScripts {
  readonly store: Script<number>;
  readonly release: Script<number>;
  readonly renew: Script<number>;
  readonly holds: Script<number>;
}

const known = new WeakMap<Redis, LockScripts>();

/** The scripts on this view: made once for each. */
export function lockScripts(redis: Redis): LockScripts {
  let scripts = known.get(redis);
  if (scripts === undefined) {
    scripts = {
      store: redis.defineScript<number>(STORE, { keys: 2 }),
      release: redis.defineScript<number>(RELEASE, { keys: 1 }),
      renew: redis.defineScript<number>(RENEW, { keys: 1 }),
      holds: redis.defineScript<number>(HOLDS, { keys: 1, readOnly: true }),
    };
    known.set(redis, scripts);
  }
  return scripts;
}
