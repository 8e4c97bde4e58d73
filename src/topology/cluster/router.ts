import type { Clock } from "../../base/clock.ts";
import { ConnectionLostError, OptionsError, RedisError, ServerError } from "../../base/errors.ts";
import { buildCall } from "../../commands/call.ts";
import { batchRequest } from "../../commands/batch.ts";
import { keysOf } from "../../commands/keys.ts";
import type { Request } from "../../commands/request.ts";
import { slotOf } from "../../commands/slot.ts";
import type { Arg } from "../../commands/spec.ts";
import { commandSpec } from "../../commands/table.ts";
import type { NodePool } from "../../pool/node-pool.ts";
import { nodeLeft } from "../../pool/refusals.ts";
import type { ReplicaSet } from "../read-choice.ts";
import { isReadable } from "../readable.ts";
import { repeatRefused } from "../repeat.ts";
import { scanStep } from "./scan.ts";
import { join, shareOf, splitBySlot, type Share } from "./spread.ts";

/** The cluster, as its router sees it. */
export interface RouterTarget {
  readonly clock: Clock;
  /** Who serves a slot; null while that is not known. */
  shardOf(slot: number): ReplicaSet | null;
  /** All shards, in the order of their first slots. */
  readonly shards: readonly ReplicaSet[];
  /** The first slot of each of them. */
  readonly firstSlots: readonly number[];
  /** The pools by their node's name. */
  readonly pools: ReadonlyMap<string, NodePool>;
  /** A primary for what any node can do; null while none is known. */
  any(): NodePool | null;
  /** Whether reads may leave the primary. */
  readonly spreadsReads: boolean;
  /** Keeps a request until the map has changed. */
  hold(request: Request): void;
  execute(request: Request): Promise<unknown>;
}

/** Where a request goes: a slot, any node, or several ways. */
type Place = number | typeof ANYWHERE | typeof APART;

const ANYWHERE = "anywhere";
/** It needs more than one node, or a question first. */
const APART = "apart";

/** Finds the node of whatever has not just one key, splits what needs several nodes, and joins what comes back. */
export class Router {
  readonly #target: RouterTarget;
  /** Parts of a command for several nodes: the slot that stands for each one's shard, also when it is sent again. */
  readonly #pins = new WeakMap<Request, number>();
  /** Those that are for one replica, whoever owns the slots. */
  readonly #replicas = new WeakMap<Request, NodePool>();

  constructor(target: RouterTarget) {
    this.#target = target;
  }

  /** Routes a started request. */
  route(request: Request): void {
    const pin = this.#pins.get(request);
    if (pin !== undefined) return this.#toSlot(request, pin);
    const replica = this.#replicas.get(request);
    if (replica !== undefined) return this.#toReplica(request, replica);
    if (request.parts !== null && request.spec.name === "PIPELINE") return this.#pipeline(request, request.parts);
    let place: Place;
    try {
      place = placeOf(request);
    } catch (error) {
      request.reject(error);
      return;
    }
    if (place === APART) this.#apart(request);
    else if (place === ANYWHERE) this.#anywhere(request);
    else this.#toSlot(request, place);
  }

  #toSlot(request: Request, slot: number): void {
    const shard = this.#target.shardOf(slot);
    if (shard === null) this.#target.hold(request);
    else void this.#poolIn(shard, request).execute(request);
  }

  /** The same node again, or a part that is sent again would become a whole, with parts for all nodes. */
  #toReplica(request: Request, { options }: NodePool): void {
    const pool = this.#target.pools.get(options.node);
    if (pool === undefined) request.reject(nodeLeft(request.spec.name, options));
    else void pool.execute(request);
  }

  #poolIn(shard: ReplicaSet, request: Request): NodePool {
    return this.#target.spreadsReads && isReadable(request) ? shard.reader() : shard.primary;
  }

  #anywhere(request: Request): void {
    const pool = this.#target.any();
    if (pool === null) this.#target.hold(request);
    else void pool.execute(request);
  }

  // --- commands for several nodes ---

  #apart(request: Request): void {
    const { spread } = request.spec;
    if (spread === null) request.follow(this.#askKeys(request));
    else if (spread.request === "multi_shard") request.follow(this.#split(request));
    else if (this.#target.shards.length === 0) this.#target.hold(request);
    else if (request.spec.name === "SCAN")
      request.follow(scanStep(request, this.#target, (part, slot) => this.executeAt(slot, part)));
    else request.follow(this.#everywhere(request, spread.request === "all_nodes"));
  }

  #split(whole: Request): Promise<unknown> {
    const shares: Share[] = [];
    const sent: Promise<unknown>[] = [];
    for (const [slot, share] of splitBySlot(whole)) {
      shares.push(share);
      sent.push(this.executeAt(slot, share.request));
    }
    return join(whole, shares, sent);
  }

  #everywhere(whole: Request, replicasToo: boolean): Promise<unknown> {
    const { shards, firstSlots } = this.#target;
    const shares: Share[] = [];
    const sent: Promise<unknown>[] = [];
    const add = (send: (request: Request) => Promise<unknown>): void => {
      const share = shareOf(whole, whole.args);
      shares.push(share);
      sent.push(send(share.request));
    };
    for (const [index, shard] of shards.entries()) {
      add((request) => this.executeAt(firstSlots[index] as number, request));
      if (replicasToo) for (const replica of shard.replicas) add((request) => this.#executeOn(replica, request));
    }
    return join(whole, shares, sent);
  }

  /** Runs a request on whoever owns a slot, also when it is sent again. */
  executeAt(slot: number, request: Request): Promise<unknown> {
    this.#pins.set(request, slot);
    return this.#target.execute(request);
  }

  #executeOn(replica: NodePool, request: Request): Promise<unknown> {
    this.#replicas.set(request, replica);
    return this.#target.execute(request);
  }

  /** Where the keys of a command are that the table does not know, the server does. */
  async #askKeys(request: Request): Promise<unknown> {
    const again = shareOf(request, request.args).request;
    const question = buildCall("COMMAND", ["GETKEYS", ...request.spec.name.split(" "), ...request.args]).inherit(
      request,
    );
    question.buffers = true;
    let keys: Arg[] = [];
    try {
      keys = (await this.#target.execute(question)) as Arg[];
    } catch (error) {
      // It has none, or is none: the command's own reply will tell.
      if (!(error instanceof ServerError)) throw error;
    }
    const slot = commonSlot(request, keys);
    return slot === null ? this.#target.any()?.execute(again) : this.executeAt(slot, again);
  }

  // --- pipelines ---

  /** Each node gets its commands in one piece; a node that fails leaves the others' results in their places. */
  #pipeline(whole: Request, parts: readonly Request[]): void {
    if (whole.fromPrimary) for (const part of parts) part.fromPrimary = true;
    const groups = new Map<NodePool, number[]>();
    const apart: number[] = [];
    let latest: NodePool | null = null;
    for (const [index, part] of parts.entries()) {
      const pool = this.#poolOf(part, latest);
      if (pool === undefined) {
        apart.push(index);
        continue;
      }
      if (pool === null) {
        this.#target.hold(whole);
        return;
      }
      if (!isReadable(part)) latest = pool;
      const group = groups.get(pool);
      if (group === undefined) groups.set(pool, [index]);
      else group.push(index);
    }
    whole.follow(this.#runPipeline(whole, parts, groups, apart));
  }

  /**
   * What any node can do goes with the command before it, for a WAIT tells of the writes on its own connection.
   *
   * @returns undefined for a part that goes by itself, null while its node is not known
   */
  #poolOf(part: Request, latest: NodePool | null): NodePool | null | undefined {
    let place: Place;
    try {
      place = placeOf(part);
    } catch {
      return undefined;
    }
    if (place === APART) return undefined;
    if (place === ANYWHERE) return latest ?? this.#target.any();
    const shard = this.#target.shardOf(place);
    return shard === null ? null : this.#poolIn(shard, part);
  }

  async #runPipeline(
    whole: Request,
    parts: readonly Request[],
    groups: ReadonlyMap<NodePool, readonly number[]>,
    apart: readonly number[],
  ): Promise<unknown[]> {
    const results: unknown[] = [];
    const failures: unknown[] = [];
    const work = [...groups].map(async ([pool, places]) => {
      const failure = await this.#runGroup(whole, parts, pool, places, results);
      if (failure !== null) failures.push(failure);
    });
    const alone = apart.map(async (place) => {
      const part = (parts[place] as Request).inherit(whole);
      results[place] = await this.#target.execute(part).catch((error: unknown) => error);
    });
    await Promise.all([...work, ...alone]);
    // As on one server: where nothing came back, it is the pipeline that has failed.
    if (failures.length > 0 && results.every((result) => result instanceof Error)) throw mostUncertain(results);
    if (whole.uncertain) for (const result of results) keepUncertain(result);
    return results;
  }

  /** Puts the results of one node's commands into their places. @returns what the node failed with, or null */
  async #runGroup(
    whole: Request,
    parts: readonly Request[],
    pool: NodePool,
    places: readonly number[],
    results: unknown[],
  ): Promise<unknown> {
    const own = places.map((place) => parts[place] as Request);
    let replies: unknown[];
    let failure: unknown = null;
    try {
      replies = (await pool.execute(batchRequest("PIPELINE", own, false).inherit(whole))) as unknown[];
    } catch (error) {
      failure = error;
      // What only reads is sent again although the pipeline as a whole may not be.
      replies = own.map((part) => lostOf(error, part));
    }
    // What its node has sent elsewhere goes there by itself.
    await repeatRefused(own, replies, {
      groupOf: (part) => slotOf(keysOf(part)[0] ?? ""),
      // Where its batch was routed anew it has gone by itself already, and this is what came of it.
      isRepeatable: (part, result) => !part.isOver && whole.policy !== null && mayBeElsewhere(result),
      repeat: (part, result) => {
        const promise = part.inherit(whole).start();
        part.fail(result as RedisError);
        return promise.catch((error: unknown) => error);
      },
      isLate: () => this.#target.clock.now() >= whole.deadline,
    });
    for (const [index, place] of places.entries()) results[place] = replies[index];
    return failure;
  }
}

/** The error for all of them: what may be true of one part must not be denied for the whole. */
function mostUncertain(errors: readonly unknown[]): unknown {
  return errors.find((error) => error instanceof RedisError && error.outcome === "unknown") ?? errors[0];
}

/** The batch was sent before, and lost. */
function keepUncertain(result: unknown): void {
  if (!(result instanceof RedisError) || result.outcome !== "not-sent") return;
  result.outcome = "unknown";
  result.message += "; an earlier attempt of it may have run";
}

function mayBeElsewhere(error: unknown): boolean {
  if (!(error instanceof RedisError)) return false;
  return error instanceof ConnectionLostError || ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"].includes(error.code);
}

/** The loss of a pipeline, as one of its commands sees it: an error belongs to one command. */
function lostOf(error: unknown, part: Request): unknown {
  if (!(error instanceof ConnectionLostError)) return error;
  const { outcome, reason, message, node } = error;
  return new ConnectionLostError(outcome, reason, message.replace("PIPELINE", part.spec.name), {
    command: part.spec.name,
    ...(node === undefined ? {} : { node }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}

/** @throws OptionsError for keys of several slots */
function placeOf(request: Request): Place {
  const { spec, parts } = request;
  if (parts === null && spec.spread !== null && request.route === "share") {
    if (spec.spread.request !== "multi_shard") return isSpecial(request) ? ANYWHERE : APART;
    const keys = keysOf(request);
    const slot = keys.length === 0 ? null : slotOf(keys[0] as Arg);
    return slot !== null && keys.every((key) => slotOf(key) === slot) ? slot : APART;
  }
  const keys = parts === null ? keysOf(request) : parts.flatMap((part) => keysOf(part));
  if (keys.length === 0 && parts === null && request.args.length > 0 && commandSpec(spec.name) === undefined)
    return APART;
  return commonSlot(request, keys) ?? ANYWHERE;
}

/** What needs joining that no rule describes is asked of one node. */
function isSpecial({ spec }: Request): boolean {
  return spec.spread?.response === "special" && spec.name !== "SCAN";
}

/** @throws OptionsError for keys of several slots */
export function commonSlot(request: Pick<Request, "spec">, keys: readonly Arg[]): number | null {
  const [first, ...others] = keys;
  if (first === undefined) return null;
  const slot = slotOf(first);
  for (const key of others) {
    const other = slotOf(key);
    if (other === slot) continue;
    const { name } = request.spec;
    throw new OptionsError(
      "keys",
      `${name} was not sent: its keys are in different slots (${slot} and ${other}), and a cluster runs it on one node only; give the keys a common {tag}, such as {user:7}:name and {user:7}:mail`,
      { command: name },
    );
  }
  return slot;
}
