import type { Payload } from "../base/transport.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Effect } from "./spec.ts";

/** `blockFor` of a command that does not block. */
export const NOT_BLOCKING: number = -1;

/** Whoever holds a connection for one request: is told when the request is through, and cancels it with care. */
export interface RequestHolder {
  /** The request left its connection, with a reply or without; called once per attempt. */
  finished(): void;
  /** Ends the request early, at once or after the server has let go of it. */
  cancel(reason: unknown): void;
}

/** Why the server is asked to let go of a blocked command. */
export interface Cancellation {
  /** What to end with if the server gives nothing. */
  readonly reason: unknown;
  /** Whether the reason is the library's own, which supposes an answer. */
  readonly isOwn: boolean;
  /** Whether the command is then sent again, to another node. */
  readonly goesElsewhere: boolean;
}

/** What only some requests have: it is kept apart, so that the many others stay small. `Part` is a request. */
export class RequestDetails<Part> {
  effect: Effect;
  /** How long the server may block, ms; 0 for ever; NOT_BLOCKING. */
  readonly blockFor: number;
  /** The commands of a pipeline or a MULTI block, which go and come back together; null for a single command. */
  readonly parts: readonly Part[] | null;
  /** How many replies the server gives to it. */
  slots: number;
  /** The command without what goes before it; null when nothing does. */
  plain: Payload | null = null;
  /** Replies that are still to come. */
  remaining: number;
  /** Collects the replies where there are parts. */
  replies: Reply[] | null = null;
  holder: RequestHolder | null = null;
  /** How often it was sent again after a loss or at the server's word: what `retries` limits. */
  attempts = 0;
  /** Whether it was sent again for any reason, such as a connection that was gone before the write. */
  repeated = false;
  /** How often a node of a cluster has sent it to another one. */
  redirects = 0;
  /** Whether an earlier attempt may have run. */
  uncertain = false;
  /** Whether no replica may answer it. */
  fromPrimary = false;
  /** Set while the server is asked to let go of a blocked command. */
  cancelled: Cancellation | null = null;

  constructor(
    effect: Effect,
    blockFor: number = NOT_BLOCKING,
    parts: readonly Part[] | null = null,
    slots: number = 1,
  ) {
    this.effect = effect;
    this.blockFor = blockFor;
    this.parts = parts;
    this.slots = slots;
    this.remaining = slots;
  }
}
