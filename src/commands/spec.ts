import type { Reply } from "../protocol/reply.ts";

/** What repeating a command does to the end state; decides which retries are allowed. */
export type Effect = "read" | "overwrite" | "accumulate";

/** The order of the effects, from what may always be repeated to what never may; `none` is below them all. */
export const EFFECT_RANK: Readonly<Record<Effect | "none", number>> = { none: 0, read: 1, overwrite: 2, accumulate: 3 };

/**
 * Where a command may run.
 * - `share`      on a lane, together with everybody else's commands
 * - `lease`      alone on a leased connection: it blocks, or changes the session
 * - `subscribe`  on a subscriber connection; only the Pub/Sub part of the client sends it
 */
export type Route = "share" | "lease" | "subscribe";

/** A single argument as it goes on the wire. */
export type Arg = string | Buffer | number;

/** Turns a generic reply into the command's own shape, the same for RESP2 and RESP3. Never called with an error. */
export type ReplyTransform = (reply: Reply) => unknown;

/** Where a command's keys are among `Request.args` (positions do not count the command's name). */
export type KeyPositions =
  | { readonly at: "range"; readonly first: number; readonly last: number; readonly step: number }
  | { readonly at: "count"; readonly count: number; readonly first: number }
  | {
      readonly at: "keyword";
      readonly keyword: string;
      /** The first position where the keyword may stand. */
      readonly from: number;
      /** Whether the last one of that name counts. */
      readonly fromEnd: boolean;
      /** Whether all that follows are keys, not one. */
      readonly many: boolean;
      /** Whether only the first half of all that follows are keys. */
      readonly half: boolean;
    };

/** The nodes of a cluster that a command without a single slot goes to. */
export type SpreadRequest = "multi_shard" | "all_shards" | "all_nodes" | "special";

/** How a cluster spreads a command, and how it joins the replies: the policies of the command's facts. */
export interface Spread {
  readonly request: SpreadRequest;
  /** `agg_sum`, `all_succeeded` …; empty where the replies are one behind the other. */
  readonly response: string;
}

/** The facts about one command that the layers below the client need. One object per command, made once. */
export interface CommandSpec {
  /** In capitals, with its container: `GET`, `CONFIG SET`. */
  readonly name: string;
  readonly effect: Effect;
  readonly route: Route;
  readonly keys: readonly KeyPositions[];
  /** The position of the key of a command that has just one, always there; -1 otherwise. */
  readonly onlyKey: number;
  /** null where a cluster sends it to one node. */
  readonly spread: Spread | null;
}
