import type { RedisOptions } from "../base/options.ts";
import type { SentinelOptions } from "../base/sentinel-options.ts";
import type { ClusterOptions } from "../base/topology-options.ts";
import { Retrier, RetryQueue } from "../topology/retry.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { coreOf, type Core } from "./core.ts";
import { defaultSettings, type CommandSettings } from "./settings.ts";
import { isSharedPool, type SharedPoolOptions } from "./shared-pool.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { KeyTracking } from "./tracking.ts";

/** What all views of one client share. */
export interface Shared extends Core {
  readonly ownsTopology: boolean;
  readonly subscriptions: Subscriptions;
  readonly trackings: Set<KeyTracking>;
  readonly retries: RetryQueue;
  state: "open" | "closed";
}

/** A view, as `with` and `buffers` make it. */
export class View {
  readonly shared: Shared;
  readonly settings: CommandSettings;

  constructor(shared: Shared, settings: CommandSettings) {
    this.shared = shared;
    this.settings = settings;
  }
}

/** The view that a constructor's arguments ask for. */
export function firstView(
  input: string | URL | RedisOptions | SharedPoolOptions | undefined,
  extra: RedisOptions | ClusterOptions | SentinelOptions | undefined,
): View {
  if (isSharedPool(input, extra)) return viewOn(ConnectionPool.coreOf(input.pool), false);
  return viewOn(coreOf(input, extra), true);
}

/** The first view on what a client is made of. */
export function viewOn(core: Core, ownsTopology: boolean): View {
  const { options, topology, clock } = core;
  topology.keepLanes();
  const retries = new RetryQueue(clock, topology, options.maxInFlight);
  const subscriptions = new Subscriptions(core);
  const shared: Shared = { ...core, ownsTopology, subscriptions, trackings: new Set(), retries, state: "open" };
  return new View(shared, defaultSettings(options, topology.policy(new Retrier(options, retries))));
}
