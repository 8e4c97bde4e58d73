/** One piece of work that several callers wait for. */
interface Flight<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  /** Callers that wait still. */
  callers: number;
}

/** What is under way, by key: who asks for the same meanwhile gets the same. It is aborted when nobody waits for it any more. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  /** How many have got what another one has asked for. */
  joined = 0;

  get size(): number {
    return this.#flights.size;
  }

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * Runs `work`, or waits for what runs for this key already.
   *
   * @param signal ends the wait of this caller; the work goes on for the others
   */
  run(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | null): Promise<T> {
    let flight = this.#flights.get(key);
    if (flight === undefined) flight = this.#begin(key, work);
    else this.joined++;
    flight.callers++;
    return signal === null ? flight.promise : this.#until(flight, key, signal);
  }

  /** Aborts all that is under way. */
  abort(reason: unknown): void {
    for (const { controller } of this.#flights.values()) controller.abort(reason);
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const promise = work(controller.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight<T> = { promise, controller, callers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #until(flight: Flight<T>, key: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        if (--flight.callers > 0) return;
        // Whoever comes now begins anew: this one is given up.
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.controller.abort(signal.reason);
      };
      if (signal.aborted) {
        leave();
        flight.promise.catch(() => {});
        return;
      }
      signal.addEventListener("abort", leave, { once: true });
      flight.promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }
}
