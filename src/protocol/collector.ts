/** From this size on, bytes, memory is allocated on its own instead of out of Node's pool. */
const OWN_MEMORY = 4096;

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Collects bytes that come in several chunks. Its memory follows what has come, never what was announced. */
export class Collector {
  readonly #first: number;
  #bytes: Buffer = NO_BYTES;
  #size = 0;

  /** @param first the size from which memory grows by doubling, bytes */
  constructor(first: number) {
    this.#first = first;
  }

  /** How many bytes have come. */
  get size(): number {
    return this.#size;
  }

  /** The memory, of which the first `size` bytes are filled. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** The last byte, or -1. */
  get last(): number {
    return this.#bytes[this.#size - 1] ?? -1;
  }

  /** Copies a part of a chunk. `announced` is the size in the end, bytes, or Infinity: memory never goes beyond. */
  append(chunk: Buffer, from: number, to: number, announced: number): void {
    const size = this.#size + to - from;
    if (size > this.#bytes.length) {
      const room = Math.max(size, Math.min(announced, Math.max(this.#first, this.#bytes.length * 2)));
      const bytes = room < OWN_MEMORY ? Buffer.allocUnsafe(room) : Buffer.allocUnsafeSlow(room);
      this.#bytes.copy(bytes, 0, 0, this.#size);
      this.#bytes = bytes;
    }
    chunk.copy(this.#bytes, this.#size, from, to);
    this.#size = size;
  }

  /** Starts anew in the same memory; what was read from it must have been copied. */
  reuse(): void {
    this.#size = 0;
    if (this.#bytes.length > OWN_MEMORY) this.#bytes = NO_BYTES;
  }

  /** Starts anew and leaves the memory to whoever has it. */
  release(): void {
    this.#size = 0;
    this.#bytes = NO_BYTES;
  }
}

/** A copy of a part of a buffer that is going to be overwritten; a large one pins no memory besides its own. */
export function copyBytes(source: Buffer, from: number, to: number): Buffer {
  const size = to - from;
  const copy = size < OWN_MEMORY ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
  // For a few bytes the call of copy() costs more than this loop: 55 instead of 110 ns.
  if (size <= 16) for (let at = 0; at < size; at++) copy[at] = source[from + at] as number;
  else source.copy(copy, 0, from, to);
  return copy;
}
