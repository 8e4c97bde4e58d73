/** What the pool has, and what is wanted of it. */
export interface Demand {
  /** Commands wait, and no lane takes them. */
  readonly wantsLane: boolean;
  readonly activeLanes: number;
  readonly waiting: number;
  readonly total: number;
  readonly connecting: number;
  readonly minConnections: number;
  readonly maxConnections: number;
  /** How many more may be opened now. */
  readonly room: number;
  /** Shared commands are to be expected. */
  readonly keepsLane: boolean;
}

/** Whether one connection is to be left for shared commands: while they are expected, have none yet, and can have one of their own. */
export function reservesOne(demand: Pick<Demand, "keepsLane" | "activeLanes" | "maxConnections">): boolean {
  return demand.keepsLane && demand.activeLanes === 0 && demand.maxConnections > 1;
}

/** How many connections to open. One that is being opened serves whoever comes first. */
export function connectionsToOpen(demand: Demand): number {
  const lane = demand.wantsLane ? 1 : 0;
  // The last connection is kept for the shared commands, so that blocked ones never stall them.
  const reserve = lane === 0 && reservesOne(demand) ? 1 : 0;
  const wanted = Math.min(lane + demand.waiting - demand.connecting, demand.room - reserve);
  const short = Math.min(demand.minConnections - demand.total - demand.connecting, demand.room);
  return Math.max(0, wanted, short);
}
