import { ServerError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";
import type { Reply } from "../protocol/reply.ts";

/** What it takes to give a connection to the next borrower. */
export type Cleanup = "clean" | "repair" | "reset" | "destroy";

/** Commands whose effect on the session only RESET and a new handshake take back. */
const NEEDS_RESET = new Set([
  "AUTH",
  "HELLO",
  "RESET",
  "READONLY",
  "READWRITE",
  "ASKING",
  "CLIENT SETNAME",
  "CLIENT SETINFO",
  "CLIENT TRACKING",
  "CLIENT CACHING",
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
]);

/** Commands after which the connection is of no use to anybody else: RESET does not take them back. */
const NEEDS_DESTROY = new Set([
  "MONITOR",
  "QUIT",
  "CLIENT REPLY",
  "CLIENT NO-EVICT",
  "CLIENT NO-TOUCH",
  "CLIENT CAPA",
  "CLIENT IMPORT-SOURCE",
  "SCRIPT DEBUG",
  "SYNC",
  "PSYNC",
  "REPLCONF",
  "SHUTDOWN",
]);

/**
 * What a connection has been told about its session, so that a borrower's SELECT, WATCH or MULTI never reaches the next one.
 * Fed with every command that may change a session, with its reply; plain commands never come here.
 */
export class SessionShadow {
  readonly #homeDb: number;
  #db: number;
  #multi = false;
  #watching = false;
  #beyondRepair: Cleanup = "clean";

  constructor(db: number) {
    this.#homeDb = db;
    this.#db = db;
  }

  /** Takes note of a command and its reply. */
  observe(request: Request, reply: Reply): void {
    if (request.parts === null) {
      this.#note(request.spec.name, String(request.args[0]), reply);
      return;
    }
    const replies = request.replies ?? [];
    for (const [index, part] of request.parts.entries()) {
      if (part.route === "share") continue;
      // Whether EXEC applied it is not worth following: a watched key may have been changed, or EXEC may be refused.
      if (request.spec.name === "MULTI") this.#worsen();
      this.observe(part, replies[index] ?? null);
    }
    if (request.spec.name !== "MULTI") return;
    // Where MULTI itself was refused, its EXEC has ended nothing.
    if (replies[0] instanceof ServerError) this.#worsen();
    else this.#endTransaction();
  }

  /** What is to be done before the next borrower. */
  get cleanup(): Cleanup {
    if (this.#beyondRepair !== "clean") return this.#beyondRepair;
    return this.#multi || this.#watching || this.#db !== this.#homeDb ? "repair" : "clean";
  }

  /** The commands that bring the session home, each with its arguments; in this order, in one round trip. */
  repairs(): (readonly [name: string, ...args: string[]])[] {
    const commands: (readonly [string, ...string[]])[] = [];
    if (this.#multi) commands.push(["DISCARD"]);
    else if (this.#watching) commands.push(["UNWATCH"]);
    if (this.#db !== this.#homeDb) commands.push(["SELECT", String(this.#homeDb)]);
    return commands;
  }

  /** The session is as the handshake left it. */
  restored(): void {
    this.#db = this.#homeDb;
    this.#endTransaction();
    this.#beyondRepair = "clean";
  }

  #note(name: string, argument: string, reply: Reply): void {
    if (NEEDS_DESTROY.has(name)) {
      this.#beyondRepair = "destroy";
      return;
    }
    if (NEEDS_RESET.has(name)) {
      // Refused or not: a HELLO whose last part is wrong has logged in all the same.
      this.#worsen();
      return;
    }
    if (reply instanceof ServerError) {
      // A refused EXEC (EXECABORT) has ended the transaction all the same; one without MULTI has not ended a WATCH.
      if (name === "EXEC" && this.#multi) this.#endTransaction();
      return;
    }
    // Inside MULTI the command has only been queued: whether it ran is not worth following.
    if (this.#multi && name === "SELECT") this.#worsen();
    else if (name === "SELECT") this.#db = Number(argument);
    else if (name === "WATCH") this.#watching = true;
    else if (name === "UNWATCH") this.#watching = this.#multi && this.#watching;
    else if (name === "MULTI") this.#multi = true;
    else if (name === "EXEC" || name === "DISCARD") this.#endTransaction();
  }

  #worsen(): void {
    if (this.#beyondRepair === "clean") this.#beyondRepair = "reset";
  }

  #endTransaction(): void {
    this.#multi = false;
    this.#watching = false;
  }
}
