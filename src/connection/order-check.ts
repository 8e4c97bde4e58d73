import type { Clock } from "../base/clock.ts";
import { ServerError } from "../base/errors.ts";
import { Request } from "../commands/request.ts";
import { knownCommand } from "../commands/table.ts";
import type { Reply } from "../protocol/reply.ts";

/**
 * A shared connection is checked after so many commands: a mistake of the server, or of something in between, is found before it
 * has given that many callers each other's replies. It costs one ECHO for them all.
 */
const EVERY = 512;
/** So long after the latest check the next command is followed by one, ms: where commands are few, 512 of them would be minutes. */
const OLD = 1000;
/** A whole number that no connection comes to: what is counted down must not be Infinity, which would be an object. */
const NEVER = 2 ** 30;
const ECHO = knownCommand("ECHO");

/**
 * Checks that the replies on a shared connection still belong to their commands. Redis numbers neither, so a reply too many or too
 * few gives every later caller somebody else's data. An ECHO of a word that nobody else has stands at a known place now and
 * then, and right after anything odd; another reply in its place proves that the order is lost.
 */
export class OrderCheck {
  #probe: Request | null = null;
  /** Two, in turn: the reply to the one before must not pass. */
  #echo: Request | null = null;
  #nextEcho: Request | null = null;
  #watched = false;
  #checkedAt = 0;

  /** The ECHO that is on its way. */
  get probe(): Request | null {
    return this.#probe;
  }

  /** Begins to check, for a connection that many share; or ends it, for one that somebody has alone. */
  watch(on: boolean, now: number): void {
    this.#watched = on;
    this.#checkedAt = now;
  }

  /** How many commands there are to be before the next ECHO. */
  get interval(): number {
    return this.#watched ? EVERY : NEVER;
  }

  /** Whether the latest check is long ago. */
  isOld(now: number): boolean {
    return this.#watched && now - this.#checkedAt > OLD;
  }

  /** Whether an ECHO may be sent now. */
  get mayProbe(): boolean {
    // One that was late before it was written has gone without a reply.
    return this.#watched && !this.isOut;
  }

  /** Whether an ECHO holds a place among the commands. */
  get isOut(): boolean {
    return this.#probe !== null && this.#probe.state !== "settled";
  }

  /** The ECHO, started, of a word that no data holds; `timeout` in ms. */
  makeProbe(clock: Clock, timeout: number): Request {
    const now = clock.coarseNow();
    const echo = this.#nextEcho ?? echoOf(clock);
    this.#checkedAt = now;
    this.#nextEcho = this.#echo;
    this.#echo = echo;
    // Its route is that of few commands: the connection looks for it among those only.
    const probe = new Request(echo.spec, echo.args, echo.payload, null, "lease", null);
    probe.timeout = timeout;
    probe.deadline = now + timeout;
    this.#probe = probe;
    probe.startUnheard();
    return probe;
  }

  /** Whether the reply in the ECHO's place is its own. */
  passes(reply: Reply): boolean {
    this.#probe = null;
    if (reply instanceof ServerError) {
      // An error has no word in it. Where the user may not ECHO there is nothing more to try.
      if (reply.code === "NOPERM") this.#watched = false;
      return true;
    }
    return reply === this.#echo?.args[0];
  }
}

/** Of a word that no data holds. */
function echoOf(clock: Clock): Request {
  return ECHO.buildFlat([`respool:${clock.random().toString(36).slice(2)}`]);
}
