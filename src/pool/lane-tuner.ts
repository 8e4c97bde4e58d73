/** What the shared lanes did in one period. */
export interface LaneSample {
  readonly lanes: number;
  readonly maxLanes: number;
  /** Commands in the period. */
  readonly commands: number;
  /** Commands outstanding at the end of it. */
  readonly outstanding: number;
  /** Whether a lane's socket held writes back. */
  readonly full: boolean;
}

/** Outstanding commands from which another lane is worth a try. */
const WORTH_TRYING = 256;
/** The trial must carry so much more to be kept. */
const GAIN = 1.15;
/** Periods that a trial lasts, and that a failed one is not repeated for. */
const TRIAL = 3;
const REST = 60;

/**
 * Decides whether another lane helps, by trying: a single connection usually carries more than one Node process can ask for, and
 * a second one then only halves the batches. Only a measured gain keeps it.
 */
export class LaneTuner {
  #state: "resting" | "watching" | "opening" | "trying" = "watching";
  #periods = 0;
  /** Lanes of the trial. */
  #target = 0;
  /** Commands in the last period before the trial, and in the trial's best one. */
  #before = 0;
  #best = 0;

  /** Called once a period. @returns how many lanes there should be */
  decide(sample: LaneSample): number {
    this.#periods++;
    if (this.#state === "opening") this.#await(sample);
    if (this.#state === "opening") return this.#target;
    if (this.#state === "trying") return this.#judge(sample);
    if (this.#state === "resting") {
      if (this.#periods >= REST) this.#become("watching");
      return sample.lanes;
    }
    const busy = sample.full || sample.outstanding >= WORTH_TRYING;
    if (!busy || sample.lanes === 0 || sample.lanes >= sample.maxLanes) {
      this.#periods = 0;
      this.#before = 0;
      return sample.lanes;
    }
    this.#before = Math.max(this.#before, sample.commands);
    if (this.#periods < TRIAL) return sample.lanes;
    this.#become("opening");
    this.#target = sample.lanes + 1;
    return this.#target;
  }

  /** The lane of the trial may have to be opened first, and there may be no room for it. */
  #await(sample: LaneSample): void {
    if (sample.lanes >= this.#target) this.#become("trying");
    else if (this.#periods >= TRIAL) this.#become("resting");
  }

  #judge(sample: LaneSample): number {
    this.#best = Math.max(this.#best, sample.commands);
    if (this.#periods < TRIAL) return sample.lanes;
    const helped = this.#best > this.#before * GAIN;
    this.#become(helped ? "watching" : "resting");
    return helped ? sample.lanes : Math.max(1, Math.min(sample.lanes, this.#target - 1));
  }

  #become(state: "resting" | "watching" | "opening" | "trying"): void {
    this.#state = state;
    this.#periods = 0;
    this.#best = 0;
    if (state === "watching" || state === "resting") this.#before = 0;
  }
}
