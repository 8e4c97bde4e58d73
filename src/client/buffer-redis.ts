import type { Arg } from "../commands/spec.ts";
import type { Reply } from "../protocol/reply.ts";
import type { BufferCommands } from "../commands/typings.generated.ts";
import type { MultiChain, PipelineChain } from "./chain-types.ts";
import type { CommandOptions } from "./settings.ts";
import type { MessageListener, SubscribeOptions, Subscription } from "./subscription.ts";

/** The view that `redis.buffers` gives: the same commands with Buffers in place of strings. */
export interface BufferRedis extends BufferCommands {
  call(name: string, ...args: readonly Arg[]): Promise<Reply>;
  with(options: CommandOptions): BufferRedis;
  pipeline(): PipelineChain<[]>;
  multi(): MultiChain<[]>;
  subscribe(
    channels: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
  psubscribe(
    patterns: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
  ssubscribe(
    channels: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
}
