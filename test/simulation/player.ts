import { ConnectionPool, Redis, type Lease, type PoolStats } from "respool";
import { SimulatedWorld, type Link, type Session, type SimulatedServer } from "respool/testing";
import { ABORTED, CALLBACK_ERROR, Ledger, type Operation } from "./ledger.ts";
import { isFault, LONGEST_FAULT, type FaultKind, type OperationKind, type Plan, type Step } from "./plan.ts";

const ADDRESS = "simulated:6379";
/** Keys, queues and channels: few, so that callers meet. */
const FEW = 4;

/** What the library itself may have in flight on a lane: ECHO, INFO, CLIENT UNBLOCK. */
const OWN_COMMANDS = 3;
const USUAL_LATENCY = [0.05, 0.5] as const;

/** What a run showed. */
export interface Report {
  readonly ledger: Ledger;
  /** What happened, line by line; empty unless it was asked for. */
  readonly trace: readonly string[];
  readonly events: number;
  /** The simulated time it took, ms. */
  readonly time: number;
}

type Dice = readonly number[];

/** Plays one plan on a world of its own, and holds everything against the promises. */
export class Player {
  readonly world: SimulatedWorld;
  readonly server: SimulatedServer;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly pool: ConnectionPool;
  readonly redis: Redis;
  readonly trace: string[] | null;
  /** Leases that their borrowers have forgotten: given back when everything is calm. */
  readonly forgotten: Lease[] = [];
  /** The longest latencies of the slow times that last, ms. */
  readonly slowness: number[] = [];
  /** Links that are dead for good, which nobody is told of. */
  readonly dead: Set<Link> = new Set();
  /** Channels of the subscriptions that are open, by their operation. */
  readonly subscribed: Map<number, string> = new Map();
  /** Subscriptions that got the last message of all. */
  readonly reached: Set<number> = new Set();
  /** Elements of queues, with the token of the pop that took them. */
  readonly #taken = new Map<string, string>();
  readonly #delivered = new Map<string, number>();
  #closedBy = 0;
  #isClosed = false;
  /** When each fault began and had healed, ms. */
  readonly #faults: [from: number, to: number][] = [];

  constructor(plan: Plan, traced: boolean) {
    this.plan = plan;
    this.trace = traced ? [] : null;
    this.world = new SimulatedWorld(plan.seed);
    this.world.network.weather.latency = USUAL_LATENCY;
    this.world.network.weather.highWater = plan.highWater;
    this.ledger = new Ledger(() => this.now);
    this.server = this.world.startServer(ADDRESS);
    this.server.onExecute = (command, session) => this.#executed(command, session);
    this.server.onTaken = (element, args) => this.#taken.set(element, tokenIn(args) ?? "nobody");
    const [host = "", port = ""] = ADDRESS.split(":");
    this.pool = new ConnectionPool({ ...plan.options, host, port: Number(port), environment: this.world });
    this.redis = new Redis({ pool: this.pool });
  }

  get now(): number {
    return this.world.timeline.now();
  }

  tell(line: string): void {
    this.trace?.push(`${this.now.toFixed(2).padStart(9)}  ${line}`);
  }

  async play(): Promise<Report> {
    const { timeline } = this.world;
    const stray = (reason: unknown): void =>
      this.ledger.violate("no unhandled rejection", String((reason as Error)?.stack ?? reason));
    process.on("unhandledRejection", stray);
    try {
      for (const step of this.plan.steps) timeline.after(step.at, () => this.#do(step), true);
      const { calmAt, closing } = this.plan;
      if (closing !== null) timeline.after(closing.at, () => this.#beginToClose(closing.timeout), true);
      // A stalled event loop begins later with what it does, and so do the faults.
      await timeline.run(calmAt);
      await timeline.run(Math.max(this.now, ...this.#faults.map(([, to]) => to)));
      if (closing === null) {
        await this.#recover();
        await this.#publishToAll();
        this.#beginToClose(500);
      }
      await this.#end();
    } catch (error) {
      this.ledger.violate("the program runs", String((error as Error).stack));
    } finally {
      process.off("unhandledRejection", stray);
    }
    this.#judge();
    return { ledger: this.ledger, trace: this.trace ?? [], events: timeline.events, time: this.now };
  }

  // --- steps ---

  #do(step: Step): void {
    if (isFault(step.kind)) this.#fault(step.kind, step.dice);
    else this.#operate(step.kind, step);
    this.#checkStats();
  }

  #operate(kind: OperationKind, { id, dice }: Step): void {
    this.tell(`#${id} ${kind}`);
    OPERATIONS[kind](this, id, dice);
  }

  /** Follows a promise that settles within `limit` ms. */
  follow(
    id: number,
    kind: string,
    limit: number,
    promise: Promise<unknown>,
    tokens: readonly string[],
    check: (value: unknown) => string | undefined,
  ): Operation {
    const operation = this.ledger.follow(
      {
        id,
        kind,
        due: this.now + limit,
        tokens,
        accumulates: kind !== "get" && kind !== "echo" && kind !== "set" && kind !== "large",
      },
      promise,
      check,
    );
    if (this.trace !== null) {
      promise.then(
        (value) => this.tell(`#${id} ${kind} → ${JSON.stringify(value)?.slice(0, 80)}`),
        (error: unknown) => this.tell(`#${id} ${kind} failed: ${String(error)} (${operation.outcome})`),
      );
    }
    return operation;
  }

  /** A view with a limit and a signal of its own, as the dice say. */
  view(dice: Dice): { redis: Redis; limit: number } {
    const [kind = 0, size = 0] = dice.slice(-2);
    const { commandTimeout = 5000 } = this.plan.options;
    if (kind < 0.6) return { redis: this.redis, limit: commandTimeout };
    if (kind < 0.75) {
      const timeout = 1 + Math.round(size * 500);
      return { redis: this.redis.with({ timeout }), limit: timeout };
    }
    if (kind < 0.85) return { redis: this.redis.with({ retry: false }), limit: commandTimeout };
    return { redis: this.redis.with({ signal: this.abortAfter(size ** 3 * 300) }), limit: commandTimeout };
  }

  abortAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    if (ms < 0.01) controller.abort(ABORTED);
    else this.world.timeline.after(ms, () => controller.abort(ABORTED), true);
    return controller.signal;
  }

  delivered(element: string, id: number): string | undefined {
    const other = this.#delivered.get(element);
    this.#delivered.set(element, id);
    return other === undefined ? undefined : `${element} was given to #${other}, too`;
  }

  // --- the server's side of the account ---

  #executed(command: readonly string[], session: Session): void {
    const token = tokenIn(command);
    if (this.trace !== null && token !== undefined)
      this.tell(`     server: ${command.slice(0, 3).join(" ").slice(0, 60)} on ${session.id}`);
    if (token === undefined) return;
    this.ledger.ran(token);
    const use = token.at(-1);
    const inMulti = session.queue !== null;
    const wrong =
      (use === "s" && (session.db !== 0 || !session.isPlain)) ||
      (use === "f" && (session.db !== 0 || !session.isPlain)) ||
      (use === "m" && (session.db !== 0 || !inMulti || session.subscriptions > 0 || session.answers !== "on"));
    if (wrong) {
      const left = `db ${session.db}, ${session.queue === null ? "no" : "in"} MULTI, ${session.watched.size} watched, replies ${session.answers}, tracking ${session.tracking}, ${session.subscriptions} subscriptions`;
      this.ledger.violate(
        "a borrower's session never reaches the next one",
        `${token} ran on connection ${session.id} with ${left}`,
      );
    }
  }

  // --- faults ---

  #fault(kind: FaultKind, dice: Dice): void {
    const [share = 0, length = 0] = dice;
    const duration = length * LONGEST_FAULT;
    this.#faults.push([this.now, this.now + duration]);
    const links = [...this.world.network.links].filter((_link, index) => (share * 97 + index * 0.37) % 1 < 0.6);
    this.tell(`fault: ${kind}, ${duration.toFixed(0)} ms, links ${links.map(({ id }) => id).join(" ") || "none"}`);
    const heal = FAULTS[kind](this, links, dice);
    if (heal !== undefined) {
      this.world.timeline.after(
        duration,
        () => {
          this.tell(`healed: ${kind}`);
          heal();
        },
        false,
      );
    }
  }

  /** Whether the network or the server was in order for all of this time, and for a while before. */
  wasCalm(from: number, to: number): boolean {
    return this.#faults.every(([begin, end]) => to < begin || from > end + 2000);
  }

  // --- the end ---

  /** After the last fault the client must be back by itself. */
  async #recover(): Promise<void> {
    this.tell("calm");
    for (const lease of this.forgotten) lease.release();
    const { options } = this.plan;
    const { connectTimeout = 0, socketTimeout = 0, maxConnections = 1, commandTimeout = 0 } = options;
    // With one connection shared commands wait for whoever has it: at most a blocking pop to its end.
    const busy = maxConnections === 1 ? 1000 + socketTimeout + commandTimeout : 0;
    // A dead link is noticed by its silence.
    const silence = this.dead.size > 0 ? socketTimeout : 0;
    const bound = Math.ceil((options.reconnect?.maxDelay ?? 0) + connectTimeout + busy + silence + 100);
    const deadline = this.now + bound;
    let latest = "";
    while (!(await this.#succeeds(deadline, (error) => (latest = error))) && this.now < deadline);
    if (this.now >= deadline) {
      const { total, idle, leased, lanes, subscribers, connecting, lastConnectError } = this.pool.stats();
      const state = JSON.stringify({ total, idle, leased, lanes, subscribers, connecting, lastConnectError });
      this.ledger.violate(
        "the first success comes in time",
        `none ${bound} ms after the last fault: ${latest}; ${state}`,
      );
    }
    const longest = Math.max(
      0,
      ...this.ledger.operations.filter(({ state }) => state === "open").map(({ due }) => due),
    );
    // A server that was full is asked for few connections for a while.
    const modest = this.plan.steps.some(({ kind }) => kind === "full") ? 5000 : 0;
    const patience = modest + socketTimeout + commandTimeout + 2 * this.ledger.stalled + 500;
    await this.world.timeline.run(Math.max(this.now, longest) + patience);
    await this.#fill(bound);
  }

  async #succeeds(deadline: number, tell: (error: string) => void): Promise<boolean> {
    let result = "open";
    this.redis
      .with({ timeout: Math.max(1, deadline - this.now) })
      .echo("probe")
      .then(
        () => (result = "succeeded"),
        (error: unknown) => {
          tell(String(error));
          result = "failed";
        },
      );
    await this.world.timeline.run(deadline, () => result !== "open");
    if (result === "failed") await this.world.pass(5);
    return result === "succeeded";
  }

  /** Whoever is subscribed still, or again, gets what is published now. */
  async #publishToAll(): Promise<void> {
    // A subscriber whose link is dead hears of it by the next health check only, and with one connection it may have none.
    const { maxConnections = 1, socketTimeout = 0 } = this.plan.options;
    if (this.dead.size > 0 || maxConnections === 1) return;
    const channels = new Set(this.subscribed.values());
    for (const channel of channels) {
      void this.redis.publish(channel, `${channel}=last`).catch(() => {});
      await this.world.pass(socketTimeout + 500);
    }
    for (const [id, channel] of this.subscribed) {
      if (!this.reached.has(id))
        this.ledger.violate("a subscription is restored", `#${id} on ${channel} did not get the last message`);
    }
  }

  /** All connections can be lent again. */
  async #fill(bound: number): Promise<void> {
    const { maxConnections = 1 } = this.plan.options;
    for (const lease of this.forgotten) lease.release(); // also those that were lent when it was calm
    // One is kept for the shared commands, and one may be subscribed.
    const count = maxConnections === 1 ? 1 : maxConnections - 1 - Math.min(1, this.subscribed.size);
    if ((this.plan.options.maxWaiting ?? count) < count) return;
    let isOver = false;
    const leases = Promise.allSettled(
      Array.from({ length: count }, () => this.pool.lease({ timeout: bound + 1000 })),
    ).finally(() => (isOver = true));
    const deadline = this.now + bound + 1500;
    await this.world.timeline.run(deadline, () => isOver);
    if (!isOver) {
      this.ledger.violate("capacity is back", `a lease has not settled ${bound + 1500} ms after it was asked for`);
      return;
    }
    for (const result of await leases) {
      if (result.status === "fulfilled") result.value.release();
      else this.ledger.violate("capacity is back", `${count} leases of ${maxConnections}: ${String(result.reason)}`);
    }
    this.#checkStats();
  }

  #beginToClose(timeout: number): void {
    this.tell(timeout === 0 ? "destroy()" : `close({ timeout: ${timeout} })`);
    // Each drains for its time: first the retries, then the pool.
    this.#closedBy = this.now + 2 * timeout + 100;
    if (timeout === 0) {
      this.redis.destroy();
      this.pool.destroy();
      this.#isClosed = true;
      return;
    }
    void Promise.all([this.redis.close({ timeout }), this.pool.close({ timeout })]).then(() => {
      this.#isClosed = true;
    });
  }

  async #end(): Promise<void> {
    const { timeline, network } = this.world;
    for (const lease of this.forgotten) lease.release();
    await timeline.run(Math.max(this.now, this.#closedBy + 2 * this.ledger.stalled));
    if (!this.#isClosed) this.ledger.violate("close() comes to its end", `not by ${this.#closedBy.toFixed(0)} ms`);
    // What was held for ever arrives, so that the server hears of the ends, too.
    for (const link of this.dead) link.hold("both", false);
    if (network.links.size > 0)
      this.ledger.violate("after close() there is no socket", `${network.links.size} are open`);
    if (timeline.held > 0) this.ledger.violate("after close() there is no timer", `${timeline.held} hold the process`);
    await this.world.pass(60_000);
    if (this.server.sessions.size > 0)
      this.ledger.violate("after close() there is no socket", `the server has ${this.server.sessions.size}`);
    if (timeline.timers > 0) this.ledger.violate("after close() there is no timer", `${timeline.timers} are left`);
    const { total, connecting, inFlight, waiting } = this.pool.stats();
    if (total + connecting + inFlight + waiting > 0)
      this.ledger.violate("after close() nothing is counted", JSON.stringify({ total, connecting, inFlight, waiting }));
  }

  #judge(): void {
    const { ledger } = this;
    ledger.close();
    for (const operation of ledger.operations) {
      if (operation.kind === "multi") this.#judgeMulti(operation);
      if (operation.kind === "pop") this.#judgePop(operation);
    }
    for (let key = 0; key < FEW; key++) {
      const counted = Number(this.server.database(0).text(`tx:${key}`) ?? 0);
      const ran = [...ledger.runs].filter(([token]) => token.startsWith(`#tx${key}.`)).length;
      if (counted !== ran)
        ledger.violate("a transaction sees no other in between", `tx:${key} is ${counted} after ${ran} transactions`);
    }
  }

  #judgeMulti(operation: Operation): void {
    const runs = new Set(operation.tokens.map((token) => this.ledger.runs.get(token) ?? 0));
    if (runs.size > 1)
      this.ledger.violate("MULTI runs whole or not at all", `#${operation.id}: ${[...runs].join(", ")} runs`);
  }

  #judgePop(operation: Operation): void {
    const token = operation.tokens[0] as string;
    for (const [element, taker] of this.#taken) {
      if (taker !== token || this.#delivered.get(element) === operation.id) continue;
      const { state, outcome, since, settledAt, error } = operation;
      if (state === "failed" && outcome === "unknown") continue;
      if (
        state === "failed" &&
        outcome === "aborted" &&
        (!this.wasCalm(since, settledAt) || this.plan.options.maxConnections === 1)
      )
        continue;
      this.ledger.violate(
        "a pop never swallows an element",
        `#${operation.id} took ${element} and ended with ${outcome ?? state}: ${String(error)}`,
      );
    }
  }

  #checkStats(): void {
    const stats: PoolStats = this.pool.stats();
    const { total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections, inFlight, queuedBytes } =
      stats;
    if (total !== idle + leased + lanes + subscribers + repairing || total + connecting > maxConnections) {
      this.ledger.violate(
        "the sum rule of PoolStats",
        JSON.stringify({ total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections }),
      );
    }
    const { maxInFlight = 65_536 } = this.plan.options;
    // Each lease may have as many as the lanes together; the library's own ECHO, PING and UNBLOCK come on top.
    if (inFlight > maxInFlight * (1 + leased + repairing) + leased + maxConnections + OWN_COMMANDS || queuedBytes < 0) {
      this.ledger.violate("queues are bounded", `${inFlight} in flight of ${maxInFlight}, ${queuedBytes} bytes queued`);
    }
    const open = this.world.network.links.size;
    if (open > maxConnections) this.ledger.violate("no more connections than allowed", `${open} of ${maxConnections}`);
  }
}

/** The token in a command's arguments: `#12s` and the like; its last letter says in which session it may run. */
function tokenIn(words: readonly string[]): string | undefined {
  for (const word of words) {
    const at = word.indexOf("#");
    if (at !== -1) return /^#[\w.]+/.exec(word.slice(at, at + 40))?.[0];
  }
  return undefined;
}

type FaultMaker = (player: Player, links: readonly Link[], dice: Dice) => (() => void) | void;

const hold =
  (direction: "toServer" | "toClient" | "both"): FaultMaker =>
  (player, links) => {
    for (const link of links) link.hold(direction, true);
    return () => {
      for (const link of links) if (!player.dead.has(link)) link.hold(direction, false);
    };
  };

/** What each fault does; the function that it returns heals it. */
const FAULTS: Readonly<Record<FaultKind, FaultMaker>> = {
  reset: (_player, links) => {
    for (const link of links) link.cut("reset");
  },
  finish: (_player, links) => {
    for (const link of links) link.cut("end");
  },
  kill: ({ server }, _links, [share = 0]) => {
    for (const session of [...server.sessions.values()]) if ((session.id * 0.37) % 1 < share) server.end(session);
  },
  blackhole: hold("both"),
  dead: ({ dead }, links) => {
    for (const link of links) {
      link.hold("both", true);
      dead.add(link);
    }
  },
  deaf: hold("toServer"),
  mute: hold("toClient"),
  slow: ({ slowness, world: { network } }, _links, [share = 0]) => {
    const latency = 200 * share;
    slowness.push(latency);
    network.weather.latency = [0, latency];
    return () => {
      slowness.splice(slowness.indexOf(latency), 1);
      const left = slowness.at(-1);
      network.weather.latency = left === undefined ? USUAL_LATENCY : [0, left];
    };
  },
  splits: ({ world: { network } }) => {
    network.weather.splits = true;
    return () => {
      network.weather.splits = false;
    };
  },
  refuse: ({ server, world: { network } }) => {
    network.listen(ADDRESS, null);
    return () => server.start();
  },
  silence: ({ world: { network } }) => {
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
  push: ({ server }) => {
    for (const session of server.sessions.values()) {
      if (session.protocol !== 3) continue; // RESP2 has none
      session.push(["invalidate", ["somebody's key"]]);
      session.flush();
    }
  },
  full: ({ server }, _links, [share = 0]) => {
    server.maxClients = Math.floor(share * 4);
    return () => {
      server.maxClients = 10_000;
    };
  },
};

type OperationMaker = (player: Player, id: number, dice: Dice) => void;

const few = (die: number | undefined): number => Math.floor((die ?? 0) * FEW);

const is =
  (expected: unknown) =>
  (value: unknown): string | undefined =>
    value === expected ? undefined : `got ${JSON.stringify(value)} for ${JSON.stringify(expected)}`;

/** What each operation calls, and what its caller may rely on. */
const OPERATIONS: Readonly<Record<OperationKind, OperationMaker>> = {
  echo(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const token = `#${id}s`;
    player.follow(id, "echo", limit, redis.echo(token), [token], is(token));
  },

  /** One that calls the next as soon as it has its reply, or a few microtasks later. */
  chain(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const tokens = [`#${id}.0s`, `#${id}.1s`];
    const [first = "", second = ""] = tokens;
    const chain = async (): Promise<unknown> => {
      const reply = await redis.echo(first);
      for (let turn = Math.floor((dice[0] ?? 0) * 8); turn > 0; turn--) await Promise.resolve();
      return [reply, await redis.echo(second)];
    };
    player.follow(id, "chain", 2 * limit, chain(), [], (replies) => is(tokens.join())(String(replies)));
  },

  get(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const key = `own:${few(dice[0])}`;
    const ofKey = (value: unknown): string | undefined =>
      value === null || String(value).startsWith(`${key}=`)
        ? undefined
        : `got ${String(value).slice(0, 50)} for ${key}`;
    player.follow(id, "get", limit, redis.get(key), [], ofKey);
  },

  set(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const key = `own:${few(dice[0])}`;
    const token = `#${id}s`;
    player.follow(
      id,
      "set",
      limit,
      redis.set(key, `${key}=${token}`),
      [token],
      (value) => is("OK")(value) ?? player.ledger.applied(token),
    );
  },

  large(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const key = `own:${few(dice[0])}`;
    const token = `#${id}s`;
    const value = Buffer.from(`${key}=${token} ${"x".repeat(4096 + Math.floor((dice[1] ?? 0) * 60_000))}`);
    player.follow(
      id,
      "large",
      limit,
      redis.set(key, value),
      [token],
      (reply) => is("OK")(reply) ?? player.ledger.applied(token),
    );
  },

  append(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const token = `#${id}s`;
    const isLength = (value: unknown): string | undefined =>
      typeof value === "number" && value > 0 ? player.ledger.applied(token) : `got ${String(value)} for a length`;
    player.follow(id, "append", limit, redis.rpush(`log:${few(dice[0])}`, token), [token], isLength);
  },

  pipeline(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const batch = redis.pipeline();
    const tokens = Array.from({ length: 1 + Math.floor((dice[0] ?? 0) ** 2 * 30) }, (_, n) => `#${id}.${n}s`);
    for (const [n, token] of tokens.entries()) {
      if (n % 3 === 0) batch.echo(token);
      else batch.rpush(`log:${few(dice[1])}`, token);
    }
    const writes = tokens.filter((_token, n) => n % 3 !== 0); // an ECHO may run as often as it likes
    player.follow(id, "pipeline", limit, batch.exec(), writes, (values) => {
      const list = values as unknown[];
      if (list.length !== tokens.length) return `${list.length} results for ${tokens.length} commands`;
      for (const [n, token] of tokens.entries()) {
        if (list[n] instanceof Error) continue;
        const wrong = n % 3 === 0 ? is(token)(list[n]) : player.ledger.applied(token);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    });
  },

  multi(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const tokens = Array.from({ length: 1 + Math.floor((dice[0] ?? 0) * 5) }, (_, n) => `#${id}.${n}m`);
    const chain = redis.multi();
    for (const token of tokens) chain.rpush(`log:${few(dice[1])}`, token);
    player.follow(id, "multi", limit, chain.exec(), tokens, (values) => {
      const list = values as unknown[];
      if (list.length !== tokens.length) return `${list.length} results for ${tokens.length} commands`;
      return tokens
        .map((token, n) => (list[n] instanceof Error ? undefined : player.ledger.applied(token)))
        .find((wrong) => wrong !== undefined);
    });
  },

  transaction(player, id, dice) {
    const { commandTimeout = 5000, acquireTimeout = 2000 } = player.plan.options;
    const key = few(dice[0]);
    const token = `#tx${key}.${id}m`;
    const fails = (dice[1] ?? 0) < 0.1;
    const attempts = 5;
    const work = player.redis.transaction(
      [`tx:${key}`],
      async (tx) => {
        const value = Number((await tx.get(`tx:${key}`)) ?? 0);
        if (fails) throw CALLBACK_ERROR;
        return tx
          .multi()
          .set(`tx:${key}`, String(value + 1))
          .rpush(`log:${key}`, token);
      },
      { attempts },
    );
    // Each attempt is three commands and a pause, each of which has a limit of its own.
    const limit = acquireTimeout + attempts * (3 * commandTimeout + 20);
    player.follow(id, "transaction", limit, work, [token], () => player.ledger.applied(token));
  },

  pop(player, id, dice) {
    const { commandTimeout = 5000, socketTimeout = 5000, acquireTimeout = 2000 } = player.plan.options;
    const token = `#${id}s`;
    const queue = `queue:${few(dice[0])}`;
    const seconds = (dice[1] ?? 0) < 0.2 ? 0 : 0.01 + (dice[1] ?? 0);
    // One that would wait for ever is ended by its caller.
    const isAborted = seconds === 0 || (dice[2] ?? 0) < 0.3;
    const abortAt = 5 + (dice[3] ?? 0) * 900;
    const redis = isAborted ? player.redis.with({ signal: player.abortAfter(abortAt) }) : player.redis;
    const limit =
      Math.max(commandTimeout, acquireTimeout) + (isAborted ? abortAt : seconds * 1000) + socketTimeout + 3 * 20;
    player.follow(id, "pop", limit, redis.blpop([queue, `none:${token}`], seconds), [token], (value) => {
      if (value === null) return undefined;
      const [key, element] = value as [string, string];
      return is(queue)(key) ?? player.delivered(element, id);
    });
  },

  /** A pop that is given up at the very moment at which its element comes. */
  handover(player, id, dice) {
    const { socketTimeout = 5000, acquireTimeout = 2000, commandTimeout = 5000 } = player.plan.options;
    const token = `#${id}s`;
    const queue = `handover:${id}`;
    const at = 5 + (dice[0] ?? 0) * 50;
    const redis = player.redis.with({ signal: player.abortAfter(at) });
    const limit = Math.max(commandTimeout, acquireTimeout) + at + socketTimeout + 3 * 20;
    player.follow(id, "pop", limit, redis.blpop([queue, `none:${token}`], 0), [token], (value) => {
      const [key, element] = value as [string, string];
      return is(queue)(key) ?? player.delivered(element, id);
    });
    const pushAt = at + ((dice[1] ?? 0) - 0.7) * 1.5;
    player.world.timeline.after(pushAt, () => void player.redis.rpush(queue, `element ${id}`).catch(() => {}), true);
  },

  push(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const token = `#${id}s`;
    player.follow(id, "push", limit, redis.rpush(`queue:${few(dice[0])}`, token), [token], () =>
      player.ledger.applied(token),
    );
  },

  lease(player, id, dice) {
    const { acquireTimeout = 2000 } = player.plan.options;
    const isAborted = (dice[0] ?? 0) < 0.15;
    const signal = isAborted ? { signal: player.abortAfter((dice[1] ?? 0) * acquireTimeout) } : {};
    const lease = player.pool.lease(signal);
    player.follow(id, "lease", acquireTimeout, lease, [], () => undefined);
    void lease.then(
      (own) => useLease(player, id, dice, own),
      () => {},
    );
  },

  subscribe(player, id, dice) {
    const { commandTimeout = 5000 } = player.plan.options;
    const channel = `channel:${few(dice[0])}`;
    const subscription = player.redis.subscribe(channel, ({ channel: from, message }) => {
      if (message === `${channel}=last`) player.reached.add(id);
      if (from !== channel || !message.startsWith(`${channel}=`)) {
        player.ledger.violate("a message comes to its subscriber", `#${id} on ${channel} got ${message} from ${from}`);
      }
    });
    player.follow(id, "subscribe", commandTimeout, subscription, [], () => undefined);
    void subscription.then(
      (own) => {
        player.subscribed.set(id, channel);
        // Until the end, where it leaves a connection to share and one to lend.
        if ((dice[2] ?? 0) < 0.3 && (player.plan.options.maxConnections ?? 1) >= 3) return;
        player.world.timeline.after(
          (dice[1] ?? 0) * 2000,
          () => {
            player.subscribed.delete(id);
            void own.close();
          },
          true,
        );
      },
      () => {},
    );
  },

  publish(player, id, dice) {
    const { redis, limit } = player.view(dice);
    const channel = `channel:${few(dice[0])}`;
    const token = `#${id}s`;
    player.follow(id, "publish", limit, redis.publish(channel, `${channel}=${token}`), [token], () =>
      player.ledger.applied(token),
    );
  },

  stall(player, _id, [size = 0]) {
    const ms = size ** 4 * 2000;
    player.ledger.stalled += ms;
    player.world.timeline.stall(ms);
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
  player.follow(id, "echo", commandTimeout, lease.echo(token), [token], is(token));
  const mischief = MISCHIEF[Math.floor((dice[2] ?? 0) * MISCHIEF.length)] ?? MISCHIEF[0];
  const done = mischief?.(lease, `#${id}q`) ?? [];
  for (const promise of done) player.follow(id, "mischief", commandTimeout + 50, promise, [], () => undefined);
  const end = dice[3] ?? 0;
  if (end < 0.1) {
    player.forgotten.push(lease);
  } else if (end < 0.25) {
    lease.release(); // too early: its replies are still to come
  } else if (end < 0.6) {
    void Promise.allSettled(done).then(() => lease.release());
  } else {
    player.world.timeline.after(
      (dice[4] ?? 0) * 400,
      () => {
        lease.release();
        if (end > 0.8) lease.release();
      },
      true,
    );
  }
}
