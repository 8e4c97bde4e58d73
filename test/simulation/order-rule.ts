import type { PoolStats } from "respool";
import type { SimulatedServer, Session } from "respool/testing";
import type { Operation } from "./ledger.ts";
import type { Stage } from "./stage.ts";

/** A shared connection is checked behind the next command when the latest check is so long ago, ms. */
const CHECK_EVERY = 1000;
/** The reply that shows it, the command that the check is sent behind, and what was on its way with it. */
const ROUNDS = 3;
/** A reply has come so long after its command has run, ms; on a server that takes its time, with others of its turn. */
const ROUND_TRIP = 5;
const TURN = 20;
/** A shared connection is checked after so many commands at the latest. */
const MOST = 512;

/** A connection on which the server sends one reply too many, or too few. */
interface Slip {
  readonly session: Session;
  readonly kind: "twice" | "never";
  /** When it has, ms; null before. */
  at: number | null;
  endedAt: number;
  /** From then on the client has reason to check, ms. */
  suspectAt: number;
  /** Replies that came to others than their callers. */
  wrong: number;
}

/**
 * One reply too many or too few gives callers each other's replies, for nothing in the protocol tells. What is promised is that it does
 * not go on: not beyond 512 commands, and not beyond the check that follows a second later, or a reply of the wrong form.
 */
export class OrderRule {
  readonly #stage: Stage;
  readonly #server: SimulatedServer;
  readonly #slips: Slip[] = [];
  readonly #roundTrip: number;
  /** On which of them a command has run, by its token. */
  readonly #ranOn = new Map<string, Slip | null>();

  constructor(stage: Stage, server: SimulatedServer) {
    this.#stage = stage;
    this.#server = server;
    this.#roundTrip = ROUND_TRIP + TURN * server.serviceTime;
  }

  /** Whether anything of it is left. */
  get lasts(): boolean {
    for (const slip of this.#slips) this.#look(slip);
    return this.#slips.some(({ session }) => session.isOpen && (session.mistaken || session.mistake !== null));
  }

  /** @returns what ends it where no reply has come meanwhile */
  slip(kind: Slip["kind"], share: number): (() => void) | void {
    const sessions = [...this.#server.sessions.values()].filter(({ mistake }) => mistake === null);
    const session = sessions[Math.floor(share * sessions.length)];
    if (session === undefined) return;
    session.mistake = kind;
    this.#stage.tell(`     connection ${session.id}: the next reply comes ${kind}`);
    const never = { at: null, endedAt: Infinity, suspectAt: Infinity, wrong: 0 };
    this.#slips.push({ session, kind, ...never });
    return () => {
      session.mistake = null;
    };
  }

  executed(session: Session, token: string | undefined): void {
    if (this.#slips.length === 0) return;
    const slip = this.#slips.find((other) => other.session === session);
    if (token !== undefined) this.#ranOn.set(token, slip ?? null);
    if (slip !== undefined) this.#look(slip);
  }

  /** Whether an operation may have met with somebody else's reply, or somebody else with its own. */
  touched({ since, settledAt, tokens }: Operation): boolean {
    return this.#slipOf(tokens, since, settledAt) !== undefined;
  }

  /** An operation got what is not its own. @returns whether that may be */
  excuses({ since, settledAt, tokens }: Operation): boolean {
    const slip = this.#slipOf(tokens, since, settledAt);
    if (slip === undefined) return false;
    slip.wrong++;
    return slip.wrong <= MOST && this.#rounds(slip, since) < ROUNDS;
  }

  /** A reply of the wrong form was noticed: that is reason enough to check. */
  noticed({ since, settledAt, tokens }: Operation): void {
    const slip = this.#slipOf(tokens, since, settledAt);
    if (slip !== undefined) slip.suspectAt = Math.min(slip.suspectAt, settledAt);
  }

  /** What the pool has counted, in the end. */
  judge({ closedBecause }: PoolStats): void {
    const { ledger } = this.#stage;
    const { order = 0, protocol = 0, unread = 0, unclean = 0 } = closedBecause;
    const made = this.#slips.filter(({ at }) => at !== null).length;
    if (order > made)
      ledger.violate("an order that holds is not held for lost", `${order} connections ended for it, of ${made}`);
    const seen = this.#slips.filter(({ wrong }) => wrong > 0).length;
    // Silence and other faults may have ended them first.
    const ended =
      order + protocol + unread + unclean + (closedBecause["socket-timeout"] ?? 0) + (closedBecause.lost ?? 0);
    if (seen > ended + (closedBecause.closed ?? 0))
      ledger.violate("an order that is lost is counted", `${seen} connections gave others' replies, ${ended} ended`);
  }

  /** How often, one after the other, a command was called and answered since there was reason to check, up to then. */
  #rounds(slip: Slip, until: number): number {
    const { ledger } = this.#stage;
    let rounds = 0;
    let answeredAt = slip.suspectAt;
    // Operations stand in the order in which they were called.
    for (const { since, tokens } of ledger.operations) {
      if (since < answeredAt || since > until) continue;
      const token = tokens.find((other) => this.#ranOn.get(other) === slip);
      if (token === undefined) continue;
      rounds++;
      answeredAt = (ledger.ranAt.get(token) ?? Infinity) + this.#roundTrip;
      if (answeredAt > until) return rounds - 1;
    }
    return rounds;
  }

  #slipOf(tokens: readonly string[], since: number, until: number): Slip | undefined {
    for (const slip of this.#slips) this.#look(slip);
    const ranOn = tokens.map((token) => this.#ranOn.get(token));
    const known = ranOn.find((slip) => slip !== undefined && slip !== null);
    // One that ran elsewhere, and only there, has its own reply.
    if (known !== undefined || (ranOn.length > 0 && ranOn.every((slip) => slip === null))) return known ?? undefined;
    return this.#slips.find((slip) => slip.at !== null && slip.at <= until && slip.endedAt >= since);
  }

  #look(slip: Slip): void {
    const { now } = this.#stage;
    if (slip.at === null && slip.session.mistaken) {
      slip.at = now;
      slip.suspectAt = Math.min(slip.suspectAt, now + CHECK_EVERY);
    }
    // What was sent before its end may arrive a little later.
    if (!slip.session.isOpen && slip.endedAt === Infinity) slip.endedAt = now + this.#roundTrip;
  }
}
