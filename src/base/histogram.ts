/** Buckets per doubling: neighbouring buckets differ by 9 %, the error of a percentile. */
const STEPS = 8;
/** The first bucket ends at 2^-10 ms ≈ 1 µs, the last one at 2^22 ms ≈ 70 minutes. */
const OFFSET = 10;
const BUCKETS = (OFFSET + 22) * STEPS;

/** Percentiles of durations, ms. */
export interface Percentiles {
  /** Half of them were no longer. */
  readonly p50: number;
  /** 99 % of them were no longer. */
  readonly p99: number;
  /** The longest one. */
  readonly max: number;
}

/**
 * Durations in logarithmic buckets: constant memory, about 10 ns a record. (`perf_hooks.createHistogram` is exact and
 * needs a native call, which costs more than the rest of a lease.)
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #sum = 0;
  #max = 0;

  /** Mean, ms; 0 when empty. */
  get mean(): number {
    return this.#total === 0 ? 0 : this.#sum / this.#total;
  }

  record(duration: number): void {
    const bucket = duration <= 0 ? 0 : Math.ceil((Math.log2(duration) + OFFSET) * STEPS);
    const index = bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
    this.#sum += duration;
    if (duration > this.#max) this.#max = duration;
  }

  percentiles(): Percentiles {
    return { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max };
  }

  #percentile(share: number): number {
    if (this.#total === 0) return 0;
    const rank = share * this.#total;
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(this.#max, 2 ** (index / STEPS - OFFSET));
    }
    return this.#max;
  }
}
