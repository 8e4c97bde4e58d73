import { MAX_DURATION, type Clock } from "../base/clock.ts";
import { ClosedError, ConnectionLostError, PoolTimeoutError, ServerError, type RedisError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import type { NodePool } from "../pool/node-pool.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Topology } from "../topology/topology.ts";
import { ChannelGroup, KINDS, type Subscriber } from "./channel-group.ts";
import type { Core } from "./core.ts";
import { deliver, MESSAGES } from "./messages.ts";
import { Pauses } from "./pauses.ts";
import type { LinkListener } from "./push-link.ts";
import { SubscriberLink } from "./subscriber-link.ts";
import type { Gap, SubscriptionKind } from "./subscription.ts";

/** So often a channel is tried at once where the nodes say that it is elsewhere; then with pauses, for they do not agree. */
const AT_ONCE = 3;
/** So long a node that has given a slot away is not believed to be the one to serve its channels, ms. */
const DOUBT = 5000;

/**
 * All subscriptions of one client. What is wanted is kept here; a fresh connection is told all of it, so nothing has to be
 * remembered by the user. One connection for all of them; in a cluster one more for each node that owns the slot of a sharded channel.
 */
export class Subscriptions implements LinkListener<SubscriberLink> {
  readonly #topology: Topology;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #groups = new Map<Subscriber, ReadonlyMap<ChannelGroup, readonly string[]>>();
  /** What any node can serve. */
  readonly #common = new ChannelGroup(null);
  readonly #bySlot = new Map<number, ChannelGroup>();
  /** The connections, at most one to a node, each with what it is to serve. */
  readonly #links = new Map<SubscriberLink, Set<ChannelGroup>>();
  readonly #stop = new AbortController();
  readonly #ignoreChanges: () => void;
  readonly #pauses: Pauses;
  /** How often the topology has changed. */
  #changes = 0;

  constructor({ topology, options, clock }: Core) {
    this.#topology = topology;
    this.#options = options;
    this.#clock = clock;
    this.#pauses = new Pauses(clock, options.reconnect);
    this.#ignoreChanges = topology.onChange(() => this.#topologyChanged());
  }

  /** Adds a subscriber, and returns when the server has confirmed all its channels. */
  async add(subscriber: Subscriber, timeout: number): Promise<void> {
    if (this.#stop.signal.aborted) throw closedError();
    const { kind, channels } = subscriber.subscription;
    const groups = new Map<ChannelGroup, string[]>();
    for (const name of channels) {
      const group = this.#makeGroup(kind, name);
      const names = groups.get(group);
      if (names === undefined) groups.set(group, [name]);
      else names.push(name);
    }
    this.#groups.set(subscriber, groups);
    for (const [group, names] of groups) group.add(subscriber, names);
    const deadline = this.#clock.now() + timeout;
    try {
      await Promise.all(
        Array.from(groups, ([group, names]) => this.#confirm(subscriber, group, names, deadline, timeout)),
      );
    } catch (error) {
      subscriber.subscription.finish();
      // Not awaited: a server that is silent would hold up the error, too.
      void this.remove(subscriber);
      throw error;
    }
  }

  /** Takes a subscriber out; the servers are told of channels that nobody else wants. */
  async remove(subscriber: Subscriber): Promise<void> {
    const groups = this.#groups.get(subscriber);
    this.#groups.delete(subscriber);
    const unwanted: [link: SubscriberLink, names: readonly string[]][] = [];
    for (const [group, names] of groups ?? []) {
      const { link } = group;
      const rest = group.remove(subscriber, names);
      if (link !== null) unwanted.push([link, rest]);
      if (!group.isEmpty) continue;
      if (group.slot !== null) this.#bySlot.delete(group.slot);
      this.#detach(group);
    }
    const { kind } = subscriber.subscription;
    await Promise.all(unwanted.map(([link, names]) => link.unsubscribe(kind, names)));
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#stop.abort(closedError());
    this.#ignoreChanges();
    this.#finishAll();
    for (const link of this.#links.keys()) this.#end(link, "closed");
    this.#pauses.close();
  }

  #finishAll(): void {
    for (const { subscription } of this.#groups.keys()) subscription.finish();
    this.#groups.clear();
    this.#common.clear();
    for (const group of this.#bySlot.values()) group.clear();
    this.#bySlot.clear();
  }

  // --- what a subscriber waits for ---

  async #confirm(
    { subscription }: Subscriber,
    group: ChannelGroup,
    names: readonly string[],
    deadline: number,
    timeout: number,
  ): Promise<void> {
    const { kind } = subscription;
    for (let attempt = 1; ; attempt++) {
      try {
        const link = await this.#linkOf(group, deadline, timeout);
        if (subscription.isClosed) return; // given up meanwhile
        await link.subscribe(kind, names, deadline, timeout);
        subscription.node = link.node;
        // The slot may have moved on, with what has just been confirmed.
        if (group.link === link && group.areConfirmed(kind, names)) return;
      } catch (error) {
        if (this.#stop.signal.aborted) throw closedError();
        if (subscription.isClosed) return;
        const passing = this.#learn(group, error) || error instanceof PoolTimeoutError;
        if (!passing || this.#clock.now() >= deadline) throw error;
      }
      if (attempt > AT_ONCE) await this.#pauses.after(attempt - AT_ONCE, deadline);
    }
  }

  /** The link of a group, open. */
  async #linkOf(group: ChannelGroup, deadline: number, timeout: number): Promise<SubscriberLink> {
    if (group.link === null) {
      const left = Math.max(0, Math.ceil(deadline - this.#clock.now()));
      const pool = await this.#topology.poolFor(group.keys, { timeout: left, signal: this.#stop.signal });
      if (this.#stop.signal.aborted || group.isEmpty) throw closedError();
      // Somebody else may have found it meanwhile.
      if (group.link === null) this.#attach(group, this.#linkTo(pool));
    }
    const link = group.link as SubscriberLink;
    try {
      await link.connected(deadline, timeout);
      return link;
    } catch (error) {
      if (link.isClosed) this.#end(link, "idle");
      // A pool that is closed while its client is not: the next one is with another node.
      if (error instanceof ClosedError && this.#hasLeft(link.pool))
        throw new ConnectionLostError("not-sent", "replaced", `${link.node} has left`, { cause: error });
      throw error;
    }
  }

  /** @returns whether the same may succeed by what the error tells */
  #learn(group: ChannelGroup, error: unknown): boolean {
    const passing = this.#topology.learnFrom(error);
    // A late one is of a link that it has left already.
    const isMoved = error instanceof ServerError && error.code === "MOVED" && error.node === group.link?.node;
    if (isMoved && group.slot !== null) this.#leave(group);
    return passing || error instanceof ConnectionLostError;
  }

  // --- connections that were lost, and slots that have moved ---

  lost(link: SubscriberLink, error: RedisError): void {
    const groups = [...(this.#links.get(link) ?? [])];
    const reason = this.#hasLeft(link.pool) ? "moved" : "lost";
    this.#end(link, "lost");
    // Those that were not confirmed yet, too: the server may have sent messages already.
    this.#report(groups, { reason, cause: error, at: Date.now() }, link.node);
    for (const group of groups) void this.#restore(group);
  }

  /** The node does not own the slot any more, and has unsubscribed everybody. */
  #dropped(group: ChannelGroup, link: SubscriberLink): void {
    group.unconfirm();
    this.#report([group], { reason: "moved", cause: null, at: Date.now() }, link.node);
    // On the same connection first: the node says MOVED, and where to.
    void this.#restore(group);
    void this.#doubt(group, link);
  }

  /**
   * A former owner may have become a replica, which serves its shard, but misses what a new owner publishes that does not know it
   * yet. So the cluster is looked at until it says who the owner is: the nodes do not hear of it at once.
   */
  async #doubt(group: ChannelGroup, link: SubscriberLink): Promise<void> {
    const end = this.#clock.now() + DOUBT;
    while (group.link === link && this.#clock.now() < end) {
      this.#topology.suspect();
      await this.#pauses.after(AT_ONCE, end);
    }
  }

  /** Takes a group off its link, to the one given or to wherever the topology says. */
  #leave(group: ChannelGroup, next: SubscriberLink | null = null): void {
    const { link, isServed } = group;
    if (link === null) return;
    this.#detach(group);
    if (next !== null) this.#attach(group, next);
    for (const kind of KINDS) void link.unsubscribe(kind, group.names(kind));
    if (!isServed) return;
    this.#report([group], { reason: "moved", cause: null, at: Date.now() }, link.node);
    void this.#restore(group);
  }

  #topologyChanged(): void {
    this.#changes++;
    const { link } = this.#common;
    if (link !== null && (this.#hasLeft(link.pool) || !link.pool.isReachable)) this.#leave(this.#common);
    for (const group of this.#bySlot.values()) void this.#follow(group);
    this.#pauses.end();
  }

  /** Moves a group that is not on the owner of its slot as the topology has it. */
  async #follow(group: ChannelGroup): Promise<void> {
    const { link } = group;
    if (link === null || group.isChanging) return;
    const pool = await this.#topology.poolFor(group.keys, { timeout: 0, signal: null }).catch(() => link.pool);
    if (pool === link.pool || group.link !== link) return;
    if (group.isServed) await this.#moveTo(pool, group, link);
    else this.#leave(group);
  }

  /**
   * A map may be older than what a node has confirmed, and the node would have told had the slot left it, unless it is cut off: so the
   * other node has to confirm a channel first.
   */
  async #moveTo(pool: NodePool, group: ChannelGroup, from: SubscriberLink): Promise<void> {
    const next = this.#linkTo(pool);
    const changes = this.#changes;
    const { commandTimeout } = this.#options;
    const names = group.keys;
    const deadline = this.#restoreDeadline();
    try {
      await next.connected(deadline, commandTimeout);
      await next.subscribe("ssubscribe", names, deadline, commandTimeout);
      // Nothing is to come twice, and former owner and replica both have what is published. A silent one is not waited for long.
      group.isChanging = true;
      await Promise.race([from.unsubscribe("ssubscribe", group.names("ssubscribe")), this.#pauses.after(1, deadline)]);
      if (group.link === from) this.#leave(group, next.isClosed ? null : next);
    } catch (error) {
      this.#topology.learnFrom(error);
    }
    group.isChanging = false;
    // It may have moved on meanwhile.
    if (changes !== this.#changes) void this.#follow(group);
    if (group.link !== next) void next.unsubscribe("ssubscribe", names);
    if (this.#links.get(next)?.size === 0) this.#end(next, "idle");
  }

  /** Connects again and tells the server what it has not confirmed, until it works or nobody wants it any more. */
  async #restore(group: ChannelGroup): Promise<void> {
    if (group.isRestoring) return;
    group.isRestoring = true;
    for (let attempt = 1; group.isWaiting; attempt++) {
      const changes = this.#changes;
      let passing = false;
      try {
        await this.#tellAll(group);
        if (!group.isWaiting) break;
      } catch (error) {
        // The pool has ended, and with it what ran on it. Anything else the pool has published, and may pass: a right that was
        // revoked may be granted again. The pause keeps it from a hot loop.
        if (error instanceof ClosedError && group.isWaiting) this.#finishAll();
        else passing = this.#learn(group, error) && attempt <= AT_ONCE;
      }
      if (!passing && changes === this.#changes) await this.#pauses.after(attempt);
    }
    group.isRestoring = false;
  }

  async #tellAll(group: ChannelGroup): Promise<void> {
    const deadline = this.#restoreDeadline();
    const link = await this.#linkOf(group, deadline, this.#options.commandTimeout);
    const told = KINDS.map((kind) => this.#tell(group, link, kind, deadline));
    // All of them first: one that is refused does not keep the others away.
    const refused = (await Promise.allSettled(told)).find((result) => result.status === "rejected");
    if (refused !== undefined) throw refused.reason;
  }

  async #tell(group: ChannelGroup, link: SubscriberLink, kind: SubscriptionKind, deadline: number): Promise<void> {
    const names = group.unconfirmed(kind);
    const { commandTimeout } = this.#options;
    try {
      await link.subscribe(kind, names, deadline, commandTimeout);
    } catch (error) {
      if (!(error instanceof ServerError) || names.length === 1 || this.#topology.learnFrom(error)) throw error;
      // The server refuses a command for any one of its channels.
      const each = names.map((name) => link.subscribe(kind, [name], deadline, commandTimeout));
      await Promise.allSettled(each);
      throw error;
    }
  }

  #restoreDeadline(): number {
    const { connectTimeout, commandTimeout } = this.#options;
    return this.#clock.now() + Math.max(connectTimeout, Math.min(commandTimeout, MAX_DURATION));
  }

  #report(groups: readonly ChannelGroup[], gap: Gap, node: string): void {
    const told = new Set(groups.flatMap((group) => [...group.subscribers]));
    for (const { subscription } of told) {
      subscription.node = node;
      subscription.reportGap(gap);
    }
  }

  // --- groups and links ---

  #group(kind: SubscriptionKind, name: string): ChannelGroup | undefined {
    const slot = kind === "ssubscribe" ? this.#topology.slotOf(name) : null;
    return slot === null ? this.#common : this.#bySlot.get(slot);
  }

  #makeGroup(kind: SubscriptionKind, name: string): ChannelGroup {
    const known = this.#group(kind, name);
    if (known !== undefined) return known;
    const slot = this.#topology.slotOf(name) as number;
    const group = new ChannelGroup(slot);
    this.#bySlot.set(slot, group);
    return group;
  }

  #linkTo(pool: NodePool): SubscriberLink {
    for (const link of this.#links.keys()) if (link.pool === pool) return link;
    const link = new SubscriberLink(pool, this.#clock, this);
    this.#links.set(link, new Set());
    return link;
  }

  #attach(group: ChannelGroup, link: SubscriberLink): void {
    group.link = link;
    this.#links.get(link)?.add(group);
  }

  /** A link that serves nobody any more is given up. */
  #detach(group: ChannelGroup): void {
    const { link } = group;
    if (link === null) return;
    group.link = null;
    group.unconfirm();
    const others = this.#links.get(link);
    others?.delete(group);
    if (others?.size === 0) this.#end(link, "idle");
  }

  #end(link: SubscriberLink, reason: "idle" | "lost" | "closed"): void {
    const groups = this.#links.get(link) ?? [];
    this.#links.delete(link);
    for (const group of groups) this.#detach(group);
    link.close(reason);
  }

  /** Whether a node is none of the topology's any more. */
  #hasLeft(pool: NodePool): boolean {
    return this.#topology.pools.get(pool.options.node) !== pool;
  }

  // --- from the servers ---

  received(link: SubscriberLink, items: readonly Reply[]): void {
    const what = String(items[0]);
    const place = MESSAGES.get(what);
    if (place === undefined) {
      this.#confirmed(link, what, String(items[1]));
      return;
    }
    const name = String(items[place.name]);
    const group = this.#group(place.kind, name);
    // Not from a connection that its group has left; nor what came over the next one while the last one still delivered.
    const channel = group?.link === link ? group.channel(place.kind, name) : undefined;
    if (channel?.isConfirmed === true) deliver(channel.subscribers, place, items);
  }

  #confirmed(link: SubscriberLink, what: string, name: string): void {
    const kind = what === "sunsubscribe" ? "ssubscribe" : KINDS.find((each) => each === what);
    const group = kind === undefined ? undefined : this.#group(kind, name);
    if (kind === undefined || group === undefined || group.link !== link) return;
    const channel = group.channel(kind, name);
    if (channel === undefined) return;
    if (what === kind) channel.isConfirmed = true;
    // One that was asked for is not wanted any more, or not confirmed again yet.
    else if (channel.isConfirmed && group.slot !== null && !group.isChanging) this.#dropped(group, link);
  }
}

function closedError(): ClosedError {
  return new ClosedError("not-sent", "the client is closed: nothing can be subscribed");
}
