/**
 * Every error that leaves the library.
 *
 * `outcome` says what is known about the command on the server:
 * - `not-sent`  it never left this process, so it never ran
 * - `rejected`  the server answered with an error
 * - `unknown`   it was written and no reply came: it may have run
 *
 * No message, field or cause ever holds an argument's value; see docs/errors.md.
 */
export type Outcome = "not-sent" | "rejected" | "unknown";

/** Makes errors without capturing a stack: for those that come in thousands and whose stack is only the event loop's. */
export function withoutStack<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Facts that an error carries beside its message. */
export interface ErrorFacts {
  /** What led to it; never holds an argument's value. */
  readonly cause?: unknown;
  /** The command's name in capitals, such as `GET` or `CONFIG SET`. */
  readonly command?: string;
  /** `host:port`, or the path of the unix socket. */
  readonly node?: string;
}

/**
 * On the prototype; and the fields below are only declared: each would be set twice. Errors come in hundreds of thousands while a
 * server is out of reach, and their fields were two fifths of what they cost then.
 */
function named(type: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(type.prototype, "name", { value: name, writable: true, configurable: true });
}

/** The base of all errors: `code` to switch on, `outcome` to decide what to do next. */
export class RedisError extends Error {
  declare readonly name: string;

  static {
    named(this, "RedisError");
  }

  /** `ERR_POOL_TIMEOUT` and the like; of a `ServerError`, the first word of the reply. */
  declare readonly code: string;
  /** What is known about the command; an earlier attempt that may have run counts. */
  declare outcome: Outcome;
  /** The command's name in capitals, such as `GET` or `CONFIG SET`; undefined where there is none. */
  declare command: string | undefined;
  /** `host:port`, or the path of the unix socket; undefined where it is not known. */
  declare node: string | undefined;

  constructor(code: string, outcome: Outcome, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.outcome = outcome;
    this.command = facts.command;
    this.node = facts.node;
  }
}

/** An option or an argument is not what was expected; nothing was sent. */
export class OptionsError extends RedisError {
  declare readonly name: "OptionsError";

  static {
    named(this, "OptionsError");
  }

  /** The option's or argument's name, such as `maxConnections` or `SET value`. */
  declare readonly option: string;

  constructor(option: string, message: string, facts?: ErrorFacts) {
    super("ERR_OPTIONS", "not-sent", message, facts);
    this.option = option;
  }
}

/** No connection could be made: `code` tells at which step. */
export class ConnectError extends RedisError {
  declare readonly name: "ConnectError";

  static {
    named(this, "ConnectError");
  }

  /** Whether waiting cannot help: a wrong password, an untrusted certificate, a database that does not exist. */
  declare readonly permanent: boolean;

  constructor(code: ConnectErrorCode, message: string, permanent: boolean, facts?: ErrorFacts) {
    super(code, "not-sent", message, facts);
    this.permanent = permanent;
  }

  /** @internal The same error for one of several callers. */
  for(command?: string): ConnectError {
    const facts = command === undefined ? {} : { command };
    const node = this.node === undefined ? {} : { node: this.node };
    return new ConnectError(this.code as ConnectErrorCode, this.message, this.permanent, {
      cause: this.cause,
      ...node,
      ...facts,
    });
  }
}

/** Where connecting failed. */
export type ConnectErrorCode =
  | "ERR_CONNECT_REFUSED"
  | "ERR_CONNECT_TIMEOUT"
  | "ERR_CONNECT_DNS"
  | "ERR_CONNECT_TLS"
  | "ERR_CONNECT_AUTH"
  | "ERR_CONNECT_HANDSHAKE"
  | "ERR_CONNECT_MAX_CLIENTS"
  | "ERR_CONNECT_LOADING"
  | "ERR_CONNECT";

/** The connection ended while the command was on it. */
export class ConnectionLostError extends RedisError {
  declare readonly name: "ConnectionLostError";

  static {
    named(this, "ConnectionLostError");
  }

  /** Why the connection ended, the same word as in `PoolStats.closedBecause`. */
  declare readonly reason: string;

  constructor(outcome: Outcome, reason: string, message: string, facts?: ErrorFacts) {
    super("ERR_CONNECTION_LOST", outcome, message, facts);
    this.reason = reason;
  }
}

/** The command's deadline passed. */
export class CommandTimeoutError extends RedisError {
  declare readonly name: "CommandTimeoutError";

  static {
    named(this, "CommandTimeoutError");
  }

  /** The limit that was reached, ms. */
  declare readonly timeout: number;

  constructor(outcome: Outcome, timeout: number, message: string, facts?: ErrorFacts) {
    super("ERR_COMMAND_TIMEOUT", outcome, message, facts);
    this.timeout = timeout;
  }
}

/** No connection could be leased in time. */
export class PoolTimeoutError extends RedisError {
  declare readonly name: "PoolTimeoutError";

  static {
    named(this, "PoolTimeoutError");
  }

  /** The limit that was reached, ms. */
  declare readonly timeout: number;
  /** Connections that were leased when the wait ended. */
  declare readonly leased: number;
  /** Callers who waited, this one included. */
  declare readonly waiting: number;
  /** The pool's limit. */
  declare readonly maxConnections: number;

  constructor(
    timeout: number,
    state: { leased: number; waiting: number; maxConnections: number },
    message: string,
    facts?: ErrorFacts,
  ) {
    super("ERR_POOL_TIMEOUT", "not-sent", message, facts);
    this.timeout = timeout;
    this.leased = state.leased;
    this.waiting = state.waiting;
    this.maxConnections = state.maxConnections;
  }
}

/** The options that bound a queue; `commandTimeout` by the wait that is to be expected in it. */
export type QueueLimit = "maxWaiting" | "maxInFlight" | "maxQueuedBytes" | "commandTimeout";

/** A bounded queue is full, or so long that the command would be late: nothing was sent. */
export class QueueFullError extends RedisError {
  declare readonly name: "QueueFullError";

  static {
    named(this, "QueueFullError");
  }

  /** The option that holds the limit. */
  declare readonly limit: QueueLimit;

  constructor(limit: QueueLimit, message: string, facts?: ErrorFacts) {
    super("ERR_QUEUE_FULL", "not-sent", message, facts);
    this.limit = limit;
  }
}

/** The client, pool, lease or subscription was closed. */
export class ClosedError extends RedisError {
  declare readonly name: "ClosedError";

  static {
    named(this, "ClosedError");
  }

  constructor(outcome: Outcome, message: string, facts?: ErrorFacts) {
    super("ERR_CLOSED", outcome, message, facts);
  }
}

/** The server answered with an error; `code` is the first word of its reply, such as `WRONGTYPE`. */
export class ServerError extends RedisError {
  declare readonly name: "ServerError";

  static {
    named(this, "ServerError");
  }

  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, "rejected", message, facts);
  }

  /**
   * @internal
   * Makes the error out of an error reply's text (without its type byte and line end).
   * No stack is captured: it would only show the socket's callback, and costs more than the command.
   */
  static fromReply(text: string): ServerError {
    const code = /^[A-Z][A-Z0-9_]*(?= |$)/.exec(text)?.[0] ?? "ERR";
    return withoutStack(() => new ServerError(code, withoutArguments(text)));
  }
}

/** Takes out the arguments that the server repeats in some of its errors: they may be secrets. */
function withoutArguments(text: string): string {
  return text.replace(/,? with args beginning with:.*$/s, "").replace(/(ACL SETUSER modifier) '.*'/s, "$1 '…'");
}

/** A watched key changed before EXEC, as often as it was tried. */
export class WatchError extends RedisError {
  declare readonly name: "WatchError";

  static {
    named(this, "WatchError");
  }

  /** How often it was tried. */
  declare readonly attempts: number;

  constructor(attempts: number, message: string, facts?: ErrorFacts) {
    super("ERR_WATCH", "rejected", message, facts);
    this.attempts = attempts;
  }
}

/** The other side does not speak RESP, or beyond the limits that the decoder keeps. */
export class ProtocolError extends RedisError {
  declare readonly name: "ProtocolError";

  static {
    named(this, "ProtocolError");
  }

  constructor(message: string, facts?: ErrorFacts) {
    super("ERR_PROTOCOL", "unknown", message, facts);
  }
}
