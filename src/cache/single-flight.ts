/** The signal of some work. It is made when it is first asked for: an AbortController costs more than a look-up that finds its value. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** One piece of work that several callers wait for. */
class Flight<T> implements SignalSource {
  promise: Promise<T> | null = null;
  /** Callers that wait still. */
  callers = 0;
  #controller: AbortController | null = null;

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

/** What is under way, by key: who asks for the same meanwhile gets the same. It is aborted when nobody waits for it any more. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  /** How many have got what another one has asked for. */
  joined = 0;

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * Runs `work`, or waits for what runs for this key already.
   *
   * @param signal ends the wait of this caller; the work goes on for the others
   */
  run(key: string, work: (own: SignalSource) => Promise<T>, signal: AbortSignal | null): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = new Flight<T>();
      this.#flights.set(key, flight);
      flight.promise = this.#fly(key, flight, work);
    } else {
      this.joined++;
    }
    flight.callers++;
    const promise = flight.promise as Promise<T>;
    return signal === null ? promise : this.#until(flight, promise, key, signal);
  }

  /** Whoever asks for it now begins anew; those who wait get what is under way. */
  forget(key: string): void {
    this.#flights.delete(key);
  }

  /** The same for all keys. */
  forgetAll(): void {
    this.#flights.clear();
  }

  /** Aborts all that is under way. */
  abort(reason: unknown): void {
    for (const flight of this.#flights.values()) flight.abort(reason);
  }

  async #fly(key: string, flight: Flight<T>, work: (own: SignalSource) => Promise<T>): Promise<T> {
    try {
      return await work(flight);
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
      // A Map that grows anew keeps its older tables, with what was in them, until the next full collection: not the values, too.
      flight.promise = null;
    }
  }

  #until(flight: Flight<T>, promise: Promise<T>, key: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        if (--flight.callers > 0) return;
        // Whoever comes now begins anew: this one is given up.
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }
}
