import { OptionsError } from "respool";
import { COMMON, FEW, few, type OperationMaker } from "../operations.ts";
import { is } from "../stage.ts";
import type { ClusterOperation } from "./plan.ts";
import type { ClusterPlayer } from "./player.ts";

/** So many keys of each tag are there all the time. */
const FIXED = 3;
/** A scan's steps, at most: each has the time of a command. */
const SCAN_STEPS = 200;

/** Keys that are there all the time, each with a value that names it. */
export function fixedKeys(key: (kind: string, which: number) => string): string[] {
  return Array.from({ length: FEW * FIXED }, (_, n) => `${key("fixed", n % FEW)}:${n}`);
}

export const valueOf = (key: string): string => `${key}=fixed`;

/** Some of few, at least one. */
function some(dice: readonly number[]): number[] {
  const [which = 0, count = 0] = dice;
  return Array.from({ length: 1 + Math.floor(count * FEW) }, (_, n) => (few(which) + n) % FEW);
}

const isOneOfMany =
  (player: ClusterPlayer, keys: readonly string[]) =>
  (values: unknown): string | undefined => {
    const list = values as unknown[];
    if (list.length !== keys.length) return `${list.length} values for ${keys.length} keys`;
    for (const [n, key] of keys.entries()) {
      if (list[n] === null && !(key.startsWith("fixed") && player.mustBeThere)) continue;
      if (!String(list[n]).startsWith(`${key}=`)) return `got ${String(list[n]).slice(0, 50)} for ${key}`;
    }
    return undefined;
  };

/** What each operation calls, and what its caller may rely on. */
export const OPERATIONS: Readonly<Record<ClusterOperation, OperationMaker<ClusterPlayer>>> = {
  ...COMMON,

  mget(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const keys = some(dice).flatMap((which) => [player.key("own", which), `${player.key("fixed", which)}:${which}`]);
    player.stage.follow(id, "get", limit, redis.mget(keys), [], isOneOfMany(player, keys));
  },

  mset(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const tokens = some(dice).map((which) => [player.key("own", which), `#${id}.${which}s`] as const);
    const values = Object.fromEntries(tokens.map(([key, token]) => [key, `${key}=${token}`]));
    const all = tokens.map(([, token]) => token);
    player.stage.follow(
      id,
      "set",
      limit,
      redis.mset(values),
      all,
      (reply) =>
        is("OK")(reply) ?? all.map((token) => player.stage.ledger.applied(token)).find((wrong) => wrong !== undefined),
    );
  },

  remove(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const keys = some(dice).map((which) => player.key("own", which));
    const promise = (dice[2] ?? 0) < 0.5 ? redis.del(keys) : redis.unlink(keys);
    player.stage.follow(id, "remove", limit, promise, [], (count) =>
      Number(count) >= 0 && Number(count) <= keys.length ? undefined : `${String(count)} of ${keys.length} keys`,
    );
  },

  exists(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const keys = fixedKeys((kind, which) => player.key(kind, which)).filter(
      (_key, n) => ((dice[0] ?? 0) * 31 + n * 0.3) % 1 < 0.5,
    );
    if (keys.length === 0) return;
    const promise = (dice[2] ?? 0) < 0.5 ? redis.exists(keys) : redis.touch(keys);
    player.stage.follow(id, "get", limit, promise, [], (count) =>
      player.mustBeThere ? is(keys.length)(count) : undefined,
    );
  },

  /** Over several nodes. */
  pipeline(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const batch = redis.pipeline();
    const tokens = Array.from({ length: 1 + Math.floor((dice[0] ?? 0) ** 2 * 30) }, (_, n) => `#${id}.${n}s`);
    const fixed = fixedKeys((kind, which) => player.key(kind, which));
    const keyAt = (n: number): string => fixed[n % fixed.length] as string;
    for (const [n, token] of tokens.entries()) {
      if (n % 4 === 0) batch.echo(token);
      else if (n % 4 === 1) batch.get(keyAt(n));
      else if (n % 4 === 2) batch.mget(keyAt(n), keyAt(n + 1));
      else batch.rpush(player.key("log", (few(dice[1]) + n) % FEW), token);
    }
    const writes = tokens.filter((_token, n) => n % 4 === 3);
    player.stage.follow(id, "pipeline", limit, batch.exec(), writes, (values) => {
      const list = values as unknown[];
      if (list.length !== tokens.length) return `${list.length} results for ${tokens.length} commands`;
      for (const [n, token] of tokens.entries()) {
        if (list[n] instanceof Error) {
          player.partFailed(id, dice, list[n]);
          continue;
        }
        const wrong = [
          () => is(token)(list[n]),
          () => isOneOfMany(player, [keyAt(n)])([list[n]]),
          () => isOneOfMany(player, [keyAt(n), keyAt(n + 1)])(list[n]),
          () => player.stage.ledger.applied(token),
        ][n % 4]?.();
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    });
  },

  scan(player, id, [size = 0]) {
    const { commandTimeout = 5000 } = player.plan.options;
    const found = new Set<string>();
    const walk = async (): Promise<void> => {
      for await (const key of player.redis.scanIterator({ match: "fixed:*", count: 1 + Math.floor(size * 10) }))
        found.add(key);
    };
    const since = player.stage.now;
    player.scanning++;
    const scan = walk().finally(() => {
      player.scanning--;
      player.scannedAt = player.stage.now;
    });
    player.stage.follow(id, "scan", SCAN_STEPS * commandTimeout, scan, [], () => {
      const missing = fixedKeys((kind, which) => player.key(kind, which)).filter(
        (key) => !found.has(key) && player.stayed(key, since),
      );
      return missing.length === 0 ? undefined : `it did not give ${missing.join(", ")}`;
    });
  },

  size(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    player.stage.follow(id, "get", limit, redis.dbsize(), [], (size) =>
      typeof size === "number" ? undefined : `got ${String(size)} for a size`,
    );
  },

  /** Keys of several slots in one MULTI: refused before anything is sent. */
  crossed(player, id, dice) {
    const tokens = [`#${id}.0m`, `#${id}.1m`];
    const chain = player.redis.multi();
    for (const [n, token] of tokens.entries()) chain.rpush(player.key("log", (few(dice[0]) + n) % FEW), token);
    const refused = chain.exec().then(
      () => "executed",
      (error: unknown) => (error instanceof OptionsError ? "refused" : String(error)),
    );
    player.stage.follow(id, "crossed", 1, refused, [], (what) => {
      const ran = tokens.filter((token) => player.stage.ledger.runs.has(token));
      return ran.length > 0 ? `${ran.join(", ")} ran` : player.isClosing ? undefined : is("refused")(what);
    });
  },
};
