import type { Arg } from "../commands/spec.ts";
import type { Reply } from "../protocol/reply.ts";
import type { BufferCommands } from "../commands/typings.generated.ts";
import type { MultiChain, PipelineChain } from "./chain-types.ts";
import type { CommandOptions } from "./settings.ts";
import type { MessageListener, SubscribeOptions, Subscription } from "./subscription.ts";

/** The view that `redis.buffers` gives: the same commands with Buffers in place of strings. */
export interface BufferRedis extends BufferCommands {
  /** Sends any command by its name and flat arguments; strings in its reply are Buffers. */
  call(name: string, ...args: readonly Arg[]): Promise<Reply>;
  /** A view on the same connections with other settings for its commands. */
  with(options: CommandOptions): BufferRedis;
  /** Collects commands that are sent in one piece. */
  pipeline(): PipelineChain<[]>;
  /** Collects commands that the server runs as one, between MULTI and EXEC. */
  multi(): MultiChain<[]>;
  /** Subscribes to channels; payloads are Buffers. */
  subscribe(
    channels: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
  /** Subscribes to all channels that match glob-style patterns; payloads are Buffers. */
  psubscribe(
    patterns: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
  /** Subscribes to sharded channels (SPUBLISH); payloads are Buffers. */
  ssubscribe(
    channels: string | readonly string[],
    listener?: MessageListener<Buffer>,
    options?: SubscribeOptions,
  ): Promise<Subscription<Buffer>>;
}
