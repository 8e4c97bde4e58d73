import { setTimeout as sleep } from "node:timers/promises";
import type { TestServer } from "respool/testing";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import type { Feed, Jobs, Tokens } from "./accounts.ts";

/** How many elements one look takes off a list. */
const PAGE = 500;
const PAUSE = 30;

/** What an inspector looks at, and what it gives to. */
export interface Rounds {
  readonly tokens: Tokens;
  readonly tokenLists: readonly string[];
  readonly jobs: Jobs;
  readonly jobLists: readonly string[];
  readonly jobsPerSecond: number;
  readonly feeds: readonly Feed[];
}

/**
 * Has a connection to the server that no fault touches (its unix socket): takes the tokens off their lists and has them
 * judged, gives out jobs, publishes. What it does is never half done: who ends the server waits for it.
 */
export class Inspector {
  readonly #server: TestServer;
  #raw: RawClient;
  #busy: Promise<unknown> = Promise.resolve();
  #running = false;
  #rounds: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #owed = 0;

  private constructor(server: TestServer, raw: RawClient) {
    this.#server = server;
    this.#raw = raw;
  }

  static async open(server: TestServer): Promise<Inspector> {
    return new Inspector(server, await connectRaw({ path: server.path }));
  }

  get raw(): RawClient {
    return this.#raw;
  }

  close(): void {
    this.#raw.close();
  }

  /** Runs something that nothing of the inspector's own may overlap. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.catch(() => undefined);
    return result;
  }

  /** Ends the server by SIGKILL, or in order, and brings it back with its data. */
  restart(how: "kill" | "stop", downFor: number): Promise<void> {
    return this.exclusive(async () => {
      if (how === "kill") {
        await this.#server.kill();
        await sleep(downFor);
      }
      await this.#server.restart({ keepData: how === "stop" });
      this.#raw.close();
      this.#raw = await connectRaw({ path: this.#server.path });
    });
  }

  start(rounds: Rounds): void {
    this.#running = true;
    this.#rounds = this.#go(rounds);
  }

  /** Ends the rounds, after one that has seen everything. */
  async stop(rounds: Rounds): Promise<void> {
    this.#running = false;
    await this.#rounds;
    if (this.#failure !== null) throw this.#failure;
    await this.exclusive(() => this.#lookAt(rounds));
  }

  async #go(rounds: Rounds): Promise<void> {
    let last = performance.now();
    while (this.#running) {
      const now = performance.now();
      try {
        await this.exclusive(() => this.#round(rounds, now - last));
      } catch (error) {
        this.#failure = error as Error;
        return;
      }
      last = now;
      await sleep(PAUSE);
    }
  }

  async #round(rounds: Rounds, passed: number): Promise<void> {
    await this.#lookAt(rounds);
    this.#owed = Math.min(50, this.#owed + (rounds.jobsPerSecond * passed) / 1000);
    for (; this.#owed >= 1 && rounds.jobs.waiting < 200; this.#owed--) {
      const list = rounds.jobLists[Math.floor(this.#owed) % rounds.jobLists.length] ?? "";
      await this.#raw.command("RPUSH", list, rounds.jobs.make(list));
    }
    for (const feed of rounds.feeds) await this.#raw.command("PUBLISH", feed.channel, feed.next());
  }

  async #lookAt({ tokens, tokenLists }: Rounds): Promise<void> {
    const began = performance.now();
    for (const list of tokenLists) {
      for (;;) {
        const page = (await this.#raw.command("LRANGE", list, 0, PAGE - 1)) as string[];
        if (page.length === 0) break;
        await this.#raw.command("LTRIM", list, page.length, -1);
        for (const token of page) tokens.see(token);
        if (page.length < PAGE) break;
      }
    }
    tokens.compare(began);
  }
}
