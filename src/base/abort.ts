/** Somebody who is told that a signal was aborted. */
export interface AbortListener {
  handleEvent(): void;
}

/**
 * All who wait for one signal, behind a single listener: a signal that ends thousands of commands at once is no leak that Node
 * would have to warn of, and a set is cheaper than its list of listeners. Held by test/failures/cancelled-reply.test.ts.
 */
class AbortGroup {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<AbortListener>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(listener: AbortListener): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener("abort", this);
    this.#listeners.add(listener);
  }

  delete(listener: AbortListener): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#signal.removeEventListener("abort", this);
  }

  handleEvent(): void {
    for (const listener of this.#listeners) listener.handleEvent();
  }
}

const groups = new WeakMap<AbortSignal, AbortGroup>();

/** Tells the listener when the signal is aborted, until `ignoreAbort`. */
export function onAbort(signal: AbortSignal, listener: AbortListener): void {
  let group = groups.get(signal);
  if (group === undefined) {
    group = new AbortGroup(signal);
    groups.set(signal, group);
  }
  group.add(listener);
}

/** Takes the listener back. */
export function ignoreAbort(signal: AbortSignal, listener: AbortListener): void {
  groups.get(signal)?.delete(listener);
}
