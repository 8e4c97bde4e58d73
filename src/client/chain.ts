import { attachCommands } from "../commands/methods.ts";
import { buildCall } from "../commands/call.ts";
import { ClosedError, OptionsError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";

/** Runs the collected commands. */
export type RunBatch = (parts: readonly Request[]) => Promise<unknown[]>;

/**
 * Collects commands for one `exec()`. Command methods return the chain itself; a bad argument is thrown where it was given, and
 * nothing is sent before `exec()`.
 */
export class Chain {
  readonly #run: RunBatch;
  #parts: Request[] | null = [];

  constructor(run: RunBatch) {
    this.#run = run;
  }

  /** How many commands were collected. */
  get length(): number {
    return this.#parts?.length ?? 0;
  }

  /** Adds a command by its name. */
  call(name: string, ...args: unknown[]): this {
    return this.dispatch(buildCall(name, args));
  }

  /** Sends everything; an empty chain gives an empty result without asking the server. */
  async exec(): Promise<unknown[]> {
    if (this.#parts === null) throw spentError();
    const parts = this.#parts;
    this.#parts = null;
    return parts.length === 0 ? [] : this.#run(parts);
  }

  /** @internal */
  dispatch(request: Request): this {
    if (this.#parts === null) throw spentError();
    const { name } = request.spec;
    if (request.route === "subscribe") throw notHere(name);
    if (name === "CLIENT REPLY" || name === "MONITOR") {
      throw new OptionsError(name, `${name} cannot be part of a batch: every command of it needs its reply`, {
        command: name,
      });
    }
    this.#parts.push(request);
    return this;
  }

  /** @internal */
  refuse(error: unknown): never {
    throw error;
  }
}

attachCommands(Chain.prototype);

function spentError(): ClosedError {
  return new ClosedError(
    "not-sent",
    "exec() was called on this batch already: begin a new one with pipeline() or multi()",
  );
}

/** The error for a Pub/Sub command where it cannot run. */
export function notHere(name: string): OptionsError {
  return new OptionsError(
    name,
    `${name} cannot be sent as a command: use redis.subscribe(), psubscribe() or ssubscribe(), which keep a connection for it`,
    {
      command: name,
    },
  );
}
