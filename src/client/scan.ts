import type { Reply } from "../protocol/reply.ts";

/** Options of the scan iterators. */
export interface ScanOptions {
  /** Glob-style pattern; default everything. */
  readonly match?: string | Buffer | undefined;
  /** How many elements the server looks at in one step, a hint; default the server's 10. */
  readonly count?: number | undefined;
}

/** Options of `scanIterator`. */
export interface KeyScanOptions extends ScanOptions {
  /** Only keys of this type, such as `hash`. */
  readonly type?: string | undefined;
}

/** The options as the command's arguments. */
export function scanArguments(options: KeyScanOptions): (string | Buffer | number)[] {
  const args: (string | Buffer | number)[] = [];
  if (options.match !== undefined) args.push("MATCH", options.match);
  if (options.count !== undefined) args.push("COUNT", options.count);
  if (options.type !== undefined) args.push("TYPE", options.type);
  return args;
}

/**
 * Follows a cursor to its end. What SCAN promises holds: an element that is there all the time comes at least once, one that is added or
 * removed meanwhile may or may not come, and one may come twice.
 */
export async function* scanAll<T>(
  step: (cursor: string) => Promise<unknown>,
  shape: (elements: readonly Reply[]) => Iterable<T>,
): AsyncGenerator<T, void, undefined> {
  let cursor = "0";
  do {
    const [next, elements] = (await step(cursor)) as [Reply, Reply[]];
    cursor = String(next);
    yield* shape(elements);
  } while (cursor !== "0");
}

/** The elements as they are. */
export function single<T extends Reply>(elements: readonly Reply[]): Iterable<T> {
  return elements as readonly T[];
}

/** Neighbours as pairs. */
export function* pairs<A extends Reply, B>(elements: readonly Reply[], second: (reply: Reply) => B): Generator<[A, B]> {
  for (let index = 0; index + 1 < elements.length; index += 2) {
    yield [elements[index] as A, second(elements[index + 1] ?? null)];
  }
}
