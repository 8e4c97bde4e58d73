/** Limits of a growing pause between attempts, ms. */
export interface BackoffRange {
  readonly minDelay: number;
  readonly maxDelay: number;
}

/**
 * The pause before attempt number `attempt` (1 is the first repetition): full jitter, that is evenly spread
 * between `minDelay` and `minDelay × 2^attempt`, never above `maxDelay`, so that clients who lost the same server
 * do not come back in step.
 *
 * @param random a number in [0, 1), of the clock
 */
export function backoffDelay(range: BackoffRange, attempt: number, random: number): number {
  const ceiling = Math.min(range.maxDelay, range.minDelay * 2 ** Math.min(attempt, 30));
  const floor = Math.min(range.minDelay, ceiling);
  return floor + random * (ceiling - floor);
}
