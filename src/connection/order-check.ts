import type { Clock } from "../base/clock.ts";
import { ProtocolError, ServerError, withoutStack, type RedisError } from "../base/errors.ts";
import { Request, type RetryPolicy } from "../commands/request.ts";
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
export class OrderCheck implements RetryPolicy {
  readonly #lost: (error: ProtocolError) => void;
  #probe: Request | null = null;
  /** Two, in turn: the reply to the one before must not pass. Made once, for what runs once in 512 commands is never warm. */
  #echo: Request | null = null;
  #nextEcho: Request | null = null;
  #watched = false;
  #checkedAt = 0;

  /** @param lost called when a reply is not the one that belongs to its command */
  constructor(lost: (error: ProtocolError) => void) {
    this.#lost = lost;
  }

  /** The ECHO whose reply was not looked at yet; or one that has gone without one. */
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

  /** The ECHO, started, of a word that no data holds; `timeout` in ms. It looks at its reply by itself. */
  makeProbe(clock: Clock, timeout: number): Request {
    const probe = this.#nextEcho ?? this.#echoOf(clock, timeout);
    this.#nextEcho = this.#echo;
    this.#echo = this.#probe = probe;
    this.#checkedAt = clock.coarseNow();
    probe.deadline = this.#checkedAt + timeout;
    probe.state = "new";
    return probe;
  }

  /** Looks whether the reply in the ECHO's place is its own. */
  check(reply: Reply): void {
    this.#probe = null;
    // An error has no word in it.
    if (reply !== this.#echo?.args[0] && !(reply instanceof ServerError)) this.#lost(withoutStack(orderError));
  }

  /** The ECHO was refused or lost: it is not sent again. Where the user may not ECHO there is nothing more to try. */
  takeOver(_request: Request, error: RedisError): boolean {
    if (error instanceof ServerError && error.code === "NOPERM") this.#watched = false;
    return false;
  }

  #echoOf(clock: Clock, timeout: number): Request {
    const word = `respool:${clock.random().toString(36).slice(2)}`;
    // A string that was put together stays in parts, and is slow to compare for as long as it lives; one that was decoded is whole.
    const { spec, args, payload } = ECHO.buildFlat([Buffer.from(word, "latin1").toString("latin1")]);
    // All that is its own hangs on its reply: any other way to know it by would be a way that is never warm.
    const echo = new Request(spec, args, payload, (reply) => this.check(reply), "share", null);
    echo.timeout = timeout;
    echo.policy = this;
    echo.startUnheard();
    return echo;
  }
}

function orderError(): ProtocolError {
  return new ProtocolError("a reply was missing, or one too many: their order is lost");
}
