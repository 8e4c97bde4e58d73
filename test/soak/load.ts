import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { ConnectionPool, Lease, Redis, Subscription } from "respool";
import type { Random } from "respool/testing";
import { Feed, Jobs, Tally, Tokens } from "./accounts.ts";
import { ABORTED, type Oracle } from "./oracle.ts";

const VALUES = 1000;
const MEASUREMENTS = 12;
/** Measurements before, of code that is not compiled yet. */
const WARM = 4;
const LARGE = "x".repeat(6000);

/** The limits of the client under load, ms. */
export const LIMITS = {
  commandTimeout: 500,
  acquireTimeout: 500,
  socketTimeout: 800,
  connectTimeout: 800,
  reconnect: { minDelay: 20, maxDelay: 400 },
} as const;

/** Plain commands, each with its weight: what nearly all of the load is. */
const QUICK = {
  get: 40,
  set: 15,
  incr: 10,
  push: 4,
  pipeline: 6,
  multi: 4,
  aborted: 2,
  hurried: 2,
  buffers: 2,
  large: 1,
} as const;

/** What holds a connection for a while. */
const SLOW = { pop: 8, transaction: 5, lease: 6, misbehaving: 4, subscribe: 1 } as const;

type Kind = keyof typeof QUICK | keyof typeof SLOW;

const MISDEEDS = ["select", "watch", "multi", "unread", "twice", "late", "silent", "tracking", "after"] as const;

/** What the load runs on. */
export interface LoadParts {
  readonly redis: Redis;
  readonly pool: ConnectionPool;
  readonly oracle: Oracle;
  readonly random: Random;
  /** Whether a fault was there at some time since then. */
  readonly disturbedSince: (time: number) => boolean;
  /** Exchanges one reply for another one's, to see that it is noticed. */
  readonly corrupts: boolean;
}

/** Operations of every kind, each with a check of what comes of it. */
export class Load {
  readonly tokens: Tokens;
  readonly jobs: Jobs;
  readonly tokenLists = ["pushed:0", "pushed:1", "pushed:2"] as const;
  readonly jobLists = ["jobs:0", "jobs:1", "jobs:2", "jobs:3"] as const;
  readonly feeds: readonly Feed[];
  readonly counters: readonly Tally[];
  readonly pairs: readonly (readonly [Tally, Tally])[];
  readonly swaps: readonly Tally[];
  readonly #parts: LoadParts;
  readonly #kinds: Record<Kind, () => void>;
  readonly #quick: readonly Kind[] = deck(QUICK);
  readonly #slow: readonly Kind[] = deck(SLOW);
  #sequence = 0;
  #corrupted = false;

  constructor(parts: LoadParts) {
    this.#parts = parts;
    this.tokens = new Tokens(parts.oracle);
    this.jobs = new Jobs(parts.oracle);
    this.feeds = [0, 1, 2].map((n) => new Feed(`news:${n}`, parts.oracle));
    this.counters = Array.from({ length: 20 }, (_, n) => new Tally(`count:${n}`));
    this.pairs = Array.from(
      { length: 10 },
      (_, n) => [new Tally(`pair:${n}:left`), new Tally(`pair:${n}:right`)] as const,
    );
    this.swaps = Array.from({ length: 5 }, (_, n) => new Tally(`swap:${n}`));
    this.#kinds = {
      get: () => this.#get(),
      set: () => this.#set(""),
      large: () => this.#set(LARGE),
      buffers: () => this.#buffers(),
      incr: () => this.#incr(),
      push: () => this.#push(),
      pipeline: () => this.#pipeline(),
      multi: () => this.#multi(),
      aborted: () => this.#aborted(),
      hurried: () => this.#hurried(),
      pop: () => this.#pop(),
      transaction: () => this.#transaction(),
      lease: () => this.#lease(),
      misbehaving: () => this.#misbehaving(),
      subscribe: () => this.#subscribe(),
    };
  }

  /** Gives every key a value that describes it. */
  async prepare(): Promise<void> {
    // Before the clock runs: a slow disk is none of the limits that are soaked.
    const redis = this.#parts.redis.with({ timeout: 10_000 });
    await redis.mset(Array.from({ length: VALUES }, (_, n) => [`value:${n}`, `value:${n}@0`] as const));
  }

  /** Subscribes to the feeds, which stay until the end. */
  async listen(): Promise<Subscription[]> {
    const open = this.feeds.map((feed) =>
      this.#parts.redis.subscribe(feed.channel, ({ channel, message }) => feed.receive(channel, message), {
        onGap: () => feed.gap(),
      }),
    );
    return Promise.all(open);
  }

  /** Begins one plain operation. */
  quick(): void {
    this.#kinds[this.#parts.random.pick(this.#quick)]();
  }

  /** Begins one that holds a connection for a while. */
  slow(): void {
    this.#kinds[this.#parts.random.pick(this.#slow)]();
  }

  /**
   * Keeps so many plain operations under way.
   * @returns how many end in a second, in the slower parts of the time: what there is room for whatever else the machine does
   */
  async measure(time: number, open: number): Promise<number> {
    const { oracle } = this.#parts;
    const rates: number[] = [];
    while (rates.length < WARM + MEASUREMENTS) {
      const began = performance.now();
      const before = oracle.settled;
      while (performance.now() - began < time / MEASUREMENTS) {
        while (oracle.open < open) this.quick();
        await turn();
      }
      rates.push(((oracle.settled - before) / (performance.now() - began)) * 1000);
    }
    return rates.slice(WARM).sort((a, b) => a - b)[MEASUREMENTS >> 2] ?? 0;
  }

  #key(): string {
    return `value:${this.#parts.random.below(VALUES)}`;
  }

  #get(): void {
    const { redis, oracle } = this.#parts;
    const key = this.#key();
    oracle.follow({
      kind: "get",
      limit: LIMITS.commandTimeout,
      run: () => redis.get(key),
      check: (value) => this.#wrong(key, value),
    });
  }

  /** Says what is wrong with a value: it must begin with its key. */
  #wrong(key: string, value: string | Buffer | null | Error): string | undefined {
    if (this.#parts.corrupts && !this.#corrupted && this.#sequence > 100) {
      this.#corrupted = true;
      value = "value:of-another@0";
    }
    if (value instanceof Error) return this.#partFailed(value);
    const text = value === null ? "nothing" : value.toString("latin1");
    return text.startsWith(`${key}@`) ? undefined : `${key} gave ${text.slice(0, 40)}`;
  }

  #partFailed(error: Error): undefined {
    this.#parts.oracle.endingOf("part of a pipeline", error);
    return undefined;
  }

  #set(padding: string): void {
    const { redis, oracle } = this.#parts;
    const key = this.#key();
    oracle.follow({
      kind: "set",
      limit: LIMITS.commandTimeout,
      run: () => redis.set(key, `${key}@${this.#sequence++}${padding}`),
      check: (reply) => (reply === "OK" ? undefined : `SET gave ${String(reply)}`),
    });
  }

  #buffers(): void {
    const { redis, oracle } = this.#parts;
    const key = this.#key();
    oracle.follow({
      kind: "buffers",
      limit: LIMITS.commandTimeout,
      run: () => redis.buffers.get(key),
      check: (value) =>
        value === null || Buffer.isBuffer(value) ? this.#wrong(key, value) : "a string where a Buffer was asked for",
    });
  }

  #incr(redis: Redis = this.#parts.redis, kind = "incr"): void {
    const { oracle, random } = this.#parts;
    const counter = random.pick(this.counters);
    const before = counter.acknowledged;
    counter.called++;
    oracle.follow({
      kind,
      limit: LIMITS.commandTimeout,
      run: () => redis.incr(counter.key),
      check: (value) => counter.wrong(value, before),
      ended: (ending) => counter.ended(ending),
    });
  }

  #push(redis: Redis | Lease = this.#parts.redis, kind = "push"): void {
    const { oracle, random } = this.#parts;
    const token = this.tokens.make();
    oracle.follow({
      kind,
      limit: LIMITS.commandTimeout,
      run: () => redis.rpush(random.pick(this.tokenLists), token),
      check: (length) => (typeof length === "number" && length > 0 ? undefined : `RPUSH gave ${String(length)}`),
      ended: (ending) => this.tokens.ended(token, ending),
    });
  }

  #pipeline(): void {
    const { redis, oracle } = this.#parts;
    const [one, two, three] = [this.#key(), this.#key(), this.#key()];
    oracle.follow({
      kind: "pipeline",
      limit: LIMITS.commandTimeout,
      run: () =>
        redis
          .pipeline()
          .get(one)
          .set(two, `${two}@${this.#sequence++}`)
          .get(two)
          .get(three)
          .exec(),
      check: ([first, set, second, third]) =>
        this.#wrong(one, first) ??
        this.#wrong(two, second) ??
        this.#wrong(three, third) ??
        (set === "OK" || (set as unknown) instanceof Error ? undefined : `SET gave ${String(set)}`),
    });
  }

  #multi(): void {
    const { redis, oracle, random } = this.#parts;
    const [left, right] = random.pick(this.pairs);
    const before = Math.min(left.acknowledged, right.acknowledged);
    for (const one of [left, right]) one.called++;
    oracle.follow({
      kind: "multi",
      limit: LIMITS.commandTimeout,
      run: () => redis.multi().incr(left.key).incr(right.key).exec(),
      check: ([one, two]) => {
        const value = Number(one);
        return value === Number(two)
          ? left.wrong(value, before)
          : `${left.key} gave ${value}, its other half ${String(two)}`;
      },
      ended: (ending) => {
        for (const one of [left, right]) one.ended(ending);
      },
    });
  }

  #aborted(): void {
    const { redis, random } = this.#parts;
    const abort = new AbortController();
    const view = redis.with({ signal: abort.signal });
    if (random.chance(0.5)) this.#incr(view, "aborted");
    else this.#push(view, "aborted");
    if (random.chance(0.3)) abort.abort(ABORTED);
    else setTimeout(() => abort.abort(ABORTED), random.between(0, 15));
  }

  #hurried(): void {
    const { redis, random } = this.#parts;
    const view = redis.with({ timeout: 1 + random.below(10) });
    if (random.chance(0.5)) this.#incr(view, "hurried");
    else this.#push(view, "hurried");
  }

  #pop(): void {
    const { redis, oracle, random } = this.#parts;
    const list = random.pick(this.jobLists);
    const since = performance.now();
    const block = random.chance(0.3) ? 0 : random.between(0.05, 0.4);
    const abort = new AbortController();
    const timeout = Math.round(random.between(50, 400));
    const view = block === 0 ? redis.with({ timeout, signal: abort.signal }) : redis.with({ signal: abort.signal });
    if (random.chance(0.3)) setTimeout(() => abort.abort(ABORTED), random.between(0, 300));
    oracle.follow({
      kind: "pop",
      // A server that is silent while it is asked to let go is waited for.
      limit: (block === 0 ? timeout : block * 1000 + LIMITS.commandTimeout) + LIMITS.socketTimeout,
      run: () => view.blpop(list, block),
      check: (reply) => this.jobs.pop(list, reply),
      ended: (ending) => {
        if (ending === "unknown" || (ending === "aborted" && this.#parts.disturbedSince(since))) this.jobs.lossy++;
      },
    });
  }

  #transaction(): void {
    const { redis, oracle, random } = this.#parts;
    const swap = random.pick(this.swaps);
    const before = swap.acknowledged;
    swap.called++;
    oracle.follow({
      kind: "transaction",
      limit: LIMITS.acquireTimeout + 3 * (3 * LIMITS.commandTimeout + 20),
      run: () =>
        redis.transaction(
          swap.key,
          async (tx) =>
            tx
              .multi()
              .set(swap.key, Number((await tx.get(swap.key)) ?? 0) + 1)
              .get(swap.key),
          {
            attempts: 3,
          },
        ),
      check: ([, value]) => swap.wrong(Number(value), before),
      ended: (ending) => swap.ended(ending),
    });
  }

  /** Borrows a connection as it should be done, and looks whether it is clean. */
  #lease(): void {
    const { pool, oracle, random } = this.#parts;
    const key = this.#key();
    oracle.follow({
      kind: "lease",
      limit: LIMITS.acquireTimeout + 3 * LIMITS.commandTimeout,
      run: () =>
        pool.use(async (lease) => {
          const [info, value] = await Promise.all([lease.call("CLIENT", "INFO"), lease.get(key)]);
          if (random.chance(0.3)) await lease.ping();
          return [String(info), value] as const;
        }),
      check: ([info, value]) => {
        const fields = new Map(
          info
            .trim()
            .split(" ")
            .map((field) => field.split("=", 2) as [string, string]),
        );
        const clean =
          fields.get("db") === "0" &&
          fields.get("multi") === "-1" &&
          fields.get("sub") === "0" &&
          /^[NU]$/.test(fields.get("flags") ?? "");
        return clean ? this.#wrong(key, value) : `a lease began with ${info.slice(0, 300)}`;
      },
    });
  }

  /** Borrows a connection and leaves it in a state that the next one must not find. */
  #misbehaving(): void {
    const { pool, oracle, random } = this.#parts;
    const misdeed = random.pick(MISDEEDS);
    oracle.follow({
      kind: `lease left: ${misdeed}`,
      limit: LIMITS.acquireTimeout + 3 * LIMITS.commandTimeout + 300,
      run: async () => {
        const lease = await pool.lease();
        try {
          await this.#misbehave(lease, misdeed);
        } finally {
          lease.release();
          if (misdeed === "twice") lease.release();
          if (misdeed === "after") this.#push(lease, "push after release");
        }
      },
    });
  }

  async #misbehave(lease: Lease, misdeed: (typeof MISDEEDS)[number]): Promise<void> {
    if (misdeed === "select") await lease.call("SELECT", 5);
    else if (misdeed === "watch") await lease.call("WATCH", this.#key());
    else if (misdeed === "multi") {
      await lease.call("MULTI");
      await lease.call("INCR", "never");
    } else if (misdeed === "unread") this.#push(lease, "push unread");
    else if (misdeed === "late") await sleep(this.#parts.random.between(20, 300));
    else if (misdeed === "silent") await lease.call("CLIENT", "REPLY", "OFF");
    else if (misdeed === "tracking") await lease.call("CLIENT", "TRACKING", "ON");
  }

  #subscribe(): void {
    const { redis, oracle, random } = this.#parts;
    oracle.follow({
      kind: "subscribe",
      limit: 2 * LIMITS.commandTimeout + LIMITS.acquireTimeout + LIMITS.socketTimeout,
      run: async () => {
        const subscription = await redis.subscribe(`brief:${random.below(20)}`, () => {});
        await sleep(random.between(0, 100));
        await subscription.close();
      },
    });
  }

  /** Compares the counters with the server's in the end. */
  async close(read: (key: string) => Promise<string | null>): Promise<void> {
    const { oracle } = this.#parts;
    for (const tally of [...this.counters, ...this.pairs.flat(), ...this.swaps])
      tally.close(oracle, Number((await read(tally.key)) ?? 0));
    if ((await read("never")) !== null)
      oracle.violate(
        "a borrower's MULTI ends with its lease",
        "what was queued in one that nobody executed was applied",
      );
  }
}

/** A kind, as often as its weight. */
function deck(weights: Readonly<Partial<Record<Kind, number>>>): Kind[] {
  return (Object.entries(weights) as [Kind, number][]).flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind));
}
