import type { LinkFault } from "./link-faults.ts";
import type { FaultKind } from "./plan.ts";
import type { Player } from "./player.ts";
import { ADDRESS, type Dice } from "./stage.ts";

type FaultMaker = (player: Player, dice: Dice) => (() => void) | void;

/** What each fault does; the function that it returns heals it. */
export const SERVER_FAULTS: Readonly<Record<Exclude<FaultKind, LinkFault>, FaultMaker>> = {
  kill: ({ server }, [share = 0]) => {
    for (const session of [...server.sessions.values()]) if ((session.id * 0.37) % 1 < share) server.end(session);
  },
  refuse: ({
    server,
    stage: {
      world: { network },
    },
  }) => {
    network.listen(ADDRESS, null);
    return () => server.start();
  },
  silence: ({
    stage: {
      world: { network },
    },
  }) => {
    network.silent.add(ADDRESS);
    return () => {
      network.silent.delete(ADDRESS);
    };
  },
  pause: ({ server }) => {
    server.pause();
    return () => server.resume();
  },
  crash: ({ server }) => {
    server.crash();
    return () => server.start();
  },
  loading: ({ server }) => {
    server.refusal = "LOADING Redis is loading the dataset in memory";
    return () => {
      server.refusal = null;
    };
  },
  invalidate: ({ server }) => {
    for (const session of server.sessions.values()) {
      if (session.protocol !== 3) continue; // RESP2 has none
      session.push(["invalidate", ["somebody's key"]]);
      session.flush();
    }
  },
  twice: ({ order }, [share = 0]) => order.slip("twice", share),
  never: ({ order }, [share = 0]) => order.slip("never", share),
  full: ({ server }, [share = 0]) => {
    server.maxClients = Math.floor(share * 4);
    return () => {
      server.maxClients = 10_000;
    };
  },
};
