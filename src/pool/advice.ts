/** What was measured, for the advice. */
export interface LoadSample {
  /** Highest rate of shared and leased commands over one second. */
  readonly peakCommandsPerSecond: number;
  /** Highest rate of leases over one second. */
  readonly peakLeasesPerSecond: number;
  /** Mean time that a lease was held, ms. */
  readonly meanLeaseTime: number;
  /** Highest mean number of leases held, over one second. */
  readonly meanLeased: number;
  /** Most leases held at once. */
  readonly mostLeased: number;
  readonly lanes: number;
  readonly subscribers: number;
  readonly maxConnections: number;
  /** The server's own limit; null while it is not known. */
  readonly maxClients: number | null;
  /** The server's clients of all kinds when it was asked; null while that is not known. */
  readonly connectedClients: number | null;
}

/** How large the pool ought to be, and why. */
export interface SizingAdvice {
  /** The advised `maxConnections`. */
  readonly maxConnections: number;
  /** `requests_per_second / 1000 + buffer`: what a pool without shared lanes would need. */
  readonly ruleOfThumb: number;
  /**
   * Little's law says that leases per second × seconds per lease is the mean number held. It is measured directly, for a burst of
   * long leases makes the product of the two means meaningless.
   */
  readonly concurrentLeases: number;
  /** The server's limit that was taken into account; null when it is not known. */
  readonly maxClients: number | null;
  /** Why, in a sentence. */
  readonly reason: string;
  readonly measured: LoadSample;
}

/** Spare connections of the rule of thumb. */
const BUFFER = 10;
/** Where every connection was out, callers waited, and the need is not known: half as many again as the mean. */
const BURST = 1.5;
/** Spare leases, as a share of those that are needed. */
const SPARE = 0.2;
/** The share of the server's clients that the pool may take; the rest is left to others. */
const SERVER_SHARE = 0.8;

/** Advises on a pool's size from measured load; sources: the rule of thumb of the requirements, and Little's law. */
export function adviseSize(load: LoadSample): SizingAdvice {
  const ruleOfThumb = Math.ceil(load.peakCommandsPerSecond / 1000) + BUFFER;
  const concurrentLeases = load.meanLeased;
  const shared = Math.max(1, load.lanes) + load.subscribers;
  const saturated = load.mostLeased + load.lanes + load.subscribers >= load.maxConnections;
  const leases = saturated ? Math.max(load.mostLeased, Math.ceil(concurrentLeases * BURST)) : load.mostLeased;
  const wanted = shared + leases + Math.ceil(leases * SPARE);
  const limit = load.maxClients === null ? Infinity : Math.max(1, Math.floor(load.maxClients * SERVER_SHARE));
  const maxConnections = Math.min(wanted, limit);
  return {
    maxConnections,
    ruleOfThumb,
    concurrentLeases,
    maxClients: load.maxClients,
    reason: explain(load, leases, shared, wanted, maxConnections),
    measured: load,
  };
}

function explain(load: LoadSample, leases: number, shared: number, wanted: number, advised: number): string {
  const need = `${shared} shared connection(s) carried up to ${Math.round(load.peakCommandsPerSecond)} commands/s, and up to ${leases} lease(s) are needed at once`;
  const bound = advised < wanted ? `; bounded by the server's maxclients of ${load.maxClients}` : "";
  if (advised > load.maxConnections)
    return `raise maxConnections from ${load.maxConnections} to ${advised}: ${need}${bound}`;
  if (advised < load.maxConnections)
    return `maxConnections of ${load.maxConnections} is enough, ${advised} would do: ${need}${bound}`;
  return `maxConnections of ${advised} fits: ${need}${bound}`;
}
