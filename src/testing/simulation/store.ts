type Value = string | string[] | Map<string, string>;

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

  clear(): void {
    for (const key of this.keys()) this.delete(key);
  }
}
