import type { Lease } from "respool";
import { COMMON, few, type OperationMaker } from "./operations.ts";
import type { OperationKind } from "./plan.ts";
import type { Player } from "./player.ts";
import { is, type Dice } from "./stage.ts";

/** What each operation calls, and what its caller may rely on. */
export const OPERATIONS: Readonly<Record<OperationKind, OperationMaker<Player>>> = {
  ...COMMON,

  pipeline(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const batch = redis.pipeline();
    const tokens = Array.from({ length: 1 + Math.floor((dice[0] ?? 0) ** 2 * 30) }, (_, n) => `#${id}.${n}s`);
    for (const [n, token] of tokens.entries()) {
      if (n % 3 === 0) batch.echo(token);
      else batch.rpush(`log:${few(dice[1])}`, token);
    }
    const writes = tokens.filter((_token, n) => n % 3 !== 0); // an ECHO may run as often as it likes
    player.stage.follow(id, "pipeline", limit, batch.exec(), writes, (values, operation) => {
      const list = values as unknown[];
      if (list.length !== tokens.length) return `${list.length} results for ${tokens.length} commands`;
      for (const [n, token] of tokens.entries()) {
        if (list[n] instanceof Error) {
          player.calm.failed(operation, list[n]);
          continue;
        }
        const wrong = n % 3 === 0 ? is(token)(list[n]) : player.stage.ledger.applied(token);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    });
  },

  lease(player, id, dice) {
    const { acquireTimeout = 2000 } = player.plan.options;
    const isAborted = (dice[0] ?? 0) < 0.15;
    const signal = isAborted ? { signal: player.stage.abortAfter((dice[1] ?? 0) * acquireTimeout) } : {};
    const lease = player.pool.lease(signal);
    player.stage.follow(id, "lease", acquireTimeout, lease, [], () => undefined);
    void lease.then(
      (own) => {
        player.calm.world.lent(own);
        useLease(player, id, dice, own);
      },
      () => {},
    );
  },

  subscribe(player, id, dice) {
    const { commandTimeout = 5000 } = player.plan.options;
    const channel = `channel:${few(dice[0])}`;
    const subscription = player.redis.subscribe(channel, ({ channel: from, message }) => {
      if (message === `${channel}=last`) player.reached.add(id);
      if (from !== channel || !message.startsWith(`${channel}=`)) {
        player.stage.ledger.violate(
          "a message comes to its subscriber",
          `#${id} on ${channel} got ${message} from ${from}`,
        );
      }
    });
    player.calm.world.lent(id);
    player.stage.follow(id, "subscribe", commandTimeout, subscription, [], () => undefined);
    void subscription.then(
      (own) => {
        player.subscribed.set(id, channel);
        // Until the end, where it leaves a connection to share and one to lend.
        if ((dice[2] ?? 0) < 0.3 && (player.plan.options.maxConnections ?? 1) >= 3) return;
        player.stage.world.timeline.after(
          (dice[1] ?? 0) * 2000,
          () => {
            player.subscribed.delete(id);
            void own.close();
            player.calm.world.givenBack(id);
          },
          true,
        );
      },
      () => {
        player.calm.world.givenBack(id);
      },
    );
  },

  publish(player, id, dice) {
    const { redis, limit } = player.stage.view(player.redis, dice);
    const channel = `channel:${few(dice[0])}`;
    const token = `#${id}s`;
    player.stage.follow(id, "publish", limit, redis.publish(channel, `${channel}=${token}`), [token], () =>
      player.stage.ledger.applied(token),
    );
  },
};

/** What a borrower does, and leaves behind. */
const MISCHIEF: readonly ((lease: Lease, token: string) => Promise<unknown>[])[] = [
  () => [],
  (lease) => [lease.call("SELECT", 5)],
  (lease) => [lease.call("WATCH", "tx:0")],
  (lease, token) => [lease.call("MULTI"), lease.call("RPUSH", "log:0", token)],
  (lease) => [lease.call("CLIENT", "REPLY", "OFF"), lease.call("ECHO", "unheard")],
  (lease) => [lease.call("CLIENT", "REPLY", "SKIP"), lease.call("ECHO", "unheard")],
  (lease) => [lease.call("CLIENT", "TRACKING", "ON")],
  (lease) => [lease.call("CLIENT", "SETNAME", "somebody")],
  (lease) => [lease.call("SELECT", 3), lease.call("MULTI"), lease.call("SELECT", 4)],
  (lease) => [lease.call("BLPOP", "queue:none", 0.05)],
  (lease) => Array.from({ length: 40 }, (_, n) => lease.call("ECHO", `many ${n}`)),
];

function useLease(player: Player, id: number, dice: Dice, lease: Lease): void {
  const { commandTimeout = 5000 } = player.plan.options;
  const token = `#${id}f`;
  player.stage.follow(id, "echo", commandTimeout, lease.echo(token), [token], is(token));
  const mischief = MISCHIEF[Math.floor((dice[2] ?? 0) * MISCHIEF.length)] ?? MISCHIEF[0];
  const done = mischief?.(lease, `#${id}q`) ?? [];
  for (const promise of done) player.stage.follow(id, "mischief", commandTimeout + 50, promise, [], () => undefined);
  const end = dice[3] ?? 0;
  if (end < 0.1) {
    player.forgotten.push(lease);
  } else if (end < 0.25) {
    player.giveBack(lease); // too early: its replies are still to come
  } else if (end < 0.6) {
    void Promise.allSettled(done).then(() => player.giveBack(lease));
  } else {
    player.stage.world.timeline.after(
      (dice[4] ?? 0) * 400,
      () => {
        player.giveBack(lease);
        if (end > 0.8) player.giveBack(lease);
      },
      true,
    );
  }
}
