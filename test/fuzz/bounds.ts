/**
 * The seed of every property of a run; `RESPOOL_FUZZ_SEED` repeats one. A failing property prints it, with its counterexample in its
 * smallest form.
 */
export const SEED: number = Number(process.env["RESPOOL_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

/** Parameters of `fc.assert`: so many runs, but no longer than `seconds`. */
export function bounded(runs: number, seconds = 8): BoundedRuns {
  return {
    seed: SEED,
    numRuns: runs,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
    includeErrorInReport: true,
  };
}

/** What `bounded` gives. */
interface BoundedRuns {
  readonly seed: number;
  readonly numRuns: number;
  readonly interruptAfterTimeLimit: number;
  readonly markInterruptAsFailure: boolean;
  readonly includeErrorInReport: boolean;
}
