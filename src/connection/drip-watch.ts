import { withoutStack } from "../base/errors.ts";
import { NOT_BLOCKING } from "../commands/request.ts";
import type { CommandQueue } from "./command-queue.ts";

/**
 * Notices a reply that never ends: one whose command is over, so that nobody wants it, and whose bytes still come one by one. No
 * silence tells of it, and everything behind it waits. Asked now and then, at every tick of the connection.
 */
export class DripWatch {
  #head: object | undefined = undefined;
  #replies = 0;
  #since = 0;

  /** For how long the reply that is due has been wanted by nobody, and was not whole, ms. Replies of a batch count each. */
  duration(queue: CommandQueue, now: number): number {
    const head = queue.head;
    const replies = head?.replies?.length ?? 0;
    if (head === undefined || !head.isOver || head !== this.#head || replies !== this.#replies) {
      this.#head = head;
      this.#replies = replies;
      this.#since = now;
      return 0;
    }
    // What the server may still hold back is none.
    if (head.blockFor === 0) return 0;
    return Math.max(0, now - this.#since - (head.blockFor === NOT_BLOCKING ? 0 : head.blockFor));
  }
}

export function dripError(): Error {
  return withoutStack(
    () => new Error("the server sends too slowly: a reply did not end, and nobody waits for it any more"),
  );
}
