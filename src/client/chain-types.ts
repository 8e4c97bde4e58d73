import type { RedisError } from "../base/errors.ts";
import type { Family } from "../commands/typings.ts";
import type { CommandMethods } from "../commands/typings.generated.ts";
import type { Arg } from "../commands/spec.ts";
import type { Reply } from "../protocol/reply.ts";

/** A command's place in a batch: its value, or the error that it ended with. */
export type Outcomes<T extends readonly unknown[]> = { -readonly [K in keyof T]: T[K] | RedisError };

interface PipelineFamily<T extends readonly unknown[]> extends Family {
  readonly result: PipelineChain<[...T, this["reply"]]>;
}

/** Collects commands for one `exec()`; the type knows every result. */
export interface PipelineChain<T extends readonly unknown[]> extends CommandMethods<PipelineFamily<T>, string> {
  /** How many commands were collected. */
  readonly length: number;
  /** Adds a command by its name. */
  call(name: string, ...args: readonly Arg[]): PipelineChain<[...T, Reply]>;
  /** Sends everything in one piece. A command that failed is an error in its place. */
  exec(): Promise<Outcomes<T>>;
}

interface MultiFamily<T extends readonly unknown[]> extends Family {
  readonly result: MultiChain<[...T, this["reply"]]>;
}

/** Collects commands for one MULTI … EXEC; the type knows every result. */
export interface MultiChain<T extends readonly unknown[]> extends CommandMethods<MultiFamily<T>, string> {
  /** How many commands were collected. */
  readonly length: number;
  /** Adds a command by its name. */
  call(name: string, ...args: readonly Arg[]): MultiChain<[...T, Reply]>;
  /**
   * Runs everything, or nothing.
   *
   * @throws ServerError the refusal of a command, when nothing was applied
   * @throws WatchError on a lease whose watched keys were changed; nothing was applied
   */
  exec(): Promise<Outcomes<T>>;
}
