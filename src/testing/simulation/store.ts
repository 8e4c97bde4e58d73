/** What a key holds. */
export type Value = string | string[] | Map<string, string>;

/** A command for values of another kind than the key's. */
export class WrongTypeError extends Error {}

/** One numbered database: strings, lists and hashes, with a version per key for WATCH. */
export class Database {
  readonly #values = new Map<string, Value>();
  readonly #versions = new Map<string, number>();

  get size(): number {
    return this.#values.size;
  }

  /** Grows with every change of the key. */
  version(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  keys(): string[] {
    return [...this.#values.keys()];
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === undefined || typeof value === "string") return value;
    throw new WrongTypeError();
  }

  list(key: string): string[] | undefined {
    const value = this.#values.get(key);
    if (value === undefined || Array.isArray(value)) return value;
    throw new WrongTypeError();
  }

  hash(key: string): Map<string, string> | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value instanceof Map) return value;
    throw new WrongTypeError();
  }

  set(key: string, value: Value): void {
    const isEmpty = typeof value !== "string" && ("size" in value ? value.size : value.length) === 0;
    if (isEmpty) this.#values.delete(key);
    else this.#values.set(key, value);
    this.#versions.set(key, this.version(key) + 1);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    this.#versions.set(key, this.version(key) + 1);
    return true;
  }

  /** Takes a key out, to be put elsewhere. */
  take(key: string): Value | undefined {
    const value = this.#values.get(key);
    this.delete(key);
    return value;
  }

  copy(): Database {
    const copy = new Database();
    for (const [key, value] of this.#values) copy.#values.set(key, value); // values are never changed in place
    for (const [key, version] of this.#versions) copy.#versions.set(key, version);
    return copy;
  }

  /**
   * One step of SCAN. The cursor is a place in the order of the keys' hashes, so a key that stays is found whatever comes and goes.
   *
   * @param seed of the hash, another one for each server: the cursor of one means nothing to another
   * @returns the next cursor, 0 at the end
   */
  scan(cursor: number, count: number, seed: string): [next: number, keys: string[]] {
    const order = this.keys()
      .map((key) => ({ key, place: placeOf(seed + key) }))
      .filter(({ place }) => place >= cursor)
      .toSorted((one, other) => one.place - other.place);
    const last = order[count - 1]?.place ?? Infinity;
    const next = order.find(({ place }) => place > last)?.place ?? 0;
    return [next, order.filter(({ place }) => place <= last).map(({ key }) => key)];
  }

  clear(): void {
    for (const key of this.keys()) this.delete(key);
  }
}

/** A hash, from 1. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 8) + 1;
}
