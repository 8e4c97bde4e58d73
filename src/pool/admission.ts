import { withoutStack, type QueueFullError } from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";
import { Ring } from "../base/ring.ts";
import type { Request } from "../commands/request.ts";
import { tooLongAlready, tooMuchQueued } from "./refusals.ts";

/** The pace is that of the latest steps in which replies came. */
const SAMPLES = 5;
/** Less says nothing, ms: replies come in lumps, for a server answers all that it has read at once. */
const LEAST_TIME = 50;
/**
 * A wait is believed up to so many times what the command at the head has waited already, beside its time on the way. A burst, however
 * large, has not waited yet; neither has one behind a few slow commands, or on a link with a long round trip, whose pace is no guide to its own.
 * Lower, and less of what is accepted in an overload is in time (3: a third, with batches that take as long as the limit); higher, and what
 * stands behind slow commands is refused at their pace.
 */
const FORESIGHT = 4;
/** A quarter more than the mean is expected: who waits for just as long as he may is late as often as not. */
const MARGIN = 1.25;
/** Steps that are remembered to tell the head's age: FORESIGHT times as long is the longest wait that is ever predicted, 20 s. */
const MEMORY = 256;

/** A sample so many times slower than the others tells of a server that stood still once, not of its pace. */
const PAUSE = 4;

/** The replies of one or more steps. */
interface Sample {
  readonly time: number;
  readonly replies: number;
}

const NO_SAMPLE: Sample = { time: 0, replies: 1 };

/** The lanes, as the admission looks at them. */
export interface LaneLoad {
  readonly outstanding: number;
  readonly answered: number;
  readonly gone: number;
  readonly roundTrip: number;
}

/** By the end of a step so many commands had come since the start. */
interface Mark {
  readonly at: number;
  readonly arrived: number;
}

/**
 * Decides whether one more command may queue for the lanes: within the limits of number and bytes, and only if it can be expected
 * to be answered in its time. What comes too late is worth nothing to anybody, and delays what follows; refused at once, it costs
 * neither the server nor its caller any time.
 *
 * The wait is predicted from the pace at which the lanes are answered while they have a backlog.
 */
export class Admission {
  readonly #options: ResolvedOptions;
  readonly #maxInFlight: number;
  readonly #maxQueuedBytes: number;
  readonly #marks = new Ring<Mark>(16);
  readonly #samples: Sample[] = [];
  /** Steps since the first of the samples. */
  #steps = 0;
  /** What the lanes had answered at the latest step. */
  #answered = 0;
  /** How many commands had gone by the latest step, answered or not. */
  #gone = 0;
  #backlog = 0;
  /** Whether there were no replies yet, or none since a lane has ended: the time until then is that of connecting. */
  #laneless = true;
  /** The shortest time from call to reply that was seen, ms: that of the way there and back, in which no command waits for another. */
  #roundTrip = Infinity;
  /** When the latest replies were seen. */
  #repliedAt = 0;
  /** ms; 0 while nothing is known. */
  #perCommand = 0;
  /** The longest wait that can be predicted now, ms; whole, for every command reads it, and a fraction would be an object. */
  #longestWait = 0;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight;
    this.#maxQueuedBytes = options.maxQueuedBytes;
  }

  /** Whether a command may queue; `refusal` says why not. For the hot path. */
  admits(request: Request, outstanding: number, queuedBytes: number): boolean {
    return (
      outstanding < this.#maxInFlight && queuedBytes <= this.#maxQueuedBytes && this.#longestWait <= request.timeout
    );
  }

  /** The limit that one more command would break; null when it may come. */
  limit(outstanding: number, queuedBytes: number): "maxInFlight" | "maxQueuedBytes" | null {
    if (outstanding >= this.#maxInFlight) return "maxInFlight";
    return queuedBytes > this.#maxQueuedBytes ? "maxQueuedBytes" : null;
  }

  /**
   * Why a command may not queue behind `outstanding` others; null when it may.
   *
   * @param queuedBytes with its own
   */
  refusal(request: Request, outstanding: number, queuedBytes: number): QueueFullError | null {
    const full = this.limit(outstanding, queuedBytes);
    if (full !== null) return refused(tooMuchQueued, request, full, this.#options);
    if (this.#longestWait <= request.timeout) return null;
    const wait = Math.min(this.#longestWait, (outstanding + 1) * this.#perCommand * MARGIN);
    if (wait <= request.timeout) return null;
    return refused(tooLongAlready, request, { outstanding, wait }, this.#options);
  }

  /**
   * Looks at the pace, once per step of the clock while there is something outstanding.
   *
   * @param lanes.answered replies since the lanes were opened; it may fall when one has ended
   * @param lanes.gone commands since the start that are not outstanding any more, answered or not
   * @param lanes.roundTrip what the handshake took, ms; Infinity where there is no lane
   */
  observe(now: number, { outstanding, answered, gone, roundTrip }: LaneLoad): void {
    if (roundTrip < this.#roundTrip) this.#roundTrip = roundTrip;
    const replies = Math.max(0, answered - this.#answered);
    if (answered < this.#answered) this.#laneless = true;
    // A command that has gone without a reply says nothing of the time that a reply takes.
    const allAnswered = gone - this.#gone === replies;
    this.#answered = answered;
    this.#gone = gone;
    // The time without a lane, or with nothing outstanding, is not the server's.
    if (replies > 0 && !this.#laneless) this.#learn({ time: now - this.#repliedAt, replies });
    this.#judge();
    if (replies > 0 || this.#backlog === 0) this.#repliedAt = now;
    if (replies > 0) this.#laneless = false;
    if (outstanding === 0) this.#forget();
    else this.#mark(now, outstanding, allAnswered);
    this.#backlog = outstanding;
    const head = this.#marks.peek();
    const queued = head === undefined ? 0 : Math.max(0, now - head.at - this.#roundTrip);
    this.#longestWait = this.#perCommand === 0 ? 0 : Math.ceil(FORESIGHT * queued) | 0;
  }

  #forget(): void {
    while (this.#marks.shift() !== undefined);
    this.#samples.length = 0;
    this.#perCommand = 0;
  }

  /** Keeps the marks behind which something is outstanding: the command at the head had come by the first of them. */
  #mark(now: number, outstanding: number, allAnswered: boolean): void {
    const marks = this.#marks;
    marks.push({ at: now, arrived: this.#gone + outstanding });
    if (marks.size > MEMORY) marks.shift();
    for (let first = marks.peek(); first !== undefined && first.arrived <= this.#gone; first = marks.peek()) {
      if (allAnswered) this.#roundTrip = Math.min(this.#roundTrip, now - first.at);
      marks.shift();
    }
  }

  #learn(sample: Sample): void {
    const samples = this.#samples;
    if (this.#backlog < sample.replies) {
      // The lanes may have run dry in between: then the pace was the callers', and the lanes are at least as fast.
      samples.length = 0;
      this.#perCommand = Math.min(this.#perCommand, sample.time / sample.replies);
      return;
    }
    if (samples.length === 0) this.#steps = 0;
    samples.push(sample);
    if (samples.length > SAMPLES) samples.shift();
  }

  /** Believes in the samples a step after the first: had the server stood still before it, this step has the replies that tell. */
  #judge(): void {
    if (this.#samples.length === 0 || this.#steps++ === 0) return;
    let time = 0;
    for (const sample of this.#samples) time += sample.time;
    if (time >= LEAST_TIME) this.#perCommand = paceOf(this.#samples);
  }
}

/**
 * Refusals come in thousands, and the stack is most of what an error costs. A function of its own, for a closure in `refusal` would be
 * an object for each command that is not refused.
 */
function refused<T>(
  make: (request: Request, why: T, options: ResolvedOptions) => QueueFullError,
  request: Request,
  why: T,
  options: ResolvedOptions,
): QueueFullError {
  return withoutStack(() => make(request, why, options));
}

/** ms per reply: the mean, without the slowest sample where that was a pause. */
function paceOf(samples: readonly Sample[]): number {
  let time = 0;
  let replies = 0;
  let slowest: Sample = NO_SAMPLE;
  for (const sample of samples) {
    time += sample.time;
    replies += sample.replies;
    if (sample.time / sample.replies > slowest.time / slowest.replies) slowest = sample;
  }
  const rest = (time - slowest.time) / (replies - slowest.replies);
  return slowest.time / slowest.replies > PAUSE * rest ? rest : time / replies;
}
