import type { Ending, Oracle } from "./oracle.ts";

/** Something whose outcome nobody knows may come to light for so long, ms: no fault holds bytes back for longer. */
const MEMORY = 30_000;

/**
 * Words that are pushed to lists by way of the client, each once. What is found on the server is compared with what the callers were
 * told, and forgotten: a word that is found and not remembered ran twice, or was never sent.
 */
export class Tokens {
  readonly #oracle: Oracle;
  readonly #known = new Map<string, { state: "open" | "found" | "acknowledged" | "unknown"; at: number }>();
  #next = 0;
  found = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  make(): string {
    const token = `token:${this.#next++}`;
    this.#known.set(token, { state: "open", at: performance.now() });
    return token;
  }

  ended(token: string, ending: Ending): void {
    const entry = this.#known.get(token);
    if (entry === undefined) return;
    const wasFound = entry.state === "found";
    if (wasFound || ending === "not-sent" || ending === "rejected") this.#known.delete(token);
    else entry.state = ending === "succeeded" ? "acknowledged" : "unknown";
    entry.at = performance.now();
    if (wasFound && (ending === "not-sent" || ending === "rejected"))
      this.#oracle.violate("an error's outcome is true", `${token} is on the server, and its push was ${ending}`);
  }

  /** Takes note of what was found on the server, and taken off it. */
  see(token: string): void {
    this.found++;
    this.#oracle.checks++;
    const entry = this.#known.get(token);
    if (entry === undefined || entry.state === "found")
      this.#oracle.violate(
        "an accumulating write runs at most once, one that was not sent never",
        `${token} was found again, or never sent`,
      );
    else if (entry.state === "open") entry.state = "found";
    else this.#known.delete(token);
  }

  /** Compares with a look at everything on the server that began at this time. */
  compare(lookedAt: number): void {
    for (const [token, { state, at }] of this.#known) {
      if (at >= lookedAt) continue;
      if (state === "acknowledged") {
        this.#known.delete(token);
        this.#oracle.violate("an acknowledged write was applied", `${token} is not on the server`);
      } else if (state === "unknown" && at < lookedAt - MEMORY) {
        this.#known.delete(token);
      }
    }
  }
}

/** Jobs that are pushed directly, and popped by way of the client. */
export class Jobs {
  readonly #oracle: Oracle;
  readonly #waiting = new Set<string>();
  #next = 0;
  popped = 0;
  /** Pops that may have taken a job without anybody's knowledge. */
  lossy = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  make(list: string): string {
    const job = `${list}/${this.#next++}`;
    this.#waiting.add(job);
    return job;
  }

  /** Says what is wrong with the reply of a pop. */
  pop(list: string, reply: readonly [string, string] | null): string | undefined {
    if (reply === null) return undefined;
    const [key, job] = reply;
    if (key !== list || !job.startsWith(`${list}/`)) return `a pop from ${list} gave ${job} from ${key}`;
    if (!this.#waiting.delete(job)) return `${job} was popped twice`;
    this.popped++;
    return undefined;
  }

  /** What is left on the server in the end. */
  close(left: readonly string[]): void {
    for (const job of left)
      if (!this.#waiting.delete(job))
        this.#oracle.violate("a job is popped once", `${job} was popped, and is still there`);
    this.#oracle.checks++;
    if (this.#waiting.size > this.lossy)
      this.#oracle.violate(
        "a pop swallows nothing unless its outcome is unknown",
        `${this.#waiting.size} jobs are gone, and only ${this.lossy} pops may have taken one: ${[...this.#waiting].slice(0, 5).join(", ")}`,
      );
  }
}

/** One counter on the server: what was acknowledged of it, and what may have been added beside. */
export class Tally {
  readonly key: string;
  called = 0;
  acknowledged = 0;
  unknown = 0;

  constructor(key: string) {
    this.key = key;
  }

  ended(ending: Ending): void {
    if (ending === "succeeded") this.acknowledged++;
    else if (ending === "unknown" || ending === "aborted") this.unknown++;
  }

  /** Says what is wrong with the counter's value that a caller got, who began when so many were acknowledged. */
  wrong(value: number, acknowledgedBefore: number): string | undefined {
    if (value > acknowledgedBefore && value <= this.called) return undefined;
    return `${this.key} gave ${value}, which should be more than ${acknowledgedBefore} and at most ${this.called}`;
  }

  close(oracle: Oracle, value: number): void {
    oracle.checks++;
    if (value < this.acknowledged)
      oracle.violate(
        "an acknowledged write was applied",
        `${this.key} is ${value}, and ${this.acknowledged} were acknowledged`,
      );
    if (value > this.acknowledged + this.unknown)
      oracle.violate(
        "an accumulating write runs at most once, one that was not sent never",
        `${this.key} is ${value}; ${this.acknowledged} were acknowledged, and ${this.unknown} are unknown`,
      );
  }
}

/** The messages of one channel: numbered, so that a missing one is noticed, which only a gap excuses. */
export class Feed {
  readonly channel: string;
  readonly #oracle: Oracle;
  #last: number | null = null;
  #gap = false;
  published = 0;
  received = 0;
  gaps = 0;

  constructor(channel: string, oracle: Oracle) {
    this.channel = channel;
    this.#oracle = oracle;
  }

  next(): string {
    return `${this.channel}#${++this.published}`;
  }

  gap(): void {
    this.gaps++;
    this.#gap = true;
  }

  receive(channel: string, message: string): void {
    this.received++;
    this.#oracle.checks++;
    const [of, number] = message.split("#");
    const sequence = Number(number);
    if (channel !== this.channel || of !== channel)
      this.#oracle.violate("every message belongs to its channel", `${message} came to ${this.channel} on ${channel}`);
    else if (this.#last !== null && sequence <= this.#last)
      this.#oracle.violate("messages come once and in order", `${message} came after ${this.#last}`);
    else if (this.#last !== null && sequence > this.#last + 1 && !this.#gap)
      this.#oracle.violate("a missed message is told as a gap", `${message} came after ${this.#last}`);
    this.#last = sequence;
    this.#gap = false;
  }
}
