import { ServerError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";
import type { Reply } from "../protocol/reply.ts";

const KINDS = new Set(["subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"]);

/** Whether an array is a message or a confirmation: RESP2 sends them like replies. */
export function isSubscriptionMessage(reply: readonly Reply[]): boolean {
  const kind = String(reply[0]);
  return KINDS.has(kind) || kind === "message" || kind === "pmessage" || kind === "smessage";
}

/** Whether a confirmation is the answer to this very command. */
export function confirms(request: Request, kind: string, channel: Reply): boolean {
  if (!KINDS.has(kind) || request.spec.name.toLowerCase() !== kind) return false;
  const name = Buffer.isBuffer(channel) ? channel : Buffer.from(String(channel));
  return request.args.some((arg) => name.equals(Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))));
}

/** Where a slot has moved, the server's own `sunsubscribe` was taken for the answer to SUNSUBSCRIBE, and this is the real one. */
export function mayAnswerUnsubscribe(reply: Reply): boolean {
  return reply instanceof ServerError && reply.code === "MOVED";
}
