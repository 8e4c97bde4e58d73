import type { Clock } from "../base/clock.ts";
import { OptionsError } from "../base/errors.ts";
import type { ResolvedOptions, RetryOptions } from "../base/options.ts";
import { describe } from "../base/validate.ts";
import { NOT_BLOCKING, type Request, type RetryPolicy } from "../commands/request.ts";

/** What can be set anew for the commands of one view: `redis.with(…)`. */
export interface CommandOptions {
  /** Limit of the whole command, ms, retries included; default `commandTimeout`. Blocking commands add their own block time. */
  readonly timeout?: number | undefined;
  /** Ends commands early; they reject with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Retry rules; `false` for no retry. What is left out stays as it was. */
  readonly retry?: RetryOptions | false | undefined;
  /** `primary`: no replica answers, whatever the client's own `readFrom` is. */
  readonly readFrom?: "primary" | undefined;
}

/** The settings of one view, in the form that the hot path reads. */
export interface CommandSettings {
  /** ms; Infinity for none. */
  readonly timeout: number;
  /** Whether the user chose the limit for this view: then it bounds a pop that would block for ever, too. */
  readonly timeoutIsExplicit: boolean;
  readonly signal: AbortSignal | null;
  readonly policy: RetryPolicy | null;
  readonly buffers: boolean;
  /** Whether reads that would go to replicas go to the primary. */
  readonly fromPrimary: boolean;
}

/** @throws OptionsError for what is neither `primary` nor left out */
export function isPrimary(readFrom: unknown): boolean {
  if (readFrom === undefined || readFrom === "primary") return readFrom === "primary";
  throw new OptionsError("readFrom", `readFrom of a view must be "primary", got ${describe(readFrom)}`);
}

/** The settings where no view has changed them. */
export function defaultSettings(options: ResolvedOptions, policy: RetryPolicy | null): CommandSettings {
  return {
    timeout: options.commandTimeout,
    timeoutIsExplicit: false,
    signal: null,
    policy,
    buffers: !options.decodeResponses,
    fromPrimary: false,
  };
}

/** Puts a view's settings on a request that is about to be executed. */
export function applySettings(request: Request, settings: CommandSettings, clock: Clock): void {
  request.buffers = settings.buffers;
  request.policy = settings.policy;
  request.signal = settings.signal;
  if (settings.fromPrimary) request.fromPrimary = true;
  const { blockFor } = request;
  if (blockFor === NOT_BLOCKING) {
    request.timeout = settings.timeout;
  } else if (blockFor > 0) {
    request.timeout = settings.timeout + blockFor;
  } else {
    request.timeout = settings.timeoutIsExplicit ? settings.timeout : Infinity;
  }
  request.deadline = clock.coarseNow() + request.timeout;
}
