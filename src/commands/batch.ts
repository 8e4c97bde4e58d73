import { ProtocolError, ServerError, WatchError } from "../base/errors.ts";
import { encodeOpening } from "../protocol/encoder.ts";
import type { Payload } from "../base/transport.ts";
import type { Reply } from "../protocol/reply.ts";
import { ownError } from "./redact.ts";
import { inShape, NOT_BLOCKING, Request, RequestDetails } from "./request.ts";
import { EFFECT_RANK, type CommandSpec, type Effect, type ReplyTransform } from "./spec.ts";

/** Pieces around the commands: nothing for a pipeline, MULTI and EXEC for a transaction. */
const FRAME = {
  PIPELINE: { before: "", after: "", extra: 0 },
  MULTI: { before: `${encodeOpening(["MULTI"], 0)}\r\n`, after: `${encodeOpening(["EXEC"], 0)}\r\n`, extra: 2 },
} as const;

/** Makes the one request that carries many commands in one piece: they are written, answered and retried together. */
export function batchRequest(kind: "PIPELINE" | "MULTI", parts: readonly Request[], watched: boolean): Request {
  let effect: Effect = "read";
  let blockFor = NOT_BLOCKING;
  let alone = false;
  for (const part of parts) {
    if (EFFECT_RANK[part.effect] > EFFECT_RANK[effect]) effect = part.effect;
    if (part.route !== "share") alone = true;
    // Inside MULTI nothing blocks.
    if (kind === "PIPELINE" && part.blockFor !== NOT_BLOCKING) blockFor = addBlock(blockFor, part.blockFor);
  }
  const spec: CommandSpec = {
    name: kind,
    effect,
    route: alone ? "lease" : "share",
    keys: [],
    onlyKey: -1,
    spread: null,
  };
  const frame = FRAME[kind];
  const transform = kind === "MULTI" ? execResults(parts, watched) : pipelineResults(parts);
  const details = new RequestDetails<Request>(effect, blockFor, parts, parts.length + frame.extra);
  return new Request(spec, [], joined(frame, parts), transform, spec.route, details);
}

function addBlock(sum: number, block: number): number {
  if (sum === 0 || block === 0) return 0;
  return sum === NOT_BLOCKING ? block : sum + block;
}

function joined(frame: { before: string; after: string }, parts: readonly Request[]): Payload {
  let text: string = frame.before;
  let pieces: (string | Buffer)[] | null = null;
  for (const { payload } of parts) {
    if (typeof payload === "string") {
      text += payload;
      continue;
    }
    pieces ??= [];
    if (text !== "") pieces.push(text);
    text = "";
    pieces.push(...payload);
  }
  text += frame.after;
  if (pieces === null) return text;
  if (text !== "") pieces.push(text);
  return pieces;
}

/** One reply in its command's own shape; an error stays in its place. */
function resultOf(part: Request, reply: Reply): unknown {
  if (reply instanceof ServerError) return ownError(reply, part);
  try {
    return inShape(part, reply);
  } catch (error) {
    return error;
  }
}

function pipelineResults(parts: readonly Request[]): ReplyTransform {
  return (replies) => parts.map((part, index) => resultOf(part, (replies as Reply[])[index] ?? null));
}

function execResults(parts: readonly Request[], watched: boolean): ReplyTransform {
  return (replies) => {
    const all = replies as Reply[];
    const results = all.at(-1) ?? null;
    if (Array.isArray(results)) {
      if (results.length !== parts.length) throw wrongExec(`${results.length} results for ${parts.length} commands`);
      return parts.map((part, index) => resultOf(part, results[index] ?? null));
    }
    const refused = all.findIndex((reply) => reply instanceof ServerError);
    const error = all[refused];
    if (error instanceof ServerError) {
      const part = parts[refused - 1];
      if (part === undefined) error.command = "MULTI";
      else ownError(error, part);
      if (refused === 0 && all.some((reply, index) => index > 0 && !(reply instanceof ServerError))) {
        error.outcome = "unknown";
        error.message += "; without MULTI, the commands behind it ran one by one";
      }
      throw error;
    }
    if (results !== null) throw wrongExec("no list of results");
    if (watched)
      throw new WatchError(1, "a watched key was changed before EXEC; nothing was applied", { command: "EXEC" });
    throw wrongExec("no results, although nothing was watched");
  };
}

function wrongExec(came: string): ProtocolError {
  return new ProtocolError(`EXEC gave ${came}: is this a Redis server, or a proxy that changes replies?`, {
    command: "EXEC",
  });
}
