import type { AnyFaultOptions, FaultDirection, FaultKind, FaultSpec } from "./options.ts";

/** A fault that was injected. `await using` ends it. */
export interface Fault extends AsyncDisposable {
  readonly kind: FaultKind;
  /** How often it struck: commands, connections that it cut, or pieces of the stream; 0: not yet. */
  readonly hits: number;
  /** Whether it is over; one that acts once is over when it has. */
  readonly isOver: boolean;
  /** Ends it; what it held back arrives. Settles when that is true: after `refuse`, when the port listens again. */
  end(): Promise<void>;
}

/** The proxy, as a fault sees it. */
export interface FaultListener {
  faultBegan(fault: ActiveFault): void;
  faultEnded(fault: ActiveFault): Promise<void>;
}

/** One fault from its injection to its end: its times, and what it is for. */
export class ActiveFault implements Fault {
  readonly spec: FaultSpec;
  hits = 0;
  /** Bytes that a cut after so many of them still lets pass. */
  bytesLeft: number;
  /** Settles at its end. */
  readonly ended: Promise<void>;
  readonly #listener: FaultListener;
  readonly #options: AnyFaultOptions;
  #state: "due" | "active" | "over" = "due";
  #timer: NodeJS.Timeout | undefined;
  #seen = 0;
  #settle: () => void = () => undefined;

  constructor(spec: FaultSpec, listener: FaultListener) {
    this.spec = spec;
    this.#options = spec.options;
    this.#listener = listener;
    this.bytesLeft = this.#options.afterBytes ?? Number.POSITIVE_INFINITY;
    this.ended = new Promise((resolve) => (this.#settle = resolve));
  }

  get kind(): FaultKind {
    return this.spec.kind;
  }

  get isActive(): boolean {
    return this.#state === "active";
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Whether it waits for a command, instead of acting on everything. */
  get isByCommand(): boolean {
    return this.#options.command !== undefined || this.kind === "corrupt" || this.kind === "swallow";
  }

  /** Begins it, now or when it is due. */
  schedule(): void {
    const { after = 0 } = this.#options;
    if (after === 0) this.#begin();
    else this.#timer = setTimeout(() => this.#begin(), after).unref();
  }

  async end(): Promise<void> {
    if (this.#state === "over") return;
    this.#state = "over";
    clearTimeout(this.#timer);
    this.#settle();
    await this.#listener.faultEnded(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  isFor(connection: number): boolean {
    const chosen = this.#options.connection;
    if (chosen === undefined) return true;
    return typeof chosen === "number" ? chosen === connection : chosen(connection);
  }

  /** Whether it acts in a direction, where it has one. */
  isToward(direction: FaultDirection): boolean {
    const { direction: own = "both" } = this.#options;
    return own === "both" || own === direction;
  }

  /** Counts a command that it may be for. @returns whether it strikes */
  strikes(words: readonly string[]): boolean {
    const { command, nth } = this.#options;
    const chosen = typeof command === "function" ? command(words) : command === undefined || isNamed(words, command);
    if (!chosen) return false;
    this.#seen++;
    if (nth !== undefined && this.#seen !== nth) return false;
    this.hits++;
    return true;
  }

  #begin(): void {
    this.#state = "active";
    const { for: lasts } = this.#options;
    if (lasts !== undefined) this.#timer = setTimeout(() => void this.end(), lasts).unref();
    this.#listener.faultBegan(this);
  }
}

function isNamed(words: readonly string[], name: string): boolean {
  return name
    .trim()
    .split(/\s+/)
    .every((word, index) => words[index]?.toUpperCase() === word.toUpperCase());
}
