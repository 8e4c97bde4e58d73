import type { Clock, Timer } from "../../base/clock.ts";
import { ConnectError, ServerError, type ConnectErrorCode } from "../../base/errors.ts";
import { nodeOf } from "../../base/addresses.ts";
import type { ResolvedOptions } from "../../base/options.ts";
import type { ResolvedSentinel } from "../../base/sentinel-options.ts";
import type { Dialler, TcpEndpoint } from "../../base/transport.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import type { Discovery, Members } from "../discovery.ts";
import type { Missing } from "../missing.ts";
import { NodePools, reachableFirst } from "../node-pools.ts";
import { Refresher } from "../refresher.ts";
import { askAll, candidatesOf, type Answers, type Candidate } from "./round.ts";
import { askSentinel } from "./view.ts";
import { SentinelWatch } from "./watch.ts";

/** How long a server may take to say what it is, ms: one that hangs is not to keep the news waiting. */
const ROLE_TIMEOUT = 1000;
/** How soon it is looked again where no news can be relied on: replicas settle, or no sentinel answers, ms. */
const AGAIN = 2000;
/** How often it is looked again while the sentinels do not agree on a replica. */
const DIVIDED_LOOKS = 3;

const OWN_LOGIN = " (a sentinel's own: `username` and `password` beside `sentinels`, not those of the servers)";

/**
 * Finds a primary and its replicas through sentinels. They are asked at the first command, whenever a server is in trouble, when one
 * of them has news, and now and then in any case; what they say holds only if the server that they name says so itself.
 */
export class Sentinels implements Discovery {
  readonly #setup: ResolvedSentinel;
  readonly #members: Members;
  readonly #clock: Clock;
  readonly #pools: NodePools;
  readonly #refresher: Refresher;
  readonly #watch: SentinelWatch;
  /** The given ones, and those that they tell of, by `host:port`. */
  #known: ReadonlyMap<string, TcpEndpoint>;
  /** The newest failover that was seen. */
  #epoch = -1;
  /** null before the first answer, or the end of the first round without one. */
  #missing: Missing | null = null;
  #fatal: ConnectError | null = null;
  #hasNews = false;
  /** Ends the check of a server, because there is news. */
  #checking: AbortController | null = null;
  #again: Timer | null = null;
  /** Looks since the latest news at which the sentinels did not agree. */
  #dividedLooks = 0;
  #stopped = false;

  constructor(setup: ResolvedSentinel, members: Members, dialler: (options: ResolvedOptions) => Dialler) {
    const { clock } = members;
    this.#setup = setup;
    this.#members = members;
    this.#clock = clock;
    this.#pools = new NodePools({ clock, maxTotalConnections: Infinity, dialler, onTrouble: () => {} });
    this.#refresher = new Refresher(clock, () => this.#look(), setup.refreshInterval);
    this.#watch = new SentinelWatch(clock, setup.name, {
      switched: () => this.#switched(),
      changed: () => {
        this.#dividedLooks = 0;
        this.#refresher.want();
      },
    });
    this.#known = new Map(setup.seeds.map((seed) => [nodeOf(seed), seed]));
  }

  get missing(): Missing {
    if (this.#missing !== null) return this.#missing;
    const cause = [...this.#pools.byNode.values()].map(({ lastError }) => lastError).find((error) => error !== null);
    const error = cause === undefined ? "" : `: ${cause.message}`;
    return { text: `none of the ${this.#known.size} sentinel(s) has answered yet${error}`, cause };
  }

  get fatal(): ConnectError | null {
    return this.#fatal;
  }

  suspect(): void {
    this.#refresher.want();
  }

  soon(until: number, signal: AbortSignal | null): Promise<void> {
    return this.#refresher.soon(until, signal);
  }

  stop(): void {
    this.#stopped = true;
    this.#refresher.stop();
    this.#again?.cancel();
    this.#checking?.abort("the client was closed");
    this.#watch.stop();
    this.#pools.destroy();
  }

  #switched(): void {
    if (this.#stopped) return;
    this.#hasNews = true;
    this.#checking?.abort("there is news");
    void this.#refresher.now();
  }

  async #look(): Promise<void> {
    this.#again?.cancel();
    do {
      this.#hasNews = false;
      try {
        await this.#lookOnce();
      } catch (error) {
        this.#missing = { text: messageOf(error), cause: error }; // natMap is the user's, and may throw
      }
    } while (this.#hasNews && !this.#stopped);
    if (this.#members.isWaiting) this.#refresher.want();
  }

  async #lookOnce(): Promise<void> {
    const timeout = this.#setup.options.connectTimeout;
    const answers = await askAll(this.#clock, this.#candidates(), (pool) =>
      askSentinel(this.#clock, pool, this.#setup.name, timeout),
    );
    if (this.#stopped) return;
    this.#meet(answers);
    this.#watch.follow(answers.views.map(({ pool }) => pool));
    const named = candidatesOf(answers.views);
    if (named.length === 0) this.#giveUp(answers);
    else await this.#verify(named);
  }

  #candidates(): NodePool[] {
    const pools = [...this.#known.values()].map((endpoint) => this.#pools.of(this.#setup.sentinelOptions(endpoint)));
    return reachableFirst(pools, this.#clock);
  }

  /** Sentinels come and go: those that are known are the given ones, those that have answered, and those that these know. */
  #meet({ views }: Answers): void {
    if (views.length === 0) return;
    const known = new Map(this.#setup.seeds.map((seed) => [nodeOf(seed), seed]));
    for (const { pool, sentinels } of views) {
      const all = [pool.options.endpoint as TcpEndpoint, ...sentinels.map((told) => this.#setup.translate(told))];
      for (const endpoint of all) known.set(nodeOf(endpoint), endpoint);
    }
    this.#known = known;
    this.#pools.retain(new Set(known.keys()));
  }

  #giveUp({ views, errors }: Answers): void {
    if (views.length > 0) {
      const name = JSON.stringify(this.#setup.name);
      const what = `none of the ${views.length} sentinel(s) that answer knows a primary called ${name}: check the name, which is the one of "sentinel monitor"`;
      this.#fail(new ConnectError("ERR_CONNECT", what, true));
      return;
    }
    const [last] = errors.slice(-1);
    const login = last instanceof ConnectError && last.code === "ERR_CONNECT_AUTH" ? OWN_LOGIN : "";
    const text = `none of the ${this.#known.size} sentinel(s) tells who is the primary: ${messageOf(last)}${login}`;
    this.#missing = { text, cause: last };
    const allPermanent = errors.length > 0 && errors.every(isPermanent);
    if (!allPermanent) {
      this.#lookAgain();
      return;
    }
    const code = (last as ConnectError).code as ConnectErrorCode;
    this.#fail(new ConnectError(code, text, true, { cause: last }));
  }

  /** Takes over the newest primary that says so itself. An older one holds only if the newer one denies that it is one. */
  async #verify(named: readonly Candidate[]): Promise<void> {
    for (const candidate of named) {
      if (this.#isOutdated(candidate)) return;
      const primary = this.#setup.nodeOptions(this.#setup.translate(candidate.primary));
      const role = await this.#roleOf(primary);
      if (role === null || this.#stopped || this.#hasNews) return;
      if (role === "master") {
        this.#takeOver(primary, candidate);
        return;
      }
      this.#lacks(
        `the sentinels name ${primary.node} as the primary, which says that it is a ${role === "slave" ? "replica" : role}`,
      );
      this.#members.doubt(primary.node);
    }
  }

  #takeOver(primary: ResolvedOptions, { epoch, replicas, isSettling, isDivided }: Candidate): void {
    this.#epoch = epoch;
    this.#fatal = null;
    this.#lacks(`${primary.node} was the primary, and is none any more`);
    const others = replicas.map((each) => this.#setup.nodeOptions(this.#setup.translate(each)));
    this.#members.setMembers(
      primary,
      others.filter(({ node }) => node !== primary.node),
    );
    if (!isDivided) this.#dividedLooks = 0;
    // One that is cut off from a replica never agrees.
    if (isSettling || (isDivided && this.#dividedLooks++ < DIVIDED_LOOKS)) this.#lookAgain();
  }

  #lookAgain(): void {
    this.#again?.cancel();
    this.#again = this.#clock.schedule(() => this.#refresher.want(), AGAIN);
  }

  /** Whether a few sentinels are behind what was known already. When most of them agree, they were set up anew. */
  #isOutdated({ epoch, votes, primary }: Candidate): boolean {
    if (epoch >= this.#epoch || votes > this.#known.size / 2) return false;
    this.#lacks(
      `only ${votes} of ${this.#known.size} sentinels can be reached, and name ${nodeOf(primary)}, which was the primary before the latest failover`,
    );
    return true;
  }

  /** @returns null when it is not known */
  async #roleOf(primary: ResolvedOptions): Promise<string | null> {
    const checking = new AbortController();
    this.#checking = checking;
    const timeout = Math.min(ROLE_TIMEOUT, primary.connectTimeout);
    try {
      return await this.#members.roleOf(primary, timeout, checking.signal);
    } catch (error) {
      // A user of few rights: then the sentinels' word has to do.
      if (error instanceof ServerError && error.code === "NOPERM") return "master";
      this.#lacks(
        `the sentinels name ${primary.node} as the primary, which does not answer: ${messageOf(error)}`,
        error,
      );
      if (isPermanent(error) && error instanceof ConnectError) this.#fail(error);
      return null;
    } finally {
      this.#checking = null;
    }
  }

  #lacks(text: string, cause?: unknown): void {
    this.#missing = { text, cause };
  }

  #fail(error: ConnectError): void {
    this.#lacks(error.message, error);
    this.#fatal = error;
    this.#members.fail(error);
  }
}

function isPermanent(error: unknown): boolean {
  return error instanceof ConnectError && error.permanent;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
