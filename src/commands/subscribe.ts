import { encodeCommand } from "../protocol/encoder.ts";
import { NOT_BLOCKING, Request, RequestDetails } from "./request.ts";
import type { Arg } from "./spec.ts";
import { knownCommand } from "./table.ts";

/** Builds a command such as SUBSCRIBE or PUNSUBSCRIBE, which the server answers once for each channel. */
export function subscribeRequest(name: string, channels: readonly Arg[]): Request {
  const spec = knownCommand(name);
  const payload = encodeCommand(spec.name, spec.opening(channels.length), channels);
  const details = new RequestDetails<Request>(spec.effect, NOT_BLOCKING, null, channels.length);
  return new Request(spec, channels, payload, null, "subscribe", details);
}
