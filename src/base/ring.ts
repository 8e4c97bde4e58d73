/**
 * A queue in a circular array: push, shift and index in constant time, no allocation when warm.
 * The in-flight queue of a connection, the waiters of a pool and the commands before a connection are rings.
 */
export class Ring<T> {
  #slots: (T | undefined)[];
  #mask: number;
  #head = 0;
  #size = 0;

  constructor(capacity = 16) {
    const rounded = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#slots = Array.from({ length: rounded }, () => undefined);
    this.#mask = rounded - 1;
  }

  get size(): number {
    return this.#size;
  }

  push(value: T): void {
    if (this.#size > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#size) & this.#mask] = value;
    this.#size++;
  }

  /** The first value, or undefined when empty. */
  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  /** Takes the first value out, or gives undefined when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#size--;
    return value;
  }

  /** The value at a position counted from the head, which must exist. */
  at(index: number): T {
    return this.#slots[(this.#head + index) & this.#mask] as T;
  }

  /** Keeps, in order, what the predicate approves; from position `start` on. Returns how many went. */
  retain(keep: (value: T) => boolean, start = 0): number {
    let kept = Math.min(start, this.#size);
    for (let index = kept; index < this.#size; index++) {
      const value = this.at(index);
      if (!keep(value)) continue;
      this.#slots[(this.#head + kept) & this.#mask] = value;
      kept++;
    }
    const gone = this.#size - kept;
    for (let index = kept; index < this.#size; index++) this.#slots[(this.#head + index) & this.#mask] = undefined;
    this.#size = kept;
    return gone;
  }

  /** Takes everything out, in order. */
  drain(): T[] {
    const all: T[] = [];
    while (this.#size > 0) all.push(this.shift() as T);
    return all;
  }

  #grow(): void {
    const size = this.#size;
    const slots: (T | undefined)[] = Array.from({ length: this.#slots.length * 2 }, () => undefined);
    for (let index = 0; index < size; index++) slots[index] = this.at(index);
    this.#slots = slots;
    this.#mask = slots.length - 1;
    this.#head = 0;
  }
}
