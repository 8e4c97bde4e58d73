/** `toServer`: what the client sends; `toClient`: what the server answers. */
export type FaultDirection = "toServer" | "toClient";

/** When a fault acts; times in ms. */
export interface FaultTime {
  /** It begins so much later; default 0: at once. */
  readonly after?: number | undefined;
  /** It ends by itself after so long; default: it lasts until `end()`, `heal()` or `close()`. */
  readonly for?: number | undefined;
}

/** Which connections a fault is for. */
export interface FaultScope extends FaultTime {
  /** The number of a connection, 1 for the first one that was accepted, or a choice of them; default: all, those to come too. */
  readonly connection?: number | ((id: number) => boolean) | undefined;
}

/** Which commands a fault is for. */
export interface CommandScope extends FaultScope {
  /** A name such as `GET` or `CONFIG SET`, in any case, or a choice by the command's words; default: see the fault. */
  readonly command?: string | ((words: readonly string[]) => boolean) | undefined;
  /** Only the n-th of these commands, counted from 1 over all connections; default: each of them. */
  readonly nth?: number | undefined;
}

/** A fault of one direction or of both. */
export interface LinkScope extends CommandScope {
  /** Default `both`. */
  readonly direction?: FaultDirection | "both" | undefined;
}

/** A value of a push: strings become bulk strings, numbers integers. */
export type PushItem = string | number | null | readonly PushItem[];

/** The faults, and how each can be shaped. */
export interface FaultOptions {
  /** Ends connections: at once, at a command, or after a number of bytes. */
  readonly cut: CommandScope & {
    /** By RST instead of FIN; default false. */
    readonly reset?: boolean | undefined;
    /**
     * With `command`. `command`: it never reaches the server, and replies that are on their way are lost; `reply`: the server runs it, and its reply is lost;
     * `mid-reply`: half of the reply arrives. Default `reply`.
     */
    readonly at?: "command" | "reply" | "mid-reply" | undefined;
    /** After so many more bytes in `direction`, of all chosen connections together; these arrive. Not with `command`. */
    readonly afterBytes?: number | undefined;
    /** Where `afterBytes` are counted; default `toClient`. */
    readonly direction?: FaultDirection | undefined;
  };
  /** Ends one direction only: at once, or behind a command (`toServer`) or its reply (`toClient`). */
  readonly halfClose: CommandScope & {
    /** `toClient`: the client reads the end, and may still send; `toServer`: the reverse. Default `toClient`. */
    readonly direction?: FaultDirection | undefined;
  };
  /** Holds everything back, ends of connections too, as a dead link does; from a command on, with `command`. What was held arrives when the fault ends. */
  readonly blackhole: LinkScope;
  /** Forwards slowly: everything, or a command and its reply. */
  readonly slow: LinkScope & {
    /** From 1. */
    readonly bytesPerSecond: number;
  };
  /** Forwards later: everything, or a command and its reply. The order is kept. */
  readonly delay: LinkScope & {
    /** Each way, ms. */
    readonly ms: number;
    /** Up to so much more, at random, ms; default 0. */
    readonly jitter?: number | undefined;
  };
  /** Forwards every byte in a write of its own. */
  readonly split: LinkScope;
  /** Inverts one byte of each chosen reply; default: of every reply. */
  readonly corrupt: CommandScope & {
    /** Which byte; default 0, the one that tells the reply's type. */
    readonly offset?: number | undefined;
  };
  /** Sends a RESP3 push: before the replies of the chosen commands, or, without `command`, once and at once. */
  readonly push: CommandScope & {
    /** Such as `["invalidate", ["key"]]`. */
    readonly items: readonly PushItem[];
  };
  /** Sends a reply that nobody asked for: before the replies of the chosen commands, or, without `command`, once and at once. */
  readonly reply: CommandScope & {
    /** The bytes as they are, such as `+OK\r\n`; a string is Latin-1. */
    readonly raw: string | Buffer;
  };
  /** Drops the chosen replies; default: every reply. The server has run the commands. */
  readonly swallow: CommandScope;
  /** Refuses new connections: nothing listens on the port. */
  readonly refuse: FaultTime;
  /** Accepts new connections and then neither forwards nor answers anything on them, until it ends. */
  readonly stall: FaultScope;
}

/** The name of a fault. */
export type FaultKind = keyof FaultOptions;

/** A fault and its options. */
export type FaultSpec = { [K in FaultKind]: { readonly kind: K; readonly options: FaultOptions[K] } }[FaultKind];

/** All that any fault has; what is not its own was refused. */
export type AnyFaultOptions = CommandScope & {
  readonly direction?: FaultDirection | "both" | undefined;
  readonly afterBytes?: number | undefined;
};
