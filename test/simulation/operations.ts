import type { Redis } from "respool";
import { CALLBACK_ERROR } from "./ledger.ts";
import type { OperationKind, Plan } from "./plan.ts";
import { is, type Dice, type Stage } from "./stage.ts";

/** Keys, queues and channels: few, so that callers meet. */
export const FEW = 4;

/** Who calls the client. */
export interface Caller {
  readonly stage: Stage;
  readonly redis: Redis;
  readonly plan: Pick<Plan, "options">;
  /** How often a transaction is tried. */
  readonly attempts: number;
  /** One of the few keys of a kind. */
  key(kind: string, which: number): string;
}

export type OperationMaker<C> = (caller: C, id: number, dice: Dice) => void;

/** One of few. */
export const few = (die: number | undefined): number => Math.floor((die ?? 0) * FEW);

/** What one server and a cluster do alike: what is called, and what its caller may rely on. */
export const COMMON: Readonly<
  Record<Exclude<OperationKind, "pipeline" | "lease" | "subscribe" | "publish">, OperationMaker<Caller>>
> = {
  echo(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const token = `#${id}s`;
    caller.stage.follow(id, "echo", limit, redis.echo(token), [token], is(token));
  },

  /** One that calls the next as soon as it has its reply, or a few microtasks later. */
  chain(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const tokens = [`#${id}.0s`, `#${id}.1s`];
    const [first = "", second = ""] = tokens;
    const chain = async (): Promise<unknown> => {
      const reply = await redis.echo(first);
      for (let turn = Math.floor((dice[0] ?? 0) * 8); turn > 0; turn--) await Promise.resolve();
      return [reply, await redis.echo(second)];
    };
    caller.stage.follow(id, "chain", 2 * limit, chain(), [], (replies) => is(tokens.join())(String(replies)));
  },

  get(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const key = caller.key("own", few(dice[0]));
    const ofKey = (value: unknown): string | undefined =>
      value === null || String(value).startsWith(`${key}=`)
        ? undefined
        : `got ${String(value).slice(0, 50)} for ${key}`;
    caller.stage.follow(id, "get", limit, redis.get(key), [], ofKey);
  },

  set(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const key = caller.key("own", few(dice[0]));
    const token = `#${id}s`;
    caller.stage.follow(
      id,
      "set",
      limit,
      redis.set(key, `${key}=${token}`),
      [token],
      (value) => is("OK")(value) ?? caller.stage.ledger.applied(token),
    );
  },

  large(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const key = caller.key("own", few(dice[0]));
    const token = `#${id}s`;
    const value = Buffer.from(`${key}=${token} ${"x".repeat(4096 + Math.floor((dice[1] ?? 0) * 60_000))}`);
    caller.stage.follow(
      id,
      "large",
      limit,
      redis.set(key, value),
      [token],
      (reply) => is("OK")(reply) ?? caller.stage.ledger.applied(token),
    );
  },

  append(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const token = `#${id}s`;
    const isLength = (value: unknown): string | undefined =>
      typeof value === "number" && value > 0 ? caller.stage.ledger.applied(token) : `got ${String(value)} for a length`;
    caller.stage.follow(id, "append", limit, redis.rpush(caller.key("log", few(dice[0])), token), [token], isLength);
  },

  multi(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const tokens = Array.from({ length: 1 + Math.floor((dice[0] ?? 0) * 5) }, (_, n) => `#${id}.${n}m`);
    const chain = redis.multi();
    for (const token of tokens) chain.rpush(caller.key("log", few(dice[1])), token);
    caller.stage.follow(id, "multi", limit, chain.exec(), tokens, (values) => {
      const list = values as unknown[];
      if (list.length !== tokens.length) return `${list.length} results for ${tokens.length} commands`;
      return tokens
        .map((token, n) => (list[n] instanceof Error ? undefined : caller.stage.ledger.applied(token)))
        .find((wrong) => wrong !== undefined);
    });
  },

  transaction(caller, id, dice) {
    const { commandTimeout = 5000, acquireTimeout = 2000 } = caller.plan.options;
    const key = few(dice[0]);
    const token = `#tx${key}.${id}m`;
    const fails = (dice[1] ?? 0) < 0.1;
    const { attempts } = caller;
    const counter = caller.key("tx", key);
    const work = caller.redis.transaction(
      [counter],
      async (tx) => {
        const value = Number((await tx.get(counter)) ?? 0);
        if (fails) throw CALLBACK_ERROR;
        return tx
          .multi()
          .set(counter, String(value + 1))
          .rpush(caller.key("log", key), token);
      },
      { attempts },
    );
    // Each attempt is three commands and a pause, each of which has a limit of its own.
    const limit = acquireTimeout + attempts * (3 * commandTimeout + 20);
    caller.stage.follow(id, "transaction", limit, work, [token], () => caller.stage.ledger.applied(token));
  },

  pop(caller, id, dice) {
    const { commandTimeout = 5000, socketTimeout = 5000, acquireTimeout = 2000 } = caller.plan.options;
    const token = `#${id}s`;
    const queue = caller.key("queue", few(dice[0]));
    const seconds = (dice[1] ?? 0) < 0.2 ? 0 : 0.01 + (dice[1] ?? 0);
    // One that would wait for ever is ended by its caller.
    const isAborted = seconds === 0 || (dice[2] ?? 0) < 0.3;
    const abortAt = 5 + (dice[3] ?? 0) * 900;
    const redis = isAborted ? caller.redis.with({ signal: caller.stage.abortAfter(abortAt) }) : caller.redis;
    const limit =
      Math.max(commandTimeout, acquireTimeout) + (isAborted ? abortAt : seconds * 1000) + socketTimeout + 3 * 20;
    caller.stage.follow(id, "pop", limit, redis.blpop([queue, `${queue}:none:${token}`], seconds), [token], (value) => {
      if (value === null) return undefined;
      const [key, element] = value as [string, string];
      return is(queue)(key) ?? caller.stage.delivered(element, id);
    });
  },

  /** A pop that is given up at the very moment at which its element comes. */
  handover(caller, id, dice) {
    const { socketTimeout = 5000, acquireTimeout = 2000, commandTimeout = 5000 } = caller.plan.options;
    const token = `#${id}s`;
    const queue = caller.key(`handover:${id}`, few(dice[2]));
    const at = 5 + (dice[0] ?? 0) * 50;
    const redis = caller.redis.with({ signal: caller.stage.abortAfter(at) });
    const limit = Math.max(commandTimeout, acquireTimeout) + at + socketTimeout + 3 * 20;
    caller.stage.follow(id, "pop", limit, redis.blpop([queue, `${queue}:none:${token}`], 0), [token], (value) => {
      const [key, element] = value as [string, string];
      return is(queue)(key) ?? caller.stage.delivered(element, id);
    });
    const pushAt = at + ((dice[1] ?? 0) - 0.7) * 1.5;
    caller.stage.world.timeline.after(
      pushAt,
      () => void caller.redis.rpush(queue, `element ${id}`).catch(() => {}),
      true,
    );
  },

  push(caller, id, dice) {
    const { redis, limit } = caller.stage.view(caller.redis, dice);
    const token = `#${id}s`;
    caller.stage.follow(id, "push", limit, redis.rpush(caller.key("queue", few(dice[0])), token), [token], () =>
      caller.stage.ledger.applied(token),
    );
  },

  stall(caller, _id, [size = 0]) {
    const ms = size ** 4 * 2000;
    caller.stage.ledger.stalled += ms;
    caller.stage.world.timeline.stall(ms);
  },
};
