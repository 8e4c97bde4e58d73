import { assert } from "../base/assert.ts";
import type { RedisError } from "../base/errors.ts";
import type { Connection } from "../connection/connection.ts";

/**
 * What a connection is for at the moment.
 *
 * ```
 * connecting ─→ idle ⇄ leased ─→ repairing ─→ idle
 *      │         ⇅ ⇄ subscriber    │
 *      │        lane               ↓
 *      └───────────────────────→ closed   (from every state)
 * ```
 */
export type EntryState = "connecting" | "idle" | "leased" | "lane" | "subscriber" | "repairing" | "closed";

const NEXT: Readonly<Record<EntryState, readonly EntryState[]>> = {
  connecting: ["idle", "closed"],
  idle: ["leased", "lane", "subscriber", "repairing", "closed"],
  leased: ["idle", "repairing", "closed"],
  lane: ["idle", "closed"],
  subscriber: ["repairing", "closed"],
  repairing: ["idle", "closed"],
  closed: [],
};

/** One connection of the pool, or one being made. */
export class Entry {
  state: EntryState = "connecting";
  connection: Connection | null = null;
  /** When it is too old, ms on the clock. */
  expiresAt: number = Infinity;
  openedAt = 0;
  /** When it came into its present state, ms on the clock. */
  since = 0;
  /** When somebody last had it; a check for life is no use. ms on the clock. */
  lastUsed = 0;
  /** A lane that gets no new commands and ends when the last reply has come. */
  retiring = false;
  /** Where the lease was taken, when leaks are watched for. */
  stack: string | null = null;
  /** Whether the leak was reported already. */
  reported = false;
  /** Told when the connection ends while somebody holds it. */
  onLost: ((error: RedisError) => void) | null = null;

  /** The connection, in every state that has one. */
  get live(): Connection {
    assert(this.connection !== null, "only a connecting or closed entry has no connection");
    return this.connection;
  }
}

/** All entries of one pool, each in exactly one state, changed in one place. */
export class Roster {
  readonly #counts: Record<EntryState, number> = {
    connecting: 0,
    idle: 0,
    leased: 0,
    lane: 0,
    subscriber: 0,
    repairing: 0,
    closed: 0,
  };
  readonly #entries = new Set<Entry>();
  /** The one that was used last goes first, so that the coldest ones stay at the bottom and can go. */
  readonly #idle: Entry[] = [];
  readonly #lanes: Entry[] = [];
  #leasedTime = 0;
  #leasedAt = 0;

  get all(): ReadonlySet<Entry> {
    return this.#entries;
  }

  get idle(): readonly Entry[] {
    return this.#idle;
  }

  get lanes(): readonly Entry[] {
    return this.#lanes;
  }

  /** Open connections, whatever they do. */
  get total(): number {
    return this.#entries.size - this.#counts.connecting;
  }

  /** The time that connections were leased for, summed over all of them up to `now`, ms. */
  leasedTime(now: number): number {
    return this.#leasedTime + this.#counts.leased * (now - this.#leasedAt);
  }

  count(state: EntryState): number {
    return this.#counts[state];
  }

  add(entry: Entry): void {
    this.#entries.add(entry);
    this.#counts[entry.state]++;
  }

  /** The one place where an entry's state changes. */
  moveTo(entry: Entry, state: EntryState, now: number): void {
    assert(NEXT[entry.state].includes(state), "a connection cannot come from its present state into the next");
    if (entry.state === "idle") remove(this.#idle, entry);
    else if (entry.state === "lane") remove(this.#lanes, entry);
    this.#leasedTime = this.leasedTime(now);
    this.#leasedAt = now;
    this.#counts[entry.state]--;
    entry.state = state;
    entry.since = now;
    this.#counts[state]++;
    if (state === "idle") insert(this.#idle, entry);
    else if (state === "lane") this.#lanes.push(entry);
    else if (state === "closed") this.#entries.delete(entry);
  }
}

/** On top, as a rule. One that comes back from a check for life was not used: on top it would become the warm one, and none would ever go. */
function insert(list: Entry[], entry: Entry): void {
  let index = list.length;
  while (index > 0 && (list[index - 1] as Entry).lastUsed > entry.lastUsed) index--;
  if (index === list.length) list.push(entry);
  else list.splice(index, 0, entry);
}

function remove(list: Entry[], entry: Entry): void {
  // From the end: a lease takes the newest idle connection.
  const index = list.lastIndexOf(entry);
  assert(index >= 0, "an entry is not where its state says");
  if (index === list.length - 1) list.pop();
  else list.splice(index, 1);
}
