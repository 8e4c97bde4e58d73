import type { Clock } from "../base/clock.ts";
import { withoutStack, type RedisError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";
import { CommandQueue } from "../connection/command-queue.ts";
import type { Connection } from "../connection/connection.ts";
import type { CloseReason } from "../connection/lost.ts";
import { commandWaitedTooLong } from "./refusals.ts";
import type { Entry, Roster } from "./roster.ts";

/**
 * The shared connections, and the commands that wait while there is none. With several lanes the one with the least outstanding
 * work is taken, once per turn of the event loop: choosing anew for every command would spread a batch over all of them.
 */
export class Lanes {
  readonly #roster: Roster;
  readonly #clock: Clock;
  readonly #pending = new CommandQueue();
  readonly #unpick: () => void;
  /** Of `gone`, those of connections that are lanes no more; less what those of now have had as something else. */
  #gone = 0;
  #picked: Connection | null = null;
  /** The lane when there is just one that takes commands: nearly always. */
  #only: Connection | null = null;

  constructor(roster: Roster, clock: Clock) {
    this.#roster = roster;
    this.#clock = clock;
    this.#unpick = () => {
      this.#picked = null;
    };
  }

  /** Commands that wait for a lane. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Lanes that take commands. */
  get active(): number {
    let active = 0;
    for (const entry of this.#roster.lanes) if (!entry.retiring) active++;
    return active;
  }

  /** The one lane there is, or null when there are none or several. */
  get only(): Connection | null {
    return this.#only;
  }

  /** Commands that wait, are queued or in flight on lanes. */
  get outstanding(): number {
    let outstanding = this.#pending.size;
    for (const entry of this.#roster.lanes) outstanding += entry.live.outstanding;
    return outstanding;
  }

  /** Those of them that callers have sent. */
  get callers(): number {
    let callers = this.#pending.size;
    for (const entry of this.#roster.lanes) callers += entry.live.callers;
    return callers;
  }

  /** Replies that the lanes of now have had. */
  get answered(): number {
    let answered = 0;
    for (const entry of this.#roster.lanes) answered += entry.live.progress.answered;
    return answered;
  }

  /** Commands since the start that wait no more, and are on no lane any more, whatever became of them. */
  get gone(): number {
    let gone = this.#gone + this.#pending.gone;
    for (const entry of this.#roster.lanes) gone += entry.live.progress.gone;
    return gone;
  }

  /** The shortest of their handshakes' round trips, ms; Infinity while there is no lane. */
  get roundTrip(): number {
    let shortest = Infinity;
    for (const entry of this.#roster.lanes) shortest = Math.min(shortest, entry.live.roundTrip);
    return shortest;
  }

  /** Bytes not yet written. */
  get queuedBytes(): number {
    let bytes = this.#pending.unwrittenBytes;
    for (const entry of this.#roster.lanes) bytes += entry.live.queuedBytes;
    return bytes;
  }

  /** The lane for a command of this turn, or null when none is open. */
  pick(): Connection | null {
    if (this.#only !== null) return this.#only;
    if (this.#picked !== null && this.#picked.isOpen) return this.#picked;
    let best: Connection | null = null;
    for (const entry of this.#roster.lanes) {
      if (entry.retiring) continue;
      if (best === null || entry.live.outstanding < best.outstanding) best = entry.live;
    }
    if (best === null) return null;
    this.#picked = best;
    this.#clock.defer(this.#unpick);
    return best;
  }

  /** A lane has come, begun to retire, or gone. */
  repick(): void {
    this.#picked = null;
    const [first, second] = this.#roster.lanes;
    this.#only = first === undefined || first.retiring || second !== undefined ? null : first.live;
  }

  /** Makes an idle connection a lane, and hands it everything that waits. */
  begin(entry: Entry): void {
    this.#roster.moveTo(entry, "lane", this.#clock.now());
    this.#gone -= entry.live.progress.gone;
    entry.live.share(true);
    this.repick();
    for (const request of this.#pending.drain()) entry.live.enqueue(request);
  }

  /** Gives a lane no more commands, and ends it when the last reply has come. */
  retire(entry: Entry, reason: CloseReason): void {
    entry.retiring = true;
    this.repick();
    void entry.live.drained().then(() => entry.live.close(reason));
  }

  /** Retires one lane of several. */
  drop(): void {
    const entry = this.#roster.lanes.find((lane) => !lane.retiring);
    if (entry !== undefined) this.retire(entry, "surplus");
  }

  /** Makes the only lane an idle connection as soon as its last reply has come. @returns whether it did */
  async yield(): Promise<boolean> {
    const entry = this.#roster.lanes[0];
    if (entry === undefined || entry.retiring) return false;
    entry.retiring = true;
    this.repick();
    await entry.live.drained();
    entry.retiring = false;
    entry.live.share(false);
    this.ended(entry);
    if (entry.state === "lane") this.#roster.moveTo(entry, "idle", this.#clock.now());
    this.repick();
    return entry.state === "idle";
  }

  /** Keeps account of a connection that is about to be a lane no more, if it is one. */
  ended(entry: Entry): void {
    if (entry.state === "lane") this.#gone += entry.live.progress.gone;
  }

  /** Lets a command wait for a lane. */
  wait(request: Request): void {
    this.#pending.push(request);
  }

  /** Takes out everything that waits. */
  reclaim(): Request[] {
    return this.#pending.drain().filter((request) => !request.isOver);
  }

  /** Fails everything that waits. */
  failPending(make: (request: Request) => RedisError): void {
    for (const request of this.#pending.drain()) request.fail(make(request));
  }

  /**
   * Ends the waiting commands whose time is up, and drops those that were settled otherwise.
   * @returns how many ran out of time
   */
  expire(now: number, node: string, lastError: RedisError | null): number {
    if (this.#pending.size === 0) return 0;
    let late = 0;
    const connecting = this.#roster.count("connecting") > 0;
    this.#pending.expire(now, (request) => {
      late++;
      // Its stack would say nothing of the call, and after an outage there are tens of thousands.
      request.cancel(withoutStack(() => commandWaitedTooLong(request, node, lastError, connecting)));
    });
    this.#pending.sweep();
    return late;
  }
}
