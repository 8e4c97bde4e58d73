/** What callers do at once, and for how long; times in ms. */
export interface LoadPlan {
  readonly callers: number;
  readonly warmUp: number;
  readonly duration: number;
  /** Ends the measurement before its time: a machine has only so many ports for new connections. */
  readonly mostRequests?: number;
  /** Called four times a second, for a progress line. */
  readonly onProgress?: (seconds: number, requests: number) => void;
}

/** What was measured. */
export interface LoadResult {
  /** All requests, those of the warm-up too. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Latencies, ms. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Callers that each ask again as soon as they have their reply. Ends with the first error, after every caller has ended.
 *
 * @param request one request, whose reply it checks itself
 */
export async function runLoad(plan: LoadPlan, request: () => Promise<void>): Promise<LoadResult> {
  const load = new Load(plan, request);
  const ticker = setInterval(() => plan.onProgress?.(load.seconds, load.requests), 250);
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: plan.callers }, () => load.caller()));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  } finally {
    clearInterval(ticker);
  }
  return load.result();
}

class Load {
  readonly #plan: LoadPlan;
  readonly #request: () => Promise<void>;
  readonly #started = performance.now();
  readonly #latencies: number[] = [];
  #end: number;
  #last = 0;
  requests = 0;

  constructor(plan: LoadPlan, request: () => Promise<void>) {
    this.#plan = plan;
    this.#request = request;
    this.#end = this.#measuredFrom + plan.duration;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  get #measuredFrom(): number {
    return this.#started + this.#plan.warmUp;
  }

  async caller(): Promise<void> {
    const measuredFrom = this.#measuredFrom;
    const most = this.#plan.mostRequests ?? Infinity;
    let before = performance.now();
    try {
      while (before < this.#end && this.requests < most) {
        this.requests++;
        await this.#request();
        const now = performance.now();
        if (before >= measuredFrom) this.#latencies.push(now - before);
        this.#last = now;
        before = now;
      }
    } catch (error) {
      this.#end = 0; // the others stop, too
      throw error;
    }
  }

  result(): LoadResult {
    const latencies = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => latencies[Math.ceil(share * latencies.length) - 1] ?? NaN;
    const seconds = Math.max(0.001, (this.#last - this.#measuredFrom) / 1000);
    return {
      requests: this.requests,
      requestsPerSecond: latencies.length / seconds,
      p50: at(0.5),
      p99: at(0.99),
    };
  }
}
