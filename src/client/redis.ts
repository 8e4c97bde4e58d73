import { ClosedError, ServerError } from "../base/errors.ts";
import type { NodeAddress } from "../base/addresses.ts";
import { resolveRetry, type RedisOptions } from "../base/options.ts";
import type { SentinelOptions, SentinelSetup } from "../base/sentinel-options.ts";
import type { ClusterOptions } from "../base/topology-options.ts";
import { validateDuration, validateObject, validateSignal } from "../base/validate.ts";
import { buildCall } from "../commands/call.ts";
import { attachCommands } from "../commands/methods.ts";
import type { Executor, Request } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { PoolStats } from "../pool/stats.ts";
import type { Reply } from "../protocol/reply.ts";
import { repeatRefused } from "../topology/repeat.ts";
import { isServerState, Retrier } from "../topology/retry.ts";
import type { ScanSource } from "../topology/topology.ts";
import { clusterCore, sentinelCore } from "./core.ts";
import { showStats } from "./show-stats.ts";
import { batchRequest } from "../commands/batch.ts";
import { Chain, notHere } from "./chain.ts";
import type { Commands } from "../commands/typings.generated.ts";
import type { MultiChain, PipelineChain } from "./chain-types.ts";
import { closeTimeout, type CloseOptions, type LeaseOptions } from "./connection-pool.ts";
import { leaseOn, type Lease } from "./lease.ts";
import type { BufferRedis } from "./buffer-redis.ts";
import { openSubscription } from "./pubsub.ts";
import type { SharedPoolOptions } from "./shared-pool.ts";
import { makeScript, type Script, type ScriptOptions } from "./script.ts";
import { pairs, scanAll, scanArguments, single, type KeyScanOptions, type ScanOptions } from "./scan.ts";
import { applySettings, isPrimary, type CommandOptions, type CommandSettings } from "./settings.ts";
import type { MessageListener, SubscribeOptions, Subscription, SubscriptionKind } from "./subscription.ts";
import { KeyTracking, type TrackingOptions } from "./tracking.ts";
import { firstView, View, viewOn, type Shared } from "./view.ts";
import { transact, type Transaction, type TransactionOptions, type TransactionResult } from "./transaction.ts";

/** What a client does now, and has done since its start. */
export interface RedisStats {
  /** The pool of each node, by `host:port` or the path of its unix socket. */
  readonly nodes: Readonly<Record<string, PoolStats>>;
}

/**
 * The client: every command as a method, each on a shared connection or one of its own as its facts say.
 *
 * ```ts
 * const redis = new Redis("redis://localhost:6379");
 * await redis.set("greeting", "hello", { ex: 300 });
 * await redis.get("greeting"); // "hello"
 * ```
 *
 * @see docs/client.md
 */
export class Redis implements AsyncDisposable {
  readonly #shared: Shared;
  readonly #settings: CommandSettings;
  #buffers: BufferRedis | null = null;

  /**
   * Opens nothing yet: the first command does.
   *
   * @param input a URL (`redis://user:pw@host:6379/0`, `rediss://…`, `redis+unix:///path`, `redis+cluster://a:7000,b:7001`,
   *   `redis+sentinel://a:26379,b:26379/mymaster`), options, or `{ pool }`
   * @param extra more options; those of a cluster or of sentinels with such a URL
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   */
  constructor(
    input?: string | URL | RedisOptions | SharedPoolOptions,
    extra?: RedisOptions | ClusterOptions | SentinelOptions,
  ) {
    const view = (input as unknown) instanceof View ? (input as unknown as View) : firstView(input, extra);
    this.#shared = view.shared;
    this.#settings = view.settings;
  }

  /**
   * A client of a cluster: each command goes to the node of its key's slot.
   *
   * @param nodes some of its nodes, from which the others are learnt: URLs or `{ host, port }`; or a URL `redis+cluster://a:7000,b:7001`
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   * @see docs/cluster.md
   */
  static cluster(nodes: readonly (string | URL | NodeAddress)[] | string | URL, options?: ClusterOptions): Redis {
    return new Redis(viewOn(clusterCore(nodes, options), true) as unknown as SharedPoolOptions);
  }

  /**
   * A client of the primary that sentinels name, and of its replicas.
   *
   * @param setup the name and the sentinels; or a URL `redis+sentinel://a:26379,b:26379/mymaster`
   * @throws OptionsError `ERR_OPTIONS` naming the option, what was expected and what came
   * @see docs/sentinel.md
   */
  static sentinel(setup: SentinelSetup | string | URL, options?: SentinelOptions): Redis {
    return new Redis(viewOn(sentinelCore(setup, options), true) as unknown as SharedPoolOptions);
  }

  /** The same commands with Buffers in place of strings. */
  get buffers(): BufferRedis {
    this.#buffers ??= this.#view({ ...this.#settings, buffers: true }) as unknown as BufferRedis;
    return this.#buffers;
  }

  /** A view on the same connections with other settings for its commands. */
  with(options: CommandOptions): Redis {
    validateObject("with", options, ["timeout", "signal", "retry", "readFrom"]);
    const settings = this.#settings;
    const { retries, topology, options: defaults } = this.#shared;
    let { policy } = settings;
    if (options.retry === false) {
      policy = topology.policy(null);
    } else if (options.retry !== undefined) {
      const retry = resolveRetry(options.retry, defaults.retry);
      policy = topology.policy(new Retrier({ retry, retryOnTimeout: defaults.retryOnTimeout }, retries));
    }
    return this.#view({
      timeout: options.timeout === undefined ? settings.timeout : validateDuration("timeout", options.timeout),
      timeoutIsExplicit: options.timeout !== undefined || settings.timeoutIsExplicit,
      signal: options.signal === undefined ? settings.signal : validateSignal("signal", options.signal),
      policy,
      buffers: settings.buffers,
      fromPrimary: settings.fromPrimary || (isPrimary(options.readFrom) && topology.spreadsReads),
    });
  }

  /** Sends any command by its name and flat arguments; its reply comes as the server gives it. */
  call(name: string, ...args: readonly Arg[]): Promise<Reply> {
    try {
      return this.dispatch(buildCall(name, args)) as Promise<Reply>;
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** Collects commands that are sent in one piece; a failed command is an error in its place. */
  pipeline(): PipelineChain<[]> {
    return new Chain((parts) => this.#runPipeline(parts)) as unknown as PipelineChain<[]>;
  }

  /** Collects commands that the server runs as one, between MULTI and EXEC. */
  multi(): MultiChain<[]> {
    return new Chain(
      (parts) => this.dispatch(batchRequest("MULTI", parts, false)) as Promise<unknown[]>,
    ) as unknown as MultiChain<[]>;
  }

  /**
   * Watches keys on a connection of its own, runs the callback, and executes the chain that it returns; from the start again when a
   * key was changed in between.
   *
   * @returns the chain's results, or what else the callback returned
   * @throws WatchError `ERR_WATCH` after the last attempt; nothing was applied
   */
  async transaction<T>(
    keys: Arg | readonly Arg[],
    body: (tx: Transaction) => T | Promise<T>,
    options: TransactionOptions = {},
  ): Promise<TransactionResult<T>> {
    validateObject("transaction", options, ["attempts"]);
    if (this.#shared.state !== "open") return this.refuse(closed("WATCH"));
    const list = Array.isArray(keys) ? (keys as readonly Arg[]) : [keys as Arg];
    return transact(this.#shared, this.#settings, list, body, options) as Promise<TransactionResult<T>>;
  }

  /**
   * Leases a connection for exclusive use: to one node, of the `key` where one is given.
   *
   * @param options.key in a cluster: the lease is to the node of this key; without it to any node
   * @param options.timeout wait limit in ms, default `acquireTimeout`; 0 fails at once
   * @param options.signal ends the wait
   * @returns a lease in a clean session; give it back with `release()`, or let `await using` do it
   * @throws PoolTimeoutError `ERR_POOL_TIMEOUT`, outcome not-sent
   * @see docs/pool.md
   */
  async lease(options: LeaseOptions & { readonly key?: Arg | undefined } = {}): Promise<Lease> {
    const { key, ...rest } = validateObject("lease", options, ["key", "timeout", "signal"]) as typeof options;
    if (this.#shared.state !== "open") return this.refuse(closed("a lease"));
    return leaseOn(this.#shared, this.#settings, key === undefined ? [] : [key], rest);
  }

  /** Makes a function of a Lua script; see `ScriptOptions`. */
  defineScript<T = Reply>(lua: string, options: ScriptOptions<T> = {}): Script<T> {
    return makeScript(lua, options, (request) => this.dispatch(request));
  }

  /** All keys, or those that match. */
  async *scanIterator(options: KeyScanOptions = {}): AsyncGenerator<string, void, undefined> {
    const { topology } = this.#shared;
    for await (const source of topology.scanSources())
      for await (const key of this.#scan("SCAN", [], options, single<string>, source)) if (source.wants(key)) yield key;
  }

  /** The fields and values of a hash, pair by pair. */
  hscanIterator(key: Arg, options: ScanOptions = {}): AsyncGenerator<[field: string, value: string], void, undefined> {
    return this.#scan("HSCAN", [key], options, (elements) =>
      pairs<string, string>(elements, (value) => value as string),
    );
  }

  /** The members of a set. */
  sscanIterator(key: Arg, options: ScanOptions = {}): AsyncGenerator<string, void, undefined> {
    return this.#scan("SSCAN", [key], options, single<string>);
  }

  /** The members and scores of a sorted set, pair by pair. */
  zscanIterator(key: Arg, options: ScanOptions = {}): AsyncGenerator<[member: string, score: number], void, undefined> {
    return this.#scan("ZSCAN", [key], options, (elements) =>
      pairs<string, number>(elements, (score) => Number(String(score).replace(/inf$/, "Infinity"))),
    );
  }

  /**
   * Subscribes to channels, on a connection kept for it.
   *
   * @param listener called with each message; without one, iterate over the subscription
   * @returns when the server has confirmed it
   */
  subscribe(
    channels: string | readonly string[],
    listener?: MessageListener,
    options?: SubscribeOptions,
  ): Promise<Subscription> {
    return this.#subscribe("subscribe", channels, listener, options);
  }

  /** Subscribes to all channels that match glob-style patterns. */
  psubscribe(
    patterns: string | readonly string[],
    listener?: MessageListener,
    options?: SubscribeOptions,
  ): Promise<Subscription> {
    return this.#subscribe("psubscribe", patterns, listener, options);
  }

  /** Subscribes to sharded channels (SPUBLISH). */
  ssubscribe(
    channels: string | readonly string[],
    listener?: MessageListener,
    options?: SubscribeOptions,
  ): Promise<Subscription> {
    return this.#subscribe("ssubscribe", channels, listener, options);
  }

  /**
   * Tells which keys change on the servers, so that copies of them can be kept.
   *
   * @returns when it is told by every primary
   * @throws RedisError when one of them cannot; OptionsError `ERR_OPTIONS`, also where a server does not speak RESP3
   */
  async trackKeys(options: TrackingOptions): Promise<KeyTracking> {
    if (this.#shared.state !== "open") return this.refuse(closed("CLIENT TRACKING"));
    return KeyTracking.of(this.#shared, options, this.#shared.trackings);
  }

  /**
   * Sends a command to every primary: to one server, or to all of a cluster. It is not sent again.
   *
   * @returns their replies, in no particular order
   */
  async callEach(name: string, ...args: readonly Arg[]): Promise<Reply[]> {
    const { topology, clock, state } = this.#shared;
    const settings = this.#settings;
    if (state !== "open") return this.refuse(closed(name));
    const pools = await topology.primaries(settings);
    const sent = pools.map((pool) => {
      const request = buildCall(name, args);
      applySettings(request, { ...settings, policy: null }, clock);
      return pool.execute(request) as Promise<Reply>;
    });
    return Promise.all(sent);
  }

  /** Returns when a connection is up; rejects with the reason why none can be made. */
  async ready(): Promise<void> {
    await this.dispatch(buildCall("PING", []));
  }

  /** The pools of all nodes. */
  stats(): RedisStats {
    const nodes: Record<string, PoolStats> = {};
    for (const [node, pool] of this.#shared.topology.pools) nodes[node] = pool.stats();
    return { nodes };
  }

  /** Takes no more commands, lets those that run come to their end for at most `timeout` ms, then ends every connection. */
  async close(options?: CloseOptions): Promise<void> {
    const timeout = closeTimeout(options);
    this.#end();
    const { clock, ownsTopology, retries, topology } = this.#shared;
    const begin = clock.now();
    await retries.drained(timeout);
    if (ownsTopology) await topology.close(Math.max(0, timeout - (clock.now() - begin)));
    retries.close();
  }

  /** What QUIT means on a client: `close()`. */
  async quit(): Promise<"OK"> {
    await this.close();
    return "OK";
  }

  /** Ends every connection at once; what is in flight fails. */
  destroy(): void {
    this.#end();
    this.#shared.retries.close();
    if (this.#shared.ownsTopology) this.#shared.topology.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  dispatch(
    request: Request,
    deadline: number = Infinity,
    executor: Executor = this.#shared.topology,
  ): Promise<unknown> {
    const shared = this.#shared;
    if (shared.state !== "open") return this.refuse(closed(request.spec.name));
    if (request.route === "subscribe") return this.refuse(notHere(request.spec.name));
    applySettings(request, this.#settings, shared.clock);
    if (deadline < request.deadline) request.deadline = deadline;
    return executor.execute(request);
  }

  /** @internal */
  refuse(error: unknown): Promise<never> {
    return Promise.reject(error);
  }

  #view(settings: CommandSettings): Redis {
    return new Redis(new View(this.#shared, settings) as unknown as SharedPoolOptions);
  }

  #end(): void {
    this.#shared.state = "closed";
    this.#shared.subscriptions.close();
    for (const tracking of this.#shared.trackings) void tracking.close();
  }

  async #runPipeline(parts: readonly Request[]): Promise<unknown[]> {
    const batch = batchRequest("PIPELINE", parts, false);
    const results = (await this.dispatch(batch)) as unknown[];
    if (batch.route !== "share") {
      // Alone on a connection of its own, a part may rely on another one's SELECT: it cannot go without the others.
      const { topology } = this.#shared;
      for (const result of results) if (result instanceof ServerError) topology.learnFrom(result);
      return results;
    }
    if (this.#settings.policy === null) return results;
    // Refused because of the server's state: sent again one by one, which keeps what the others got.
    await repeatRefused(parts, results, {
      groupOf: () => 0,
      isRepeatable: (_part, result) => isRepeatable(result),
      repeat: (part) => this.dispatch(part, batch.deadline).catch((error: unknown) => error),
      isLate: () => this.#shared.clock.now() >= batch.deadline,
    });
    return results;
  }

  #scan<T>(
    command: string,
    key: readonly Arg[],
    options: KeyScanOptions,
    shape: (elements: readonly Reply[]) => Iterable<T>,
    source?: ScanSource,
  ): AsyncGenerator<T, void, undefined> {
    validateObject("scan", options, command === "SCAN" ? ["match", "count", "type"] : ["match", "count"]);
    const tail = scanArguments(options);
    return scanAll((cursor) => this.dispatch(buildCall(command, [...key, cursor, ...tail]), Infinity, source), shape);
  }

  #subscribe(
    kind: SubscriptionKind,
    names: string | readonly string[],
    listener: MessageListener | undefined,
    options: SubscribeOptions | undefined,
  ): Promise<Subscription> {
    const { subscriptions, state } = this.#shared;
    if (state !== "open") return this.refuse(closed(kind.toUpperCase()));
    return openSubscription(subscriptions, this.#settings, kind, names, listener, options);
  }
}

export interface Redis extends Commands {}

attachCommands(Redis.prototype);
showStats(Redis.prototype);

function isRepeatable(result: unknown): boolean {
  return result instanceof ServerError && isServerState(result);
}

function closed(command: string): ClosedError {
  return new ClosedError("not-sent", `${command} was not sent: the client is closed`, { command });
}
