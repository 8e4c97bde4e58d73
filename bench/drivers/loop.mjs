/** Callers, each of which begins its next step when the last one is done. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/**
 * The callers. Where CPU and memory are measured they are callbacks, not async functions: three promises more per command
 * would blur what a client costs. Latencies are taken apart from that, by callers who await each reply.
 */
export class Loop {
  performed = 0;
  #client;
  #call;
  #check;
  #stepsPerTurn;

  /** @param step see workloads/steps.mjs */
  constructor(client, { call, check, stepsPerTurn = Infinity }) {
    this.#client = client;
    this.#call = call;
    this.#check = check;
    this.#stepsPerTurn = stepsPerTurn;
  }

  /** Lets the callers run while `body` does; returns what it returns, after the last reply. */
  async during(inFlight, body) {
    let stopped = false;
    const callers = this.#start(inFlight, () => stopped);
    const result = await Promise.race([body(), callers]);
    stopped = true;
    await callers;
    return result;
  }

  /** A fixed number of steps. */
  exactly(inFlight, count) {
    const end = this.performed + count;
    return this.#start(inFlight, () => this.performed >= end);
  }

  /** The time that each step takes in so many seconds, ms. */
  async timed(inFlight, seconds) {
    const samples = [];
    let stopped = false;
    const caller = async () => {
      while (!stopped) {
        const index = this.performed++;
        const began = performance.now();
        this.#check(await this.#call(this.#client, index), index, this.#client);
        samples.push(performance.now() - began);
        if (this.#endsTurn()) await nextTurn();
      }
    };
    const callers = Promise.all(Array.from({ length: inFlight }, caller));
    await Promise.race([sleep(seconds * 1000), callers]);
    stopped = true;
    await callers;
    return samples;
  }

  #start(inFlight, isOver) {
    return new Promise((resolve, reject) => {
      let running = inFlight;
      const begin = () => {
        let index = 0;
        const next = () => {
          if (isOver()) {
            if (--running === 0) resolve();
            return;
          }
          index = this.performed++;
          this.#call(this.#client, index).then(answered, reject);
        };
        const answered = (reply) => {
          try {
            this.#check(reply, index, this.#client);
          } catch (error) {
            reject(error);
            return;
          }
          if (this.#endsTurn()) setImmediate(next);
          else next();
        };
        next();
      };
      for (let n = 0; n < inFlight; n++) begin();
    });
  }

  /** Steps that wait for nothing would never let go of the event loop. */
  #endsTurn() {
    return this.performed % this.#stepsPerTurn === 0;
  }
}
